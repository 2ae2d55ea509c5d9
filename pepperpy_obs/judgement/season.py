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
_HOURS: Final = 24
_KEPT: Final = 12
"""Days."""
_KEEPS: Final = 7
"""Of so many odd values one is learned from."""
_LOOKS: Final = 4
"""Distances of an hour that are kept."""
_DISTANCES: Final = 100
_LEAST: Final = 20
"""Distances before anything is said."""
_ANEW: Final = 12
"""Steps, at least, from one look at the distances to the next."""
_SLOW: Final = 0.03
"""How much of the latest scale is taken over each time: that of one day jumps by a tenth from look to look."""
_SIGMA: Final = 1.4826
"""What the MAD of a normal distribution is multiplied by to be its standard deviation."""


class Season:
    """The usual values of one series. About 1.5 kB."""

    __slots__ = ("_ages", "_count", "_filled", "_hour", "_medians", "_odd", "_sum", "_values")

    def __init__(self) -> None:
        self._values = array("f", bytes(4 * _HOURS * _KEPT))
        self._filled = bytearray(_HOURS)
        self._ages = bytearray(_HOURS)
        self._medians = array("f", [inf]) * _HOURS
        self._sum = 0.0
        self._count = self._odd = 0
        self._hour = -1

    def expected(self, at: float) -> float | None:
        """Return what is usual at a time (epoch seconds); None before anything is known."""
        hour = int(at // _HOUR) % _HOURS
        if hour != self._hour:
            self._turn(hour)
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

    def _turn(self, hour: int) -> None:
        """Take the hour that is over into what is usual."""
        over, self._hour = self._hour, hour
        if over < 0 or not self._count:
            return
        begin = over * _KEPT
        self._values[begin + self._ages[over]] = self._sum / self._count
        self._ages[over] = (self._ages[over] + 1) % _KEPT
        self._filled[over] = min(self._filled[over] + 1, _KEPT)
        self._sum, self._count = 0.0, 0
        self._medians[over] = median(self._values[begin : begin + self._filled[over]])


class Spread:
    """How far values lie from what is expected. About 0.5 kB."""

    __slots__ = ("_distances", "_steps", "_stride", "scale")

    def __init__(self, seconds: float) -> None:
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
            if len(distances) < _DISTANCES:
                distances.append(abs(distance))
            else:
                distances[self._steps // self._stride % _DISTANCES] = abs(distance)
        if len(distances) >= _LEAST and (self.scale is None or self._steps % max(_ANEW, 2 * self._stride) == 0):
            latest = _SIGMA * median(distances)
            share = _SLOW if len(distances) == _DISTANCES else 1.0
            self.scale = latest if self.scale is None else self.scale + share * (latest - self.scale)
