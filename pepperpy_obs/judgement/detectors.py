"""Detectors: each takes the steps of one series in the order of their times, and says which of them are odd.

Theory. A detector knows what its series usually is at that time of day (`season`), and from which score on a step is
odd (`tails`): both are learned from the series' own past, without the steps that were odd. The score is that of a
window of five minutes, or of one step if that is longer: neighbouring steps of real services go together, so the scale
has to be that of such windows too.

Series of counts are judged by the counts, as no series of ratios can be: traffic by its square root (the variance of
a Poisson count's is known: F. J. Anscombe, Biometrika 35, 1948), latency and cost by the mean of their logarithms,
weighted by the calls behind it, errors by the binomial tail of their number. A gauge, of which nothing is known, is odd
where its move is new (`consensus`) and its value far from the usual one, or where its past shows that it is steady
noise and the window lies beyond its tail.
"""

from __future__ import annotations

from array import array
from collections import deque
from math import inf, lgamma, log, log1p, log10, sqrt
from typing import Final, NamedTuple

from pepperpy_obs.judgement.consensus import Consensus
from pepperpy_obs.judgement.season import Season, Spread
from pepperpy_obs.judgement.tails import Tail

__all__ = ["ErrorDetector", "GaugeDetector", "Judged", "LevelDetector", "TrafficDetector"]

WINDOW: Final = 300.0
"""Seconds that are judged together, at least."""
_FLOOR: Final = 5.2
"""Standard deviations: of normal noise with a window for each minute, less than one lies beyond in a month."""
_TINY: Final = 1e-9
_HUGE: Final = 1e30
_ALARM: Final = 3600.0
"""Seconds between two odd steps of one alarm, at most."""


class Judged(NamedTuple):
    """What a detector says of one step."""

    seen: float
    """The value of the window that ends with the step."""
    expected: float
    score: float
    """How far it lies from what is expected, in its own scale."""
    threshold: float
    is_odd: bool


class LevelDetector:
    """Judges a level: a mean of `weight` single values each step, such as the mean logarithm of latencies.

    Scores are those of weighted means over a window; `least` is the smallest scale that is believed, for one value.
    """

    __slots__ = ("_least", "_season", "_spread", "_tail", "_width", "_window")

    def __init__(self, seconds: float, least: float = _TINY, floor: float = _FLOOR) -> None:
        self._width = max(1, round(WINDOW / seconds))
        self._season = Season()
        self._spread = Spread(seconds)
        self._tail = Tail(floor, 2 * self._width)
        self._least = least
        self._window: list[tuple[float, float]] = []

    def add(self, at: float, value: float, weight: float = 1.0) -> Judged | None:
        """Judge the window that ends with a step; None while too little is known."""
        window = self._window
        window.append((value * weight, weight))
        del window[: -self._width]
        whole = sum([one for _, one in window])
        if not whole:
            return None
        return self.judge(at, sum([one for one, _ in window]) / whole, whole)

    def judge(self, at: float, seen: float, weight: float) -> Judged | None:
        """Judge the mean of a window."""
        expected = self._season.expected(at)
        distance = None if expected is None else (seen - expected) * sqrt(weight)
        found = None
        if expected is not None and distance is not None:
            raw = Judged(seen, expected, abs(distance), inf, is_odd=False)
            found = _judged(raw, self._spread, self._tail, self._least)
        is_odd = found is not None and found.is_odd
        if found is not None:
            self._tail.learn(at, found.score, is_odd=is_odd)
        if self._season.learn(seen, is_odd=is_odd) and distance is not None:
            self._spread.learn(distance)
        return found


def _judged(raw: Judged, spread: Spread, tail: Tail, least: float = _TINY) -> Judged | None:
    """Return what is to be said of a score that has no scale yet; None while none is known."""
    if spread.scale is None:
        return None
    score = raw.score / max(spread.scale, least)
    limit = inf if tail.threshold is None else tail.threshold
    return raw._replace(score=score, threshold=limit, is_odd=score >= limit)


class TrafficDetector:
    """Judges how many calls came: too many and too few."""

    def __init__(self, seconds: float) -> None:
        self._width = max(1, round(WINDOW / seconds))
        self._window: deque[float] = deque(maxlen=self._width)
        # Twice the root of a Poisson count has a variance of one; what varies more has its own scale.
        self._level = LevelDetector(seconds, least=1.0, floor=4.3)

    def add(self, at: float, calls: float) -> Judged | None:
        """Judge the calls of the window that ends with a step; a window has as many steps as fit."""
        self._window.append(calls)
        if len(self._window) < self._width:
            return None
        count = sum(self._window)
        found = self._level.judge(at, 2 * sqrt(count + 0.375), 1.0)
        if found is None:
            return None
        return found._replace(seen=count, expected=max(0.0, (found.expected / 2) ** 2 - 0.375))


class ErrorDetector:
    """Judges how many of the calls failed, against the share of the series' own past.

    `seen` and `expected` are shares, the score is how improbable so many are: minus the decimal logarithm. It is odd
    where chance does that less than once in a month of steps. Fewer calls than `LEAST` are joined with those before, up
    to an hour; if they are too few even then, nothing is said.
    """

    LEAST: Final = 50
    _MONTH: Final = 30 * 86_400.0

    def __init__(self, seconds: float) -> None:
        self._width = max(1, round(WINDOW / seconds))
        self._limit = log10(max(self._MONTH / seconds, 100.0))
        self._steps: deque[tuple[float, float]] = deque(maxlen=max(self._width, round(3600 / seconds)))
        self._errors = self._calls = 0.0
        self._weeks = 0.5 ** (seconds / (3 * 86_400))
        self._held: deque[tuple[float, float]] = deque()

    def add(self, errors: float, calls: float) -> Judged | None:
        """Judge the window that ends with a step; None while fewer than a thousand calls are known."""
        self._steps.append((errors, calls))
        failed = count = 0.0
        for number, (some, of) in enumerate(reversed(self._steps)):
            if number >= self._width and count >= self.LEAST:
                break
            failed += some
            count += of
        found = None
        if self._calls >= 1000 and count >= self.LEAST:
            share = (self._errors + 0.5) / (self._calls + 1)
            seen = failed / count
            score = -log10_tail(round(failed), round(count), share) if seen > share else 0.0
            is_odd = score >= self._limit and seen >= max(2 * share, share + 0.02)
            found = Judged(seen, share, score, self._limit, is_odd)
        self._learn(errors, calls, is_odd=found is not None and found.is_odd)
        return found

    def _learn(self, errors: float, calls: float, *, is_odd: bool) -> None:
        # What came just before an odd window belongs to it: it is held back until that is known.
        if is_odd:
            self._held.clear()
            return
        self._held.append((errors, calls))
        if len(self._held) > self._width:
            some, of = self._held.popleft()
            self._errors = self._errors * self._weeks + some
            self._calls = self._calls * self._weeks + of


class GaugeDetector:
    """Judges values of which nothing is known, such as those of a user's own gauge. About 4 kB.

    How new a move has to be depends on the series' own alarms: each raises it, and it falls again in weeks.
    """

    __slots__ = (
        "_alarmed", "_beyond", "_consensus", "_fourth", "_known", "_last", "_season", "_spread", "_square", "_tail",
        "_together", "_width", "_window",
    )  # fmt: skip
    _FAR: Final = 4.0
    """Standard deviations from the usual value from which on a new move counts."""
    _LEAST: Final = 0.9
    """Of the farthest move of the past: how new a move has to be, at least."""
    _MOST: Final = 1.6
    _RAISED: Final = 0.1
    """By each alarm."""
    _HALVED: Final = 7 * 86_400.0
    """Seconds in which half of that is gone."""
    _LIGHT: Final = 6.5
    """A tail beyond which noise is not steady."""
    _KNOWN: Final = 500
    _SLOW: Final = 1 / 2000

    def __init__(self, seconds: float) -> None:
        self._width = max(1, round(WINDOW / seconds))
        self._consensus = Consensus()
        self._season = Season(7)
        self._spread = Spread(seconds, 48)
        self._tail = Tail(_FLOOR, 2 * self._width)
        self._window = array("d")
        self._known = 0
        self._last = self._square = self._together = self._fourth = 0.0
        self._alarmed = -inf
        self._beyond = 0.0
        """What alarms have added, when the last one was."""

    def add(self, at: float, value: float) -> Judged | None:
        """Judge a step; None while too little is known, and of what is no number or absurdly great."""
        if not abs(value) <= _HUGE:
            return None
        self._consensus.add(value)
        window = self._window
        window.append(value)
        del window[: -self._width]
        expected = self._season.expected(at)
        if expected is None:
            self._season.learn(value, is_odd=False)
            return None
        distance = value - expected
        scale = self._spread.scale
        score = 0.0 if scale is None else abs(distance) / max(scale, _TINY)
        is_odd = score >= self._FAR and self._is_new(at)
        if self._known >= self._KNOWN:
            wide = abs(sum(window) / len(window) - expected) / max(sqrt(self._square / len(window)), _TINY)
            limit = self._tail.threshold
            is_odd = is_odd or (limit is not None and limit <= self._LIGHT and wide >= limit and self._is_noise)
            self._tail.learn(at, wide, is_odd=is_odd)
        if not is_odd:
            self._learn(distance)
        if self._season.learn(value, is_odd=is_odd):
            self._spread.learn(distance)
        return None if scale is None else Judged(value, expected, score, self._FAR, is_odd)

    def _is_new(self, at: float) -> bool:
        """Return whether the latest move is new enough; one that is raises what is asked of later ones."""
        since = at - self._alarmed
        added = self._beyond * 0.5 ** (since / self._HALVED) if self._beyond else 0.0
        if not self._consensus.is_new(min(self._LEAST + added, self._MOST)):
            return False
        # What follows within the hour is the same alarm.
        self._beyond = added + (self._RAISED if since > _ALARM else 0.0)
        self._alarmed = at
        return True

    @property
    def _is_noise(self) -> bool:
        """Whether the past is steady noise: neighbours are independent of each other, and no tail is heavy."""
        square = self._square
        return abs(self._together) < 0.3 * square and self._fourth < 4 * square * square

    def _learn(self, distance: float) -> None:
        self._known += 1
        share = max(self._SLOW, 1 / self._known)
        square = distance * distance
        self._square += share * (square - self._square)
        self._fourth += share * (square * square - self._fourth)
        self._together += share * (distance * self._last - self._together)
        self._last = distance


def log10_tail(errors: int, calls: int, share: float) -> float:
    """Return the decimal logarithm of the probability of so many errors or more, each call failing by itself.

    Exactly so many count half (the mid-P value), or few calls would be judged more strictly than many.

    >>> round(log10_tail(10, 100, 0.02), 2)
    -4.7
    """
    if errors <= 0:
        return 0.0
    share = min(max(share, 1e-12), 1 - 1e-12)
    ratio = share / (1 - share)
    ways = lgamma(calls + 1) - lgamma(errors + 1) - lgamma(calls - errors + 1)
    first = ways + errors * log(share) + (calls - errors) * log1p(-share)
    total, term = 0.5, 1.0
    for count in range(errors, calls):
        term *= (calls - count) / (count + 1) * ratio
        total += term
        if term < total * 1e-12:
            break
    return min(0.0, (first + log(total)) / log(10))
