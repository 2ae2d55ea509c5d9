"""From lines to statistics: events are folded, everything else is counted and the first of it is named."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.processors.collect import epoch_ns
from pepperpy_obs.processors.fields import OUR_EVENTS
from pepperpy_obs.processors.glance import Seen, glance
from pepperpy_obs.processors.read import read_event, read_ours
from pepperpy_obs.replay.groups import Group, Groups
from pepperpy_obs.replay.lines import LONGEST, TOO_LONG, LogFile, Splitter

__all__ = ["Fold"]

_MOST_NAMED: Final = 10
_MOST_WAITING: Final = 8192
"""Calls that are gathered before they are counted: so many that most series have some of them."""


class _Piece(NamedTuple):
    """Lines that are looked at together: what a first look has shown, and where they come from."""

    lines: Sequence[bytes]
    glances: Sequence[Seen | None]
    name: str
    number: int


class Fold:
    """Folds lines of any of our formats into a store; `lock` is held meanwhile, but for one piece of a file at most.

    Who reads `store` while another thread folds is to hold `lock`: calls that were only gathered are counted then.

    >>> fold = Fold(Store())
    >>> fold.lines([b'{"event": "user.came", "who": "ann"}', b""], "app.log")
    2
    >>> fold.events, fold.passed_over, fold.named
    (0, 1, ["app.log:1: not an event of ours: event is 'user.came'"])
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_attributes = bool(store.attributes)
        self._read = read_event if store.attributes else read_ours
        self.lock = threading.Lock()
        self.events = 0
        """Lines that were events of ours, and are counted."""
        self.passed_over = 0
        """Lines that were not; empty ones are no lines."""
        self.named: list[str] = []
        """The first of these: file, line number and reason."""
        self._second = ""
        self._start = 0
        self._groups = self._new_groups()
        self._waiting = 0
        """How many lines have been looked at since all were counted."""
        self._piece = _Piece((), (), "", 0)
        self._gathered = range(0)
        """The places in the piece of what was gathered from it, within the slot at hand."""

    @property
    def store(self) -> Store:
        """Where everything that was folded is counted."""
        self._count()
        return self._store

    def file(self, log: LogFile) -> Iterator[int]:
        """Fold a whole file, and yield on the way how many of its bytes on disk are done."""
        splitter = Splitter()
        number = 0
        for piece in log.pieces():
            number = self.lines(splitter.feed(piece), log.name, number)
            yield log.position
        self.lines(splitter.rest(), log.name, number)
        if log.error:
            self.named.append(f"{log.name}: {log.error}")

    def lines(self, lines: Sequence[bytes], name: str, number: int = 0) -> int:
        """Fold lines of a file of which `number` came before; return how many it has now."""
        with self.lock:
            self._piece = _Piece(lines, glance(lines), name, number)
            self._waiting += len(lines)
            place = 0
            while place < len(lines):
                place = self._gather(place)
            self._see_to_striking()
            self._count_requests()
            if self._waiting >= _MOST_WAITING:
                self._count()
            self._groups.end_piece()
        return number + len(lines)

    def _gather(self, start: int) -> int:
        """Gather usual calls from place `start` on, and fold other lines, up to one that turns to another slot.

        Return the place after it. Flat, for it is paid for each line.
        """
        groups = self._groups = self._groups if self._groups.are_of(self._store) else self._new_groups()
        begin, newest, end = groups.begin, groups.newest, groups.end
        latest, striking = groups.latest, groups.striking
        others, stray = 0, False
        glances = self._piece.glances
        for place, seen in enumerate(glances[start:] if start else glances, start):
            if seen is not None and (
                newest <= (moment := seen.timestamp) < end or (begin <= moment < end and (stray := True))
            ):
                group = latest.get(seen.operation)
                if (
                    group is None
                    or seen.agent != group.agent
                    or seen.kind != group.kind
                    or seen.provider != group.provider
                    or seen.model != group.model
                ):
                    group = groups.of(seen, place)
                if group is not None:
                    if stray:
                        group.strays.append(moment)
                        stray = False
                    else:
                        newest = group.last = moment
                    seconds = seen.duration_seconds
                    group.seconds.append(seconds)
                    if seconds >= group.peak:
                        group.peak = seconds
                        striking.append((group, place))
                    if group.asks:
                        group.requests.append(seen)
                    if seen.time_to_first_item_seconds is not None:
                        group.waits.append(seen.time_to_first_item_seconds)
                    continue
                stray = False
            others += 1
            self._gathered = range(start, place)
            self._other(place)
            if not groups.are_of(self._store):
                self.events += place + 1 - start - others
                self._gathered = range(place + 1, place + 1)
                return place + 1
        groups.newest = newest
        self.events += len(glances) - start - others
        self._gathered = range(start, len(glances))
        return len(glances)

    def _new_groups(self) -> Groups:
        return Groups(self._store, by_attributes=self._by_attributes)

    def _count(self) -> None:
        """Count all that was gathered."""
        self._see_to_striking()
        self._count_requests()
        for group in self._groups.waiting():
            group.count()
        self._waiting = 0

    def _count_requests(self) -> None:
        for group in self._groups.waiting(asking=True):
            try:
                group.count()
            except ValueError:  # some amount may be none: each line is to tell whether it is its own
                self._one_by_one(group)

    def _see_to_striking(self) -> None:
        """Take the slowest calls for exemplars; what is not in order after all is folded like any other line."""
        striking, looked_at = self._groups.striking, set[Group]()
        while striking:
            group, place = striking.pop()
            seen = self._piece.glances[place]
            if seen is None or place < group.since or seen.duration_seconds < group.peak:
                continue
            looked_at.add(group)
            try:
                event = read_ours(self._piece.lines[place])
            except ValueError:  # a first look does not see everything
                self._one_by_one(group)
                continue
            if event.get("trace_id"):
                at = self._moment(event["timestamp"])
                group.tally.show(seen.duration_seconds, at, event["trace_id"], event.get("span_id", ""))
        for group in looked_at:
            group.peak = group.tally.peak

    def _one_by_one(self, group: Group) -> None:
        """Fold those lines of this piece that were gathered in a group like any others."""
        places = self._groups.give_up(group, self._piece.glances, self._gathered)
        self.events -= len(places)
        for place in places:
            self._other(place)

    def _other(self, place: int) -> None:
        """Fold a line that is no usual call; an empty one is no line."""
        line, name = self._piece.lines[place], self._piece.name
        if line and not line.isspace():
            self._line(line, name, self._piece.number + place + 1)

    def _line(self, line: bytes, name: str, number: int) -> None:
        try:
            self._fold(line)
        except ValueError as error:
            self.passed_over += 1
            if len(self.named) < _MOST_NAMED:
                self.named.append(f"{name}:{number}: {error}")
        else:
            self.events += 1

    def _fold(self, line: bytes) -> None:
        if line is TOO_LONG:
            msg = f"longer than {LONGEST} bytes"
            raise ValueError(msg)
        event = self._read(line)
        if event.get("event") not in OUR_EVENTS:
            msg = f"not an event of ours: event is {event.get('event')!r}"
            raise ValueError(msg)
        self._take(event, self._moment(event.get("timestamp", "")))

    def _take(self, event: dict[str, Any], at: int) -> None:
        begin, end, _ = self._store.at_hand
        if not begin <= at < end:  # the store turns to another slot
            self._count()
        self._store.fold(event, at)

    def _moment(self, timestamp: str) -> int:
        """Return the epoch ns of an event; lines of one second, as we write them, are read as one."""
        second, rest = timestamp[:20], timestamp[20:26]
        if second == self._second and timestamp[26:] == "Z" and rest.isdecimal() and rest.isascii():
            return self._start + int(rest) * 1_000
        at = _moment(timestamp)
        if len(timestamp) == len("2023-11-16T18:17:03.979960Z") and timestamp[19::7] == ".Z":
            self._second, self._start = second, at - at % 1_000_000_000
        return at


def _moment(timestamp: str) -> int:
    """Return the epoch ns of an event; without a time nobody knows which window it belongs to."""
    try:
        datetime.fromisoformat(timestamp)
    except ValueError:
        msg = f"not an event: timestamp is {timestamp!r}; it is a time such as 2023-11-16T18:17:03.979960Z"
        raise ValueError(msg) from None
    return epoch_ns(timestamp)
