"""Trends: where the level of a figure has changed for good, and where it goes up or down day by day. No alarms.

A level shift is the split of a history into two parts whose means differ most, for their spread (the statistic of
Welch's test; with its greatest value over all splits a threshold of 5 is beyond chance for some thousand steps). A
slope is that of Theil and Sen (the median over all pairs of days), if Kendall's test says that it is none by chance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate, combinations, pairwise
from math import exp, inf, log, sqrt
from statistics import median
from typing import Final, NamedTuple

from pepperpy_obs.judgement.series import Step, steps_by_subject
from pepperpy_obs.readings import Reading
from pepperpy_obs.reports import table
from pepperpy_obs.reports.report import Report

__all__ = ["Trend", "TrendsReport", "find_trends", "level_shift", "slope"]

_DAY: Final = 86_400.0
_SHIFT: Final = 5.0
_SLOPE: Final = 2.6
"""Standard deviations of Kendall's S: one chance in a hundred."""
_RATIO: Final = 1.2
_LEAST_STEPS: Final = 12
_LEAST_DAYS: Final = 5
_CALLS: Final = 200
"""Calls of a series before anything is said of it."""


class _Value(NamedTuple):
    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Trend(Report):
    """A figure of an agent's operation that has changed, or keeps changing."""

    what: str
    """errors (a share), latency (seconds), cost (dollars a request) or traffic (calls an hour)."""
    agent: str
    operation: str
    kind: str
    """level (it changed at a time) or slope (it changes day by day)."""
    at: str
    """When the level changed, or from when on the slope is; ISO 8601, UTC."""
    before: float
    after: float
    """The level before and after; of a slope that of the first and of the last day on its line."""

    def __str__(self) -> str:
        """Show it in a line."""
        whose = f"{self.what} of {self.operation}" + (f" of {self.agent}" if self.agent else "")
        verb = "changed at" if self.kind == "level" else "changes day by day since"
        return f"{whose} {verb} {self.at}: {_SHOWN[self.what](self.before)} to {_SHOWN[self.what](self.after)}"


def _dollars(value: float) -> str:
    return f"${value:.6g} a request"


def _calls(value: float) -> str:
    return f"{value:,.1f} calls an hour"


_SHOWN: Final[Mapping[str, Callable[[float], str]]] = {
    "errors": table.share,
    "latency": table.seconds,
    "cost": _dollars,
    "traffic": _calls,
}


@dataclass(frozen=True, slots=True)
class TrendsReport(Report):
    """What has changed."""

    trends: tuple[Trend, ...]
    judged: int
    """Operations of agents that were looked at."""

    def __str__(self) -> str:
        """Show a line for each trend."""
        head = f"Trends: {len(self.trends) or 'none'} ({self.judged} operations were judged)"
        return "\n".join([head, *map(str, self.trends)])


def find_trends(history: Sequence[Reading]) -> TrendsReport:
    """Return the level shifts and slopes of each agent's operations in a history of equal steps. Pure."""
    series = {
        subject: steps
        for subject, steps in steps_by_subject(history).items()
        if sum(one.calls for one in steps) >= _CALLS
    }
    seconds = next((one.snapshot.window for one in history if one.snapshot.window), 3600.0)
    found: list[Trend] = []
    for subject, steps in sorted(series.items()):
        for what, values in _figures(steps, seconds).items():
            trend = _trend(values, is_log=what in {"latency", "cost"})
            if trend is not None:
                kind, at, before, after = trend
                found.append(Trend(what, subject.agent, subject.operation, kind, _iso(at), before, after))
    return TrendsReport(tuple(found), len(series))


def _figures(steps: Sequence[Step], seconds: float) -> Mapping[str, list[_Value]]:
    """Return each figure of the steps in which it is known; the last step is under way, and has no traffic yet."""
    return {
        "errors": [_Value(one.at, one.errors / one.calls) for one in steps if one.calls],
        "latency": [_Value(one.at, one.logs / one.timed) for one in steps if one.timed],
        "cost": [_Value(one.at, log(one.cost / one.requests)) for one in steps if one.requests and one.cost > 0],
        "traffic": [_Value(one.at, one.calls * 3600 / seconds) for one in steps[:-1]],
    }


def _trend(values: Sequence[_Value], *, is_log: bool) -> tuple[str, float, float, float] | None:
    shift = level_shift([one.value for one in values])
    if shift is not None:
        place, before, after = shift
        if is_log:
            before, after = exp(before), exp(after)
        return ("level", values[place].at, before, after) if _matters(before, after) else None
    days = _by_day(values)
    rise = slope([one.value for one in days])
    if rise is None:
        return None
    middle = median([one.value for one in days])
    before, after = middle - rise * (len(days) - 1) / 2, middle + rise * (len(days) - 1) / 2
    if is_log:
        before, after = exp(before), exp(after)
    return ("slope", days[0].at, before, after) if _matters(before, after) else None


def _matters(before: float, after: float) -> bool:
    return max(before, after) >= _RATIO * max(min(before, after), 0.0)


def level_shift(values: Sequence[float]) -> tuple[int, float, float] | None:
    """Return where the level changed, and both levels; None where no split is beyond chance.

    Neighbours of real series are alike, so the spread counts as that of fewer values: by their first correlation.

    >>> level_shift([1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.1, 3.0, 3.1, 2.9, 3.0, 3.1, 2.9, 3.0, 3.1])[0]
    8
    """
    count = len(values)
    if count < _LEAST_STEPS:
        return None
    sums, squares = list(accumulate(values)), list(accumulate([value * value for value in values]))
    best, place = 0.0, 0
    for split in range(_LEAST_STEPS // 3, count - _LEAST_STEPS // 3 + 1):
        one, two = sums[split - 1] / split, (sums[-1] - sums[split - 1]) / (count - split)
        left = max(squares[split - 1] / split - one * one, 0.0)
        right = max((squares[-1] - squares[split - 1]) / (count - split) - two * two, 0.0)
        spread = sqrt(left / split + right / (count - split))
        score = abs(two - one) / spread if spread else (inf if one != two else 0.0)
        if score > best:
            best, place = score, split
    if not place:
        return None
    before, after = sums[place - 1] / place, (sums[-1] - sums[place - 1]) / (count - place)
    levels = [before] * place + [after] * (count - place)
    alike = _correlation([value - level for value, level in zip(values, levels, strict=True)])
    return (place, before, after) if best * sqrt((1 - alike) / (1 + alike)) >= _SHIFT else None


def _correlation(distances: Sequence[float]) -> float:
    """Return how alike neighbours are: 0 to 0.95."""
    square = sum([one * one for one in distances])
    if not square:
        return 0.0
    return min(max(sum([a * b for a, b in pairwise(distances)]) / square, 0.0), 0.95)


def slope(values: Sequence[float]) -> float | None:
    """Return by how much each value is greater than the one before, as a rule; None where that may be chance.

    >>> slope([1.0, 2.1, 2.9, 4.0, 5.2, 5.9, 7.1]) > 0.9, slope([1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0])
    (True, None)
    """
    count = len(values)
    if count < _LEAST_DAYS:
        return None
    pairs = [(two - one, right - left) for (left, one), (right, two) in combinations(enumerate(values), 2)]
    signs = sum([(rise > 0) - (rise < 0) for rise, _ in pairs])
    spread = sqrt(count * (count - 1) * (2 * count + 5) / 18)
    if (abs(signs) - 1) / spread < _SLOPE:
        return None
    return median([rise / steps for rise, steps in pairs])


def _by_day(values: Sequence[_Value]) -> list[_Value]:
    days: defaultdict[float, list[float]] = defaultdict(list)
    for at, value in values:
        days[at // _DAY * _DAY].append(value)
    return [_Value(day, median(some)) for day, some in sorted(days.items())]


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
