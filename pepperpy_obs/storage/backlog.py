"""What is still to be written: the minutes under way, and parts that wait for a database that is away. Bounded.

Theory. A closed interval is added to the bundle of its minute. When a minute is *sealed*, its bundle becomes a *part*,
with the process and a number that no other part of the process has: its name in the database. So a part that is written
again, because it is unknown whether the first time succeeded, is there once. What comes for the same minute later is
another part. A part that was tried keeps its name and its content for good.

Parts that were never tried may change. When too much waits, those of the oldest hour become one part of that hour:
a tenth of the bytes, and only the minutes are lost. Past that the oldest are dropped, and counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pepperpy_obs.aggregate.bundle import Bundle, add_up_bundles
from pepperpy_obs.aggregate.closed import ClosedInterval
from pepperpy_obs.aggregate.packed import Keys

__all__ = ["Backlog", "Part"]

_MINUTE: Final = 60
_HOUR: Final = 3600
_NANO: Final = 1_000_000_000


@dataclass
class Part:
    """What one process has counted in one minute, or in one hour if too much waited; or a part of it."""

    start: int
    """The minute's begin, epoch seconds."""
    number: int
    data: bytes
    is_tried: bool = False


class Backlog:
    """The parts of one process. The owner holds a lock around every call."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._numbers = 0
        self._minutes: dict[int, Bundle] = {}
        self.parts: list[Part] = []
        """The oldest first."""
        self.size = 0
        """The bytes of all parts."""
        self.dropped = 0
        """Parts that were dropped."""

    def add(self, interval: ClosedInterval) -> None:
        """Add what was counted in an interval to its minute."""
        minute = interval.start // _NANO // _MINUTE * _MINUTE
        keys = Keys() if interval.keys is None else interval.keys
        bundle = self._minutes.get(minute)
        if bundle is not None and bundle.keys is not keys:
            self._seal(minute)
            bundle = None
        if bundle is None:
            bundle = self._minutes[minute] = Bundle(keys)
        bundle.add(interval)

    def seal(self, before: int | None = None) -> None:
        """Make parts of the minutes that ended by `before` (epoch seconds), or of all; then keep within the limit."""
        for minute in sorted(self._minutes):
            if before is None or minute + _MINUTE <= before:
                self._seal(minute)
        while self.size > self._limit and self._join_oldest():
            pass
        while self.size > self._limit and len(self.parts) > 1:
            self.size -= len(self.parts.pop(0).data)
            self.dropped += 1

    def batch(self, most: int) -> list[Part]:
        """Return the oldest parts, which are tried from now on."""
        found = self.parts[:most]
        for part in found:
            part.is_tried = True
        return found

    def done(self, parts: Sequence[Part]) -> None:
        """Forget parts that are in the database now."""
        written = {part.number for part in parts}
        self.parts = [part for part in self.parts if part.number not in written]
        self.size = sum(len(part.data) for part in self.parts)

    @property
    def is_tried(self) -> bool:
        """Whether the database may have some of the parts already."""
        return any(part.is_tried for part in self.parts)

    @property
    def oldest(self) -> int | None:
        """The begin of the oldest part (epoch seconds); None of none."""
        return min((part.start for part in self.parts), default=None)

    def bundles(self) -> list[Bundle]:
        """Return everything that is still to be written, the minutes under way as well."""
        return [
            *[Bundle.of_bytes(part.data) for part in self.parts],
            *[bundle.copy() for bundle in self._minutes.values()],
        ]

    def _seal(self, minute: int) -> None:
        self._append(minute, self._minutes.pop(minute).to_bytes())

    def _append(self, start: int, data: bytes) -> None:
        self._numbers += 1
        self.size += len(data)
        self.parts.append(Part(start, self._numbers, data))

    def _join_oldest(self) -> bool:
        """Join the untried parts of the oldest hour that has several; return whether there was one."""
        hours: defaultdict[int, list[Part]] = defaultdict(list)
        for part in self.parts:
            if not part.is_tried:
                hours[part.start // _HOUR * _HOUR].append(part)
        several = [hour for hour, parts in hours.items() if len(parts) > 1]
        if not several:
            return False
        hour = min(several)
        joined = Bundle(Keys())
        joined.add_table(hour * _NANO, add_up_bundles([Bundle.of_bytes(part.data) for part in hours[hour]], Keys()))
        self.done(hours[hour])
        self._append(hour, joined.to_bytes())
        self.parts.sort(key=lambda part: (part.start, part.number))
        return True
