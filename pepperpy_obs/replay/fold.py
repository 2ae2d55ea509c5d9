"""From lines to statistics: events are folded, everything else is counted and the first of it is named."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.aggregate.tally import Tally
from pepperpy_obs.processors.collect import epoch_ns
from pepperpy_obs.processors.fields import OUR_EVENTS
from pepperpy_obs.processors.glance import Glance, RequestGlance, glance
from pepperpy_obs.processors.read import read_event, read_ours
from pepperpy_obs.replay.bulk import sums_of
from pepperpy_obs.replay.lines import LONGEST, TOO_LONG, LogFile, Splitter

__all__ = ["Fold"]

_MOST_NAMED: Final = 10
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_Index = Mapping[tuple[Any, ...], Tally]
_Which = tuple[str | None, str | None, str | None, str | None, str | None]
"""Operation, agent, kind, provider and model: whose call it is."""


class _Lines(NamedTuple):
    """Lines that are folded together: what a first look at them has shown, and where they come from."""

    lines: Sequence[bytes]
    glances: Sequence[Glance | None]
    name: str
    number: int


class Fold:
    """Folds lines of any of our formats into a store; `lock` is held meanwhile, but for one batch of lines at most.

    >>> fold = Fold(Store())
    >>> fold.lines([b'{"event": "user.came", "who": "ann"}', b""], "app.log")
    2
    >>> fold.events, fold.passed_over, fold.named
    (0, 1, ["app.log:1: not an event of ours: event is 'user.came'"])
    """

    def __init__(self, store: Store) -> None:
        self.store = store
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
            low, high, index = self._slot()
            groups: dict[_Which, list[int]] = {}
            batch = _Lines(lines, glance(lines), name, number)
            for place, seen in enumerate(batch.glances):
                if seen is not None and low <= seen.timestamp < high:
                    which = seen.operation, seen.agent, seen.kind, seen.provider, seen.model
                    group = groups.get(which)
                    if group is not None:
                        group.append(place)
                        continue
                    if which in index and not (self._by_attributes and _is_request(which)):
                        groups[which] = [place]
                        continue
                line = lines[place]
                if line and not line.isspace():
                    self._post(groups, batch)  # before this line ends the slot
                    self._line(line, name, number + place + 1)
                    low, high, index = self._slot()
            self._post(groups, batch)
        return number + len(lines)

    def _slot(self) -> tuple[datetime, datetime, _Index]:
        """Return the slot at hand: its beginning and its end, and its tallies."""
        low, high, index = self.store.at_hand
        return _datetime(low), _datetime(high), index

    def _post(self, groups: dict[_Which, list[int]], batch: _Lines) -> None:
        """Count usual calls: by series, the places of their lines."""
        index = self.store.at_hand[2]
        while groups:
            which, places = groups.popitem()
            tally = index[which]
            group = [seen for place in places if (seen := batch.glances[place]) is not None]
            seconds = [seen.duration_seconds for seen in group]
            try:
                sums = sums_of([one for one in group if isinstance(one, RequestGlance)]) if _is_request(which) else None
            except ValueError:  # some amount may be none: each line is to tell whether it is its own
                self._one_by_one(places, batch)
                continue
            if max(seconds) >= tally.peak and not self._show(tally, places, seconds, batch):
                if places:
                    groups[which] = places
                continue
            moments = [seen.timestamp for seen in group]
            tally.finish_some(seconds, len(seconds), _epoch_ns(min(moments)), _epoch_ns(max(moments)))
            waits = [wait for seen in group if (wait := seen.time_to_first_item_seconds) is not None]
            if waits:
                tally.wait_some(waits)
            if sums is not None:
                tally.request_some(sums)
            tally.settle()
            self.events += len(group)

    def _one_by_one(self, places: Sequence[int], batch: _Lines) -> None:
        for place in places:
            self._line(batch.lines[place], batch.name, batch.number + place + 1)

    def _show(self, tally: Tally, places: list[int], seconds: list[float], batch: _Lines) -> bool:
        """Take the slowest calls for the exemplar; pass over one that is not in order after all, and return False."""
        longest = max(seconds)
        for place in [place for place, took in zip(places, seconds, strict=True) if took == longest]:
            try:
                event = read_ours(batch.lines[place])
            except ValueError:  # a first look does not see everything
                places.remove(place)
                self._one_by_one([place], batch)
                return False
            if event.get("trace_id"):
                tally.show(longest, self._moment(event["timestamp"]), event["trace_id"], event.get("span_id", ""))
        return True

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
        self.store.fold(event, at)

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


def _is_request(which: _Which) -> bool:
    """Tell whether all calls of a series are requests to a language model."""
    return bool(which[3] or which[4]) or which[2] == "llm"


def _epoch_ns(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND * 1_000


def _datetime(ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=ns // 1_000)
