"""Usual calls of a log, gathered by series and counted many at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from pepperpy_obs.aggregate.accumulator import SeriesAccumulator
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.formats.fast_decode import FastEvent
from pepperpy_obs.replay.bulk import sums_of
from pepperpy_obs.replay.moments import moment_of, ns_of

__all__ = ["Group", "Groups", "Line"]

_Which = tuple[str | None, str | None, str | None, str | None, str | None]
"""Operation, agent, kind, provider and model: whose call it is."""


class Line(NamedTuple):
    """A line, and where it stands."""

    text: bytes
    name: str
    number: int


class Group:
    """Calls of one series that were seen within the current interval and are not counted yet.

    The fold appends to the lists itself.
    """

    __slots__ = (
        "accumulator",
        "agent",
        "asks",
        "kind",
        "lines",
        "model",
        "moments",
        "ordered",
        "peak",
        "provider",
        "records",
        "requests",
        "seconds",
        "waits",
    )  # fmt: skip

    def __init__(self, whose: _Which, accumulator: SeriesAccumulator) -> None:
        _, self.agent, self.kind, self.provider, self.model = whose
        self.asks = _is_request(whose)
        """Whether they are requests to a language model."""
        self.accumulator = accumulator
        self.peak = accumulator.peak
        """From how many seconds on a call is one to look at, for it may be the exemplar."""
        self.records: list[tuple[int, FastEvent, Line]] = []
        """Calls that took as long as any before: which of `seconds` they are, and their lines."""
        self.seconds: list[float] = []
        self.moments: list[datetime] = []
        """When they ended, one for each of `seconds`."""
        self.ordered = True
        """Whether they did so in this order."""
        self.waits: list[float] = []
        """How long it took until the first item came, in those that had one."""
        self.requests: list[Any] = []
        self.lines: list[Line] = []
        """`FastRequest` and line, one of each for each of `seconds`, if the group `asks`."""

    def keep(self, seen: FastEvent, line: Line) -> None:
        """Keep what a call has beside its duration: as a request, or as a stream."""
        if self.asks:
            self.requests.append(seen)
            self.lines.append(line)
        if seen.time_to_first_item_seconds is not None:
            self.waits.append(seen.time_to_first_item_seconds)

    def count(self) -> None:
        """Count them; ValueError, with nothing counted, if an amount might not be counted by itself."""
        sums = sums_of(self.requests) if self.requests else None
        accumulator, seconds, moments = self.accumulator, self.seconds, self.moments
        if seconds:
            if not self.ordered:
                moments.sort()
            first, last = ns_of(moments[0]), ns_of(moments[-1])
            if accumulator.empty:
                accumulator.begin(first)
            accumulator.finish_some(seconds, len(seconds), first, last)
        if self.waits:
            accumulator.wait_some(self.waits)
        if sums is not None:
            accumulator.request_some(sums)
        accumulator.settle()
        self.clear()

    def take_back(self, place: int, seen: FastEvent) -> None:
        """Let go of one of them."""
        del self.seconds[place], self.moments[place]
        if self.asks:
            del self.requests[place], self.lines[place]
        if seen.time_to_first_item_seconds is not None:
            self.waits.remove(seen.time_to_first_item_seconds)

    def clear(self) -> None:
        """Let go of all."""
        self.ordered = True
        for one in (self.records, self.seconds, self.moments, self.waits, self.requests, self.lines):
            one.clear()


class Groups:
    """The groups of one interval: the current one of `store` while `are_of` says so.

    With `by_attributes`, requests are none of theirs: the store counts each of these by its fields, too.
    """

    def __init__(self, store: Store, *, by_attributes: bool) -> None:
        self._store = store
        self._by_attributes = by_attributes
        low, high, self._index = store.current
        self.begin, self.end = moment_of(low), moment_of(high)
        self.newest = self.begin
        """When the newest call ended that came in order."""
        self.latest: dict[str | None, Group] = {}
        """By operation, the group of its latest call: that of its next one, mostly."""
        self._all: dict[_Which, Group] = {}
        self._asking: list[Group] = []

    def are_of(self, store: Store) -> bool:
        """Tell whether `store` has that current interval still."""
        return store.current[2] is self._index

    def of(self, seen: FastEvent) -> Group | None:
        """Return where a usual call is gathered; None if it is to be folded by itself, as the first of a series is."""
        whose = _which(seen)
        group = self._all.get(whose)
        if group is None:
            if self._by_attributes and _is_request(whose):
                return None
            accumulator = self._store.accumulator(whose, ns_of(seen.timestamp))
            if accumulator is None:
                return None
            group = self._all[whose] = Group(whose, accumulator)
            if group.asks:
                self._asking.append(group)
        self.latest[seen.operation] = group
        return group

    def waiting(self, *, asking: bool = False) -> list[Group]:
        """Return those that hold calls; those of requests only if they are `asking`."""
        return [group for group in (self._asking if asking else self._all.values()) if group.seconds]


def _which(seen: FastEvent) -> _Which:
    return seen.operation, seen.agent, seen.kind, seen.provider, seen.model


def _is_request(whose: _Which) -> bool:
    """Tell whether all calls of a series are requests to a language model."""
    return bool(whose[3] or whose[4]) or whose[2] == "llm"
