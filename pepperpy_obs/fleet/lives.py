"""Totals of a fleet from a Prometheus: exact, whatever was restarted.

Theory. A *target* is what Prometheus scrapes. Each *life* of a target has a start of its own, which it tells in
`pepperpy_obs_start_time_seconds`. Within a life counters only grow, so what it has counted up to a moment is its
newest sample of that time. Between two lives they begin at zero, which nothing else may show: a counter that has come
as far as in the life before looks as if it had stood still. A total is the sum of what each life has counted. So no
`increase()` is asked for: it would extrapolate, and miss such restarts.

All samples of a scrape have the same time. So the times of a life's samples are those of the start, and a query for
one of these moments gives everything that was scraped then. Targets that answer are asked for together; only lives that
are over take a query of their own. What was counted after the last scrape of a life is known to no one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from pepperpy_obs.export.families import FAMILIES, STARTED
from pepperpy_obs.fleet.promql import Labels, Prometheus

__all__ = ["Figures", "Life", "Lives", "Series"]

Target = frozenset[tuple[str, str]]
Series = tuple[str, tuple[tuple[str, str], ...]]
"""The name on the wire, and its own labels, without those of the target."""
Figures = Mapping[Series, Decimal]

_START: Final[Series] = (STARTED.name, ())
_OURS: Final = frozenset({"le", "__name__", *(label for family in FAMILIES for label in family.labels)})
_NOTHING: Final[Figures] = {}
_BEFORE: Final = 3600.0
"""Seconds before a window in which its first sample is looked for: a target may have been away."""


class Life(NamedTuple):
    """One target from its start to its end."""

    target: Target
    started: Decimal
    """Epoch seconds."""
    times: Sequence[float]
    """Of its samples, the oldest first."""

    def newest(self, moment: float) -> float | None:
        """Return the time of the newest sample up to a moment; None of none."""
        place = bisect_right(self.times, moment)
        return self.times[place - 1] if place else None


class Lives:
    """The lives of all targets in the stretch from `begin` to `now` (epoch seconds)."""

    def __init__(self, server: Prometheus, begin: float, now: float) -> None:
        self._server = server
        self._now = now
        self._known: dict[float, Mapping[Target, Figures]] = {}
        times: defaultdict[tuple[Target, Decimal], list[float]] = defaultdict(list)
        for labels, samples in server.raw(server.selector(STARTED.name), begin - _BEFORE, now):
            target = _target(labels)
            for at, value in samples:
                times[target, value].append(at)
        self._all = [Life(target, started, sorted(found)) for (target, started), found in times.items()]

    @property
    def first(self) -> float | None:
        """When the first of them began; None of none."""
        return min((float(life.started) for life in self._all), default=None)

    def current(self) -> Sequence[Figures]:
        """Return what the targets tell that are there now."""
        return list(self._at(self._now).values())

    def counted(self, begin: float | None, end: float) -> Figures:
        """Return what all have counted from `begin`, or from their starts, to `end`."""
        total: defaultdict[Series, Decimal] = defaultdict(Decimal)
        for life in self._all:
            figures = self._of(life, end)
            before = _NOTHING if begin is None or not figures else self._before(life, begin)
            for series, value in figures.items():
                total[series] += value - before.get(series, 0)
        return total

    def _before(self, life: Life, begin: float) -> Figures:
        if life.newest(begin) is not None:
            return self._of(life, begin)
        # Of a life that began before and was not scraped yet, only what came after the first scrape is known to belong.
        return _NOTHING if life.started >= begin else self._of(life, life.times[0])

    def _of(self, life: Life, moment: float) -> Figures:
        """Return what a life had counted at a moment."""
        newest = life.newest(moment)
        if newest is None:
            return _NOTHING
        figures = self._at(moment).get(life.target, _NOTHING)
        if figures.get(_START) != life.started:
            figures = self._at(newest).get(life.target, _NOTHING)
        return figures

    def _at(self, moment: float) -> Mapping[Target, Figures]:
        known = self._known.get(moment)
        if known is None:
            found: defaultdict[Target, dict[Series, Decimal]] = defaultdict(dict)
            for labels, _, value in self._server.at(self._server.selector("pepperpy_.+"), moment):
                found[_target(labels)][_series(labels)] = value
            known = self._known[moment] = found
        return known


def _target(labels: Labels) -> Target:
    return frozenset((name, value) for name, value in labels.items() if name not in _OURS)


def _series(labels: Labels) -> Series:
    own = sorted((name, value) for name, value in labels.items() if name in _OURS and name != "__name__")
    return labels["__name__"], tuple(own)
