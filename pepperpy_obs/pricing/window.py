"""A part of the week at which a price holds: some days, some hours of each, in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pepperpy_obs.pricing.source import Validity

__all__ = ["DAYS", "Window"]

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MINUTE: Final = 60 * 1_000_000_000
_DAY: Final = 24 * 60 * _MINUTE
_FIRST: Final = 3
"""1970 began on a Thursday."""


@dataclass(frozen=True, slots=True)
class Window:
    """Days (0 is Monday), and the minutes of each from `start` until before `end`; past midnight if `end` is not later.

    A night that begins on one of the days is of that day to its end.

    >>> Window(frozenset({5, 6})).holds(2 * _DAY), Window(frozenset(range(7)), 22 * 60, 6 * 60).holds(0)
    (True, True)
    """

    days: frozenset[int]
    start: int = 0
    end: int = 24 * 60

    def holds(self, at: int) -> bool:
        """Tell whether the epoch ns `at` lies within."""
        return any(begin <= at < end for begin, end in self._around(at))

    def within(self, at: int) -> Validity:
        """Return a span around `at` in which `holds` does not change."""
        turns = {turn for span in self._around(at) for turn in span}
        today = at - at % _DAY
        turns |= {today, today + _DAY}
        return Validity(max(turn for turn in turns if turn <= at), min(turn for turn in turns if turn > at))

    def _around(self, at: int) -> list[Validity]:
        """Return the window of yesterday, which may reach into today, and today's."""
        length = self.end - self.start if self.end > self.start else self.end - self.start + 24 * 60
        found = []
        for day in (at // _DAY - 1, at // _DAY):
            if (day + _FIRST) % 7 in self.days:
                begin = day * _DAY + self.start * _MINUTE
                found.append(Validity(begin, begin + length * _MINUTE))
        return found
