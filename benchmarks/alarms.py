"""How alarms are held against labels.

Odd points within an hour are one alarm. It is true if it touches a labelled stretch, with three points on both sides;
labels of 2 are "don't care". A labelled stretch is found if an alarm touches it. Nothing counts before `start`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

__all__ = ["Score", "scored"]

_HOUR: Final = 3600.0
_NEAR: Final = 3
_MONTH: Final = 30 * 86_400.0


@dataclass(frozen=True)
class Score:
    """Counts that add up over series."""

    true: int = 0
    false: int = 0
    found: int = 0
    events: int = 0
    months: float = 0.0

    def __add__(self, other: Self) -> Score:
        """Return the counts of both."""
        return Score(
            self.true + other.true,
            self.false + other.false,
            self.found + other.found,
            self.events + other.events,
            self.months + other.months,
        )

    @property
    def precision(self) -> float:
        """The share of alarms that are true."""
        alarms = self.true + self.false
        return self.true / alarms if alarms else 0.0

    @property
    def recall(self) -> float:
        """The share of labelled stretches that are found."""
        return self.found / self.events if self.events else 0.0

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def false_alarms_a_month(self) -> float:
        """Of one series."""
        return self.false / self.months if self.months else 0.0


def scored(times: Sequence[float], labels: Sequence[int], odd: Sequence[int], start: int) -> Score:
    """Return the counts of one series, given the places of its odd points, from the place `start` on."""
    events = _stretches(labels, start)
    alarms: list[list[int]] = []
    for place in odd:
        if place < start:
            continue
        if alarms and times[place] - times[alarms[-1][1]] <= _HOUR:
            alarms[-1][1] = place
        else:
            alarms.append([place, place])
    true = false = 0
    found: set[int] = set()
    for first, last in alarms:
        touched = {
            number for number, (begin, end) in enumerate(events) if first <= end + _NEAR and last >= begin - _NEAR
        }
        if touched:
            true += 1
        elif 2 not in labels[max(0, first - _NEAR) : last + _NEAR + 1]:
            false += 1
        found |= touched
    return Score(true, false, len(found), len(events), (times[-1] - times[start]) / _MONTH)


def _stretches(labels: Sequence[int], start: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for place in range(start, len(labels)):
        if labels[place] != 1:
            continue
        if found and found[-1][1] == place - 1:
            found[-1] = found[-1][0], place
        else:
            found.append((place, place))
    return found
