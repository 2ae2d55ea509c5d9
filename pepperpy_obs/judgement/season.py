"""What a series usually is at a time of day, and how far it lies from that: learned from its own past.

For each hour of the day (UTC) its means on the latest days are kept. A line joins the medians of neighbouring hours,
and how far values lie from that line, as a rule, is their median distance (MAD). Values of odd stretches are left out,
or the next one would look usual; every seventh of them is kept all the same, so that a new level is learned in days.
"""

from __future__ import annotations

from array import array
from math import inf
from statistics import median
from typing import Final

__all__ = ["Season", "Spread"]

_HOUR: Final = 3600.0
_DAY: Final = 86_400.0
_HOURS: Final = 24
_KEEPS: Final = 7
"""Of so many odd values one is learned from."""
_LOOKS: Final = 4
"""Distances of an hour that are kept."""
_LEAST: Final = 20
"""Distances before anything is said."""
_ANEW: Final = 12
"""Steps, at least, from one look at the distances to the next."""
_SLOW: Final = 0.03
"""How much of the latest scale is taken over each time: that of one day jumps by a tenth from look to look."""
_SIGMA: Final = 1.4826
"""What the MAD of a normal distribution is multiplied by to be its standard deviation."""


class Season:
    """The usual values of one series, by its latest days. Half a kB, and 0.1 kB for each day."""

    __slots__ = ("_count", "_day", "_days", "_hour", "_medians", "_odd", "_sum", "_values")

    def __init__(self, days: int = 12) -> None:
        self._days = days
        self._values = array("f", [inf]) * (_HOURS * days)
        self._medians = array("f", [inf]) * _HOURS
        self._sum = 0.0
        self._count = self._odd = 0
        self._hour = -1
        self._day = 0

    def expected(self, at: float) -> float | None:
        """Return what is usual at a time (epoch seconds); None before anything is known."""
        hour = int(at // _HOUR) % _HOURS
        if hour != self._hour:
            self._turn(hour, int(at // _DAY))
        here = self._medians[hour]
        past = (at % _HOUR) / _HOUR - 0.5
        next_to = self._medians[(hour + 1) % _HOURS if past >= 0 else (hour - 1) % _HOURS]
        if here != inf:
            return here if next_to == inf else here * (1 - abs(past)) + next_to * abs(past)
        if next_to != inf:
            return next_to
        known = [one for one in self._medians if one != inf]
        return median(known) if known else None

    def learn(self, value: float, *, is_odd: bool) -> bool:
        """Take in the value of the time that was asked for last; return whether that was done."""
        if is_odd:
            self._odd += 1
            if self._odd % _KEEPS:
                return False
        self._sum += value
        self._count += 1
        if self._medians[self._hour] == inf:
            self._medians[self._hour] = value
        return True

    def _turn(self, hour: int, day: int) -> None:
        """Take the hour that is over into what is usual."""
        over, self._hour = self._hour, hour
        since, self._day = self._day, day
        if over < 0 or not self._count:
            return
        begin = over * self._days
        self._values[begin + since % self._days] = self._sum / self._count
        self._sum, self._count = 0.0, 0
        self._medians[over] = median([one for one in self._values[begin : begin + self._days] if one != inf])


class Spread:
    """How far values lie from what is expected. About 0.4 kB."""

    __slots__ = ("_distances", "_kept", "_steps", "_stride", "scale")

    def __init__(self, seconds: float, kept: int = 100) -> None:
        self._kept = kept
        self._distances = array("f")
        self._stride = max(1, int(_HOUR / seconds / _LOOKS))
        self._steps = 0
        self.scale: float | None = None
        """A standard deviation; None while too few distances are known."""

    def learn(self, distance: float) -> None:
        """Take in the distance of a step."""
        self._steps += 1
        distances = self._distances
        if self._steps % self._stride == 0 or len(distances) < _LEAST:
            if len(distances) < self._kept:
                distances.append(abs(distance))
            else:
                distances[self._steps // self._stride % self._kept] = abs(distance)
        if len(distances) >= _LEAST and (self.scale is None or self._steps % max(_ANEW, 2 * self._stride) == 0):
            latest = _SIGMA * median(distances)
            share = _SLOW if len(distances) == self._kept else 1.0
            self.scale = latest if self.scale is None else self.scale + share * (latest - self.scale)
