"""From cells to the rows of our histograms: cumulative counts at fixed bounds, sums, and exemplars.

Most of the time of a scrape would go here, so rows are remembered. A cell is immutable and is replaced when it
changes: the same cells make the same row.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from operator import attrgetter, is_
from typing import Final, NamedTuple

from pepperpy_obs.aggregate.bins import indices
from pepperpy_obs.aggregate.cell import Cell, Exemplar
from pepperpy_obs.aggregate.histogram import Durations
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.export.families import DURATION, DURATION_BOUNDS, FIRST_ITEM, Family, HistogramSample, Labels

__all__ = ["Histograms"]

_LAST_BINS: Final = indices(DURATION_BOUNDS)
"""The bins that end at our bounds, at the finest scale, which durations never leave."""

_DURATIONS: Final[Mapping[Family, Callable[[Cell], Durations]]] = {
    DURATION: attrgetter("duration"),
    FIRST_ITEM: attrgetter("first_item"),
}


class _Seen(NamedTuple):
    """What one family showed at a scrape: of each row the cells that it was made of."""

    cells: Mapping[Labels, Cell | list[Cell]]
    rows: Mapping[Labels, HistogramSample]


_NOTHING: Final = _Seen({}, {})


class Histograms:
    """Makes the rows of one place that is scraped. May be used by several threads at once."""

    def __init__(self) -> None:
        self._known: dict[Family, _Seen] = {}

    def rows(self, family: Family, snapshot: Snapshot) -> Mapping[Labels, HistogramSample]:
        """Return the rows of the family, whose labels are the first ones of a series' key."""
        cells = _by_labels(_DURATIONS[family], len(family.labels), snapshot)
        known = self._known.get(family, _NOTHING)
        rows: dict[Labels, HistogramSample] = {}
        for labels, found in cells.items():
            before = known.cells.get(labels)
            if before is found or (isinstance(found, list) and _same(found, before)):
                rows[labels] = known.rows[labels]
            elif family is DURATION:
                rows[labels] = _durations(found)
            else:
                rows[labels] = _first_items(found)
        self._known[family] = _Seen(cells, rows)
        return rows


def _by_labels(
    durations: Callable[[Cell], Durations], width: int, snapshot: Snapshot
) -> dict[Labels, Cell | list[Cell]]:
    """Return the cells by their labels; most are the only ones that have theirs, and are in no list."""
    groups: dict[Labels, Cell | list[Cell]] = {}
    for key, cell in snapshot.series.items():
        if durations(cell).count:
            labels = key[:width]
            others = groups.get(labels)
            if others is None:
                groups[labels] = cell
            else:
                groups[labels] = [*others, cell] if isinstance(others, list) else [others, cell]
    return groups


def _same(cells: list[Cell], before: object) -> bool:
    return isinstance(before, list) and len(before) == len(cells) and all(map(is_, before, cells))


def _durations(found: Cell | list[Cell]) -> HistogramSample:
    if isinstance(found, list):
        return _distribution(Durations.merged([cell.duration for cell in found]), _exemplars(found))
    return _distribution(found.duration, _exemplars([found]) if found.exemplar else {})


def _first_items(found: Cell | list[Cell]) -> HistogramSample:
    if isinstance(found, list):
        return _distribution(Durations.merged([cell.first_item for cell in found]), {})
    return _distribution(found.first_item, {})


def _distribution(durations: Durations, exemplars: Mapping[int, Exemplar]) -> HistogramSample:
    counts, zero = durations.positive.up_to(_LAST_BINS), durations.zero
    if zero:
        counts = [zero + count for count in counts]
    return HistogramSample((*counts, durations.count), durations.sum, exemplars)


def _exemplars(cells: list[Cell]) -> Mapping[int, Exemplar]:
    """Return for each bucket the latest of the cells' exemplars that belongs there."""
    found: dict[int, Exemplar] = {}
    for cell in cells:
        if (one := cell.exemplar) is not None:
            bucket = bisect_left(DURATION_BOUNDS, one.value)
            if bucket not in found or found[bucket].at < one.at:
                found[bucket] = one
    return found
