"""From lines to statistics: events are folded, everything else is counted and the first of it is named."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.processors.collect import epoch_ns
from pepperpy_obs.processors.fields import OUR_EVENTS
from pepperpy_obs.processors.read import read_ours
from pepperpy_obs.replay.lines import LONGEST, TOO_LONG, LogFile, Splitter

__all__ = ["Fold"]

_MOST_NAMED: Final = 10


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

    def lines(self, lines: Iterable[bytes], name: str, number: int = 0) -> int:
        """Fold lines of a file of which `number` came before; return how many it has now."""
        with self.lock:
            for line in lines:
                number += 1
                if line and not line.isspace():
                    self._line(line, name, number)
        return number

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
        event = read_ours(line)
        if event.get("event") not in OUR_EVENTS:
            msg = f"not an event of ours: event is {event.get('event')!r}"
            raise ValueError(msg)
        self.store.fold(event, self._moment(event.get("timestamp", "")))

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
