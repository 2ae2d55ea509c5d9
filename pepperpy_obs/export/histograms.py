"""From cells to the rows of our histograms: cumulative counts at fixed bounds, sums, and exemplars.

Most of the time of a scrape would go here, so rows are remembered. A cell is immutable and is replaced when it
changes: the same cells make the same row.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import reduce
from operator import attrgetter, is_
from typing import Final, NamedTuple

from pepperpy_obs.aggregate.bins import indices
from pepperpy_obs.aggregate.cell import Cell
from pepperpy_obs.aggregate.histogram import Durations
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.export.families import DURATION, DURATION_BOUNDS, FIRST_ITEM, Distribution, Exemplar, Family, Labels

__all__ = ["Histograms"]

_LAST_BINS: Final = indices(DURATION_BOUNDS)
"""The bins that end at our bounds, at the finest scale, which durations never leave."""

_DURATIONS: Final[Mapping[Family, Callable[[Cell], Durations]]] = {
    DURATION: attrgetter("duration"),
    FIRST_ITEM: attrgetter("first_item"),
}


class _Row(NamedTuple):
    cells: list[Cell]
    distribution: Distribution


class Histograms:
    """Makes the rows of one place that is scraped. May be used by several threads at once."""

    def __init__(self) -> None:
        self._known: dict[Family, dict[Labels, _Row]] = {}

    def rows(self, family: Family, snapshot: Snapshot) -> Mapping[Labels, Distribution]:
        """Return the rows of the family, whose labels are the first ones of a series' key."""
        durations, width = _DURATIONS[family], len(family.labels)
        groups: defaultdict[Labels, list[Cell]] = defaultdict(list)
        for key, cell in snapshot.series.items():
            if durations(cell).count:
                groups[key[:width]].append(cell)
        known = self._known.get(family, {})
        rows: dict[Labels, _Row] = {}
        for labels, cells in groups.items():
            row = known.get(labels)
            if row is None or len(row.cells) != len(cells) or not all(map(is_, row.cells, cells)):
                row = _Row(cells, _distribution(family, cells))
            rows[labels] = row
        self._known[family] = rows
        return {labels: row.distribution for labels, row in rows.items()}


def _distribution(family: Family, cells: list[Cell]) -> Distribution:
    merged = reduce(Durations.merge, map(_DURATIONS[family], cells))
    return Distribution(_cumulated(merged), merged.sum, _exemplars(cells) if family is DURATION else {})


def _cumulated(durations: Durations) -> list[int]:
    """Return how many durations are at or below each of our bounds, and all of them.

    Three times as fast as `Histogram.buckets`, which takes any bound: ours are bounds of bins.
    """
    row = durations.positive
    counts, begin, reached = row.counts(), 0, durations.zero
    found: list[int] = []
    for last in _LAST_BINS:
        if reached == durations.count:
            break
        end = last - row.offset + 1
        if end > begin:
            reached += sum(counts[begin:end])
            begin = end
        found.append(reached)
    return [*found, *[durations.count] * (len(_LAST_BINS) + 1 - len(found))]


def _exemplars(cells: list[Cell]) -> Mapping[int, Exemplar]:
    """Return for each bucket the latest of the cells' exemplars that belongs there."""
    found: dict[int, Exemplar] = {}
    for cell in cells:
        if (one := cell.exemplar) is not None:
            bucket = bisect_left(DURATION_BOUNDS, one.value)
            if bucket not in found or found[bucket].at < one.at:
                found[bucket] = Exemplar(one.trace_id, one.span_id, one.value, one.at)
    return found
