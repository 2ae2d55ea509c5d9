"""Times of events: as text, as moments, as epoch nanoseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from pepperpy_obs.processors.aggregator import epoch_ns

__all__ = ["TimeReader", "moment_of", "ns_of"]

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LATEST: Final = 253_370_764_800_000_000_000
"""The beginning of the year 9999: later times have no text in every zone."""


def ns_of(moment: datetime) -> int:
    """Return a moment's epoch ns."""
    return (moment - _EPOCH) // _MICROSECOND * 1_000


def moment_of(ns: int) -> datetime:
    """Return the moment of epoch ns."""
    return _EPOCH + timedelta(microseconds=ns // 1_000)


class TimeReader:
    """Reads timestamps; those of one second, as we write them, are read as one."""

    def __init__(self) -> None:
        self._second = ""
        self._start = 0

    def read(self, timestamp: str) -> int:
        """Return the epoch ns; ValueError says what is wrong with it."""
        second, rest = timestamp[:20], timestamp[20:26]
        if second == self._second and timestamp[26:] == "Z" and rest.isdecimal() and rest.isascii():
            return self._start + int(rest) * 1_000
        at = _read(timestamp)
        if len(timestamp) == len("2023-11-16T18:17:03.979960Z") and timestamp[19::7] == ".Z":
            self._second, self._start = second, at - at % 1_000_000_000
        return at


def _read(timestamp: str) -> int:
    """Return the epoch ns of an event; without a time nothing says which window it belongs to."""
    try:
        datetime.fromisoformat(timestamp)
    except ValueError:
        msg = f"not an event: timestamp is {timestamp[:80]!r}; it is a time such as 2023-11-16T18:17:03.979960Z"
        raise ValueError(msg) from None
    try:
        at = epoch_ns(timestamp)
    except OverflowError:
        at = _LATEST
    if not 0 <= at < _LATEST:
        msg = f"not an event: timestamp is {timestamp!r}; it is a time from 1970 to 9998"
        raise ValueError(msg)
    return at
