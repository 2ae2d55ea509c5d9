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
from pepperpy_obs.aggregate.histogram import Durations
from pepperpy_obs.aggregate.series_data import Exemplar, SeriesData
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.export.families import DURATION, DURATION_BOUNDS, FIRST_ITEM, Family, HistogramSample, Labels

__all__ = ["Histograms"]

_LAST_BINS: Final = indices(DURATION_BOUNDS)
"""The bins that end at our bounds, at the finest scale, which durations never leave."""

_DURATIONS: Final[Mapping[Family, Callable[[SeriesData], Durations]]] = {
    DURATION: attrgetter("duration"),
    FIRST_ITEM: attrgetter("first_item"),
}


class _Seen(NamedTuple):
    """What one family showed at a scrape: of each row the cells that it was made of."""

    all_data: Mapping[Labels, SeriesData | list[SeriesData]]
    rows: Mapping[Labels, HistogramSample]


_NOTHING: Final = _Seen({}, {})


class Histograms:
    """Makes the rows of one place that is scraped. May be used by several threads at once."""

    def __init__(self) -> None:
        self._known: dict[Family, _Seen] = {}

    def rows(self, family: Family, snapshot: Snapshot) -> Mapping[Labels, HistogramSample]:
        """Return the rows of the family, whose labels are the first ones of a series' key."""
        all_data = _by_labels(_DURATIONS[family], len(family.labels), snapshot)
        known = self._known.get(family, _NOTHING)
        rows: dict[Labels, HistogramSample] = {}
        for labels, found in all_data.items():
            before = known.all_data.get(labels)
            if before is found or (isinstance(found, list) and _same(found, before)):
                rows[labels] = known.rows[labels]
            elif family is DURATION:
                rows[labels] = _durations(found)
            else:
                rows[labels] = _first_items(found)
        self._known[family] = _Seen(all_data, rows)
        return rows


def _by_labels(
    durations: Callable[[SeriesData], Durations], width: int, snapshot: Snapshot
) -> dict[Labels, SeriesData | list[SeriesData]]:
    """Return the cells by their labels; most are the only ones that have theirs, and are in no list."""
    groups: dict[Labels, SeriesData | list[SeriesData]] = {}
    for key, data in snapshot.series.items():
        if durations(data).count:
            labels = key[:width]
            others = groups.get(labels)
            if others is None:
                groups[labels] = data
            else:
                groups[labels] = [*others, data] if isinstance(others, list) else [others, data]
    return groups


def _same(all_data: list[SeriesData], before: object) -> bool:
    return isinstance(before, list) and len(before) == len(all_data) and all(map(is_, before, all_data))


def _durations(found: SeriesData | list[SeriesData]) -> HistogramSample:
    if isinstance(found, list):
        return _distribution(Durations.merged([data.duration for data in found]), _exemplars(found))
    return _distribution(found.duration, _exemplars([found]) if found.exemplar else {})


def _first_items(found: SeriesData | list[SeriesData]) -> HistogramSample:
    if isinstance(found, list):
        return _distribution(Durations.merged([data.first_item for data in found]), {})
    return _distribution(found.first_item, {})


def _distribution(durations: Durations, exemplars: Mapping[int, Exemplar]) -> HistogramSample:
    counts, zero = durations.positive.up_to(_LAST_BINS), durations.zero
    if zero:
        counts = [zero + count for count in counts]
    return HistogramSample((*counts, durations.count), durations.sum, exemplars)


def _exemplars(all_data: list[SeriesData]) -> Mapping[int, Exemplar]:
    """Return for each bucket the latest of the cells' exemplars that belongs there."""
    found: dict[int, Exemplar] = {}
    for data in all_data:
        if (one := data.exemplar) is not None:
            bucket = bisect_left(DURATION_BOUNDS, one.value)
            if bucket not in found or found[bucket].at < one.at:
                found[bucket] = one
    return found
