"""From lines to statistics: each event is folded once, everything else is counted and the first of it is named."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple, cast

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.formats.fast_decode import FastCall, FastEvent, fast_decode
from pepperpy_obs.formats.read import read_event, read_ours
from pepperpy_obs.replay.fast_groups import Group, Groups, Line
from pepperpy_obs.replay.known_ids import KnownIds, digests_of
from pepperpy_obs.replay.lines import LONGEST, TOO_LONG, LogFile, Splitter, filled
from pepperpy_obs.replay.moments import TimeReader, ns_of
from pepperpy_obs.sanitize.map_fields import OUR_EVENTS

__all__ = ["MOST_NAMED", "Fold", "Named"]

MOST_NAMED: Final = 10
"""Lines that are named."""
_MOST_WAITING: Final = 8192
"""Calls that are gathered before they are counted: so many that most series have some of them."""
_id_of: Final[Callable[[FastEvent], str]] = attrgetter("event_id")
_time_of: Final[Callable[[FastEvent], datetime]] = attrgetter("timestamp")


class Named(NamedTuple):
    """A line that was passed over, or with `number` None a file that was not read to its end, and why."""

    name: str
    number: int | None
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}" if self.number is None else f"{self.name}:{self.number}: {self.reason}"


class Fold:
    """Folds lines of any of our formats into a store; `lock` is held meanwhile, but for one piece of a file at most.

    Hold `lock` to read `store` while another thread folds. Lines that were only gathered are counted before a read.
    An event whose `event_id` came before is counted once: see `KnownIds` for how many ids are known again.

    >>> fold = Fold(Store())
    >>> fold.lines([b'{"event": "user.came", "who": "ann"}', b""], "app.log")
    2
    >>> fold.events, fold.passed_over, fold.named
    (0, 1, ["app.log:1: not an event of ours: event is 'user.came'"])
    """

    def __init__(self, store: Store, ids: KnownIds | None = None) -> None:
        self._store = store
        self._by_attributes = bool(store.attributes)
        self._read = read_event if store.attributes else read_ours
        self.lock = threading.RLock()
        self.ids = ids or KnownIds()
        """The ids of what was counted."""
        self._events = 0
        self._passed_over = 0
        self._doubles = 0
        self._named: list[Named] = []
        self._times = TimeReader()
        self._groups = self._new_groups()
        self._waiting = 0
        """How many lines have been looked at since all were counted."""

    @property
    def store(self) -> Store:
        """Where everything that was folded is counted."""
        with self.lock:
            self._count()
        return self._store

    @property
    def events(self) -> int:
        """Lines that were events of ours, and are counted."""
        with self.lock:
            self._count()
        return self._events

    @property
    def seen(self) -> int:
        """About as many; asks for no lock, and so for no wait."""
        return self._events

    @property
    def passed_over(self) -> int:
        """Lines that were no events of ours; empty ones are no lines."""
        with self.lock:
            self._count()
        return self._passed_over

    @property
    def doubles(self) -> int:
        """Events that came again, and were not counted again."""
        return self._doubles

    @property
    def named(self) -> list[str]:
        """The first of these that were passed over: file, line number and reason."""
        return [str(one) for one in self.named_lines]

    @property
    def named_lines(self) -> list[Named]:
        """The same, not written out."""
        with self.lock:
            self._count()
        return self._named

    def expect(self, newest: int | None) -> None:
        """Take note that an event of the time `newest` is among the lines to come: see `Store.expect`."""
        if newest is not None:
            with self.lock:
                self._store.expect(newest)

    def file(self, log: LogFile) -> Iterator[int]:
        """Fold a whole file, and yield on the way how many of its bytes on disk are done."""
        splitter = Splitter()
        number = 0
        for piece in log.pieces():
            number = self.lines(splitter.feed(piece), log.name, number)
            yield log.position
        self.lines(splitter.rest(), log.name, number)
        if log.error:
            self._named.append(Named(log.name, None, log.error))

    def lines(self, lines: list[bytes], name: str, number: int = 0) -> int:
        """Fold lines of a file of which `number` came before; return how many it has now."""
        full, numbers = filled(lines, number)
        with self.lock:
            self._fold_lines(full, numbers, name)
        return number + len(lines)

    def _fold_lines(self, lines: list[bytes], numbers: Sequence[int], name: str) -> None:
        seen: Sequence[FastEvent | None] = fast_decode(lines)
        if doubles := self._doubles_among(seen):
            places = [place for place, one in enumerate(seen) if id(one) not in doubles]
            lines, numbers = [lines[place] for place in places], [numbers[place] for place in places]
            seen = [seen[place] for place in places]
        place = 0
        while place < len(lines):
            place = self._gather(lines, seen, place, (name, numbers))
        for group in self._groups.waiting(asking=True):  # they hold all of their lines
            self._count_group(group)
        self._waiting += len(lines)
        if self._waiting >= _MOST_WAITING:
            self._count()

    def _doubles_among(self, seen: Sequence[FastEvent | None]) -> set[int]:
        """Take note of these events, and return which of them (by `id`) were counted before."""
        known = cast("Sequence[FastEvent]", seen)
        try:
            digests = digests_of([*map(_id_of, known)])
        except (AttributeError, TypeError):  # some are None, or have no id: to ask each costs more than to try
            known = [one for one in seen if one is not None and one.event_id is not None]
            digests = digests_of([one.event_id or "" for one in known])
        if not known:
            return set()
        moments = sorted(map(_time_of, known))  # they mostly are: one comparison for each, for both ends
        again = self.ids.doubles_of(digests, ns_of(moments[0]), ns_of(moments[-1]))
        self._doubles += len(again)
        return {id(known[place]) for place in again}

    def _gather(
        self, lines: Sequence[bytes], glances: Sequence[FastEvent | None], start: int, where: tuple[str, Sequence[int]]
    ) -> int:
        """Gather usual calls from place `start` on, and fold other lines, up to one that turns to another interval.

        Return the place after it. `where` is the file, and the number of each line.
        """
        groups = self._groups = self._groups if self._groups.are_of(self._store) else self._new_groups()
        begin, newest, end, latest = groups.begin, groups.newest, groups.end, groups.latest
        name, numbers = where
        others, stray = 0, False
        for place, seen in enumerate(glances[start:] if start else glances, start):
            if seen is not None and (
                newest <= (moment := seen.timestamp) < end or (begin <= moment < end and (stray := True))
            ):
                group = latest.get(seen.operation)
                is_call = seen.__class__ is FastCall  # it has no provider, no model and no first item
                if (
                    group is None
                    or seen.agent != group.agent
                    or seen.kind != group.kind
                    or ((group.asks or not is_call) and (seen.provider, seen.model) != (group.provider, group.model))
                ):
                    group = groups.of(seen)
                if group is not None:
                    group.moments.append(moment)
                    if stray:
                        group.ordered = stray = False
                    else:
                        newest = moment
                    seconds = seen.duration_seconds
                    if seconds >= group.peak:
                        group.peak = seconds
                        group.records.append((len(group.seconds), seen, Line(lines[place], name, numbers[place])))
                    group.seconds.append(seconds)
                    if not is_call:
                        group.keep(seen, Line(lines[place], name, numbers[place]))
                    continue
                stray = False
            others += 1
            self._line(Line(lines[place], name, numbers[place]), known=seen is not None)
            if not groups.are_of(self._store):
                self._events += place + 1 - start - others
                return place + 1
        groups.newest = newest
        self._events += len(glances) - start - others
        return len(glances)

    def _new_groups(self) -> Groups:
        return Groups(self._store, by_attributes=self._by_attributes)

    def _count(self) -> None:
        """Count all that was gathered."""
        for group in self._groups.waiting():
            self._count_group(group)
        self._waiting = 0

    def _count_group(self, group: Group) -> None:
        self._look_at_slowest(group)
        try:
            group.count()
        except ValueError:  # some amount may be none: each line is to tell whether it is its own
            self._events -= len(group.lines)
            lines = group.lines.copy()
            group.clear()
            for line in lines:
                self._line(line, known=True)

    def _look_at_slowest(self, group: Group) -> None:
        """Take the slowest call for the exemplar; if it is not in order after all, it is passed over."""
        slowest = 0.0
        while group.records and group.seconds[group.records[-1][0]] >= slowest:
            place, seen, line = group.records.pop()
            try:
                event = read_ours(line.text)
            except ValueError:  # a first look does not see everything
                group.take_back(place, seen)
                self._events -= 1
                self._line(line, known=True)
                continue
            slowest = seen.duration_seconds
            if event.get("trace_id"):
                at = self._times.read(event["timestamp"])
                group.accumulator.show(slowest, at, event["trace_id"], event.get("span_id", ""))
        group.records.clear()
        group.peak = group.accumulator.peak

    def _line(self, line: Line, *, known: bool = False) -> None:
        """Fold one line; `known` says that its id has been taken note of."""
        if not line.text or line.text.isspace():
            return
        if len(self._named) >= MOST_NAMED and b"{" not in line.text:  # no JSON object
            self._passed_over += 1
            return
        try:
            event, at = self._event(line.text)
            if not known and self._came_before(event, at):
                self._doubles += 1
                return
            self._take(event, at)
        except Exception as error:  # whatever a line holds, the others are read
            self._passed_over += 1
            if len(self._named) < MOST_NAMED:
                told = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
                self._named.append(Named(line.name, line.number, told))
        else:
            self._events += 1

    def _event(self, line: bytes) -> tuple[dict[str, Any], int]:
        """Return the event in a line, and its time; ValueError if there is none of ours."""
        if line is TOO_LONG:
            msg = f"longer than {LONGEST} bytes"
            raise ValueError(msg)
        event = self._read(line)
        if event.get("event") not in OUR_EVENTS:
            msg = f"not an event of ours: event is {event.get('event')!r:.80}"
            raise ValueError(msg)
        return event, self._times.read(event.get("timestamp", ""))

    def _came_before(self, event: dict[str, Any], at: int) -> bool:
        """Take note of an event's id, and tell whether it was counted before."""
        name = event.get("event_id")
        return name is not None and bool(self.ids.doubles((name,), at, at))

    def _take(self, event: dict[str, Any], at: int) -> None:
        begin, end, _ = self._store.current
        if not begin <= at < end:  # the store turns to another interval
            self._count()
        self._store.fold(event, at)
