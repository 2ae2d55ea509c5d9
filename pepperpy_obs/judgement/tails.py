"""From which score on a step is odd: beyond what the series' own past shows, and never below a floor.

The threshold that gives one false alarm a month is 4 standard deviations for some series and 10 for others, and no rule
tells it beforehand. Here it follows from the greatest score of each of the latest fourteen days: their median, and how
far they lie from it. A median, so that days with an incident that was not seen do not hide the next one; scores that
were odd are left out.
"""

from __future__ import annotations

from array import array
from statistics import median
from typing import Final

__all__ = ["Tail"]

_DAY: Final = 86_400.0
_DAYS: Final = 14
_FEW: Final = 2
_BEYOND: Final = 1.25
_SPREAD: Final = 3.0
"""Median distances (MAD) of the daily maxima: of a Gumbel distribution, one day in some hundreds lies beyond."""


class Tail:
    """The greatest scores of one series, by day. What is within `width` steps of an odd one belongs to it."""

    __slots__ = ("_day", "_days", "_floor", "_greatest", "_quiet", "_waiting", "_width", "threshold")

    def __init__(self, floor: float, width: int = 1) -> None:
        self._floor = floor
        self._width = width
        self._days = array("f")
        self._day: float | None = None
        self._greatest = 0.0
        self._waiting = array("f")
        self._quiet = 0
        self.threshold: float | None = None
        """None until two days are known."""

    def learn(self, at: float, score: float, *, is_odd: bool) -> None:
        """Take in the score of a time (epoch seconds)."""
        day = at // _DAY
        if day != self._day:
            if self._day is not None:
                self._days.append(self._greatest)
                del self._days[:-_DAYS]
                self._greatest = 0.0
                self._set()
            self._day = day
        if is_odd:
            del self._waiting[:]
            self._quiet = self._width
        elif self._quiet:
            self._quiet -= 1
        else:
            self._waiting.append(score)
            if len(self._waiting) > self._width:
                self._greatest = max(self._greatest, self._waiting.pop(0))

    def _set(self) -> None:
        if len(self._days) >= _FEW:
            middle = median(self._days)
            spread = median([abs(one - middle) for one in self._days])
            self.threshold = max(self._floor, _BEYOND * middle, middle + _SPREAD * spread)
