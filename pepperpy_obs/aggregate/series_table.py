"""A table: the sums of one stretch of time, one entry per series.

The table itself changes; the data in it never do, they are replaced. So a copy of the table is a
copy of its tables, and a reader may keep the data while the writer goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Final, Protocol, Self, TypeVar

from pepperpy_obs.aggregate.metric import MetricData
from pepperpy_obs.aggregate.series import Attribute, MetricKey, SeriesKey
from pepperpy_obs.aggregate.series_data import NO_CALLS, CacheData, LlmStats, SeriesData

__all__ = ["Entries", "SeriesTable", "summed"]


_MOST_DAYS: Final = 400
"""More than a year; of what was before only the sums are left."""


class _Mergeable(Protocol):
    def merge(self, other: Self, /) -> Self: ...


_Key = TypeVar("_Key", bound=Hashable)
_Data = TypeVar("_Data", bound=_Mergeable)


class Entries(Protocol):
    """What a table takes in: another table, or a snapshot."""

    @property
    def start(self) -> int | None:
        """When the first event was, UTC epoch nanoseconds; None of no events."""
        ...

    @property
    def end(self) -> int | None:
        """When the last event was."""
        ...

    @property
    def series(self) -> Mapping[SeriesKey, SeriesData]:
        """Calls by series."""
        ...

    @property
    def caches(self) -> Mapping[str, CacheData]:
        """Lookups by cache."""
        ...

    @property
    def metrics(self) -> Mapping[MetricKey, MetricData]:
        """The user's own metrics."""
        ...

    @property
    def attributes(self) -> Mapping[Attribute, LlmStats]:
        """Requests by the fields of the user's that costs are asked for by."""
        ...

    @property
    def days(self) -> Mapping[str, LlmStats]:
        """Requests by day (UTC, such as 2026-11-23)."""
        ...

    @property
    def events(self) -> Mapping[str, int]:
        """Events by name."""
        ...

    @property
    def refused(self) -> Mapping[str, int]:
        """Fields that could not be counted, by name."""
        ...

    @property
    def overflow(self) -> Mapping[str, int]:
        """Events counted under `_other`, by family."""
        ...


class SeriesTable:
    """Sums per series, attribute, day, cache and metric, and counts of events by name, refused fields and overflows."""

    __slots__ = ("attributes", "caches", "days", "end", "events", "metrics", "overflow", "refused", "series", "start")

    def __init__(self) -> None:
        self.start: int | None = None
        self.end: int | None = None
        self.series: dict[SeriesKey, SeriesData] = {}
        self.attributes: dict[Attribute, LlmStats] = {}
        self.days: dict[str, LlmStats] = {}
        self.caches: dict[str, CacheData] = {}
        self.metrics: dict[MetricKey, MetricData] = {}
        self.events: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.overflow: Counter[str] = Counter()

    def copy(self) -> Self:
        """Return another table of the same data."""
        other = type(self)()
        other.absorb(self)
        return other

    def span(self, start: int | None, end: int | None) -> None:
        """Note that there were events from `start` to `end`."""
        if start is not None and (self.start is None or start < self.start):
            self.start = start
        if end is not None and (self.end is None or end > self.end):
            self.end = end

    def add(self, key: SeriesKey, data: SeriesData) -> None:
        """Add the calls of one series."""
        _absorb(self.series, {key: data})

    def add_attribute(self, key: Attribute, requests: LlmStats) -> None:
        """Add the requests of one value of a user's field."""
        _absorb(self.attributes, {key: requests})

    def add_cache(self, name: str, data: CacheData) -> None:
        """Add the lookups of one cache."""
        _absorb(self.caches, {name: data})

    def add_metric(self, key: MetricKey, data: MetricData) -> None:
        """Add the values of one series of a user's metric."""
        _absorb(self.metrics, {key: data})

    def absorb(self, *others: Entries) -> None:
        """Add all entries of the others, which stay as they are."""
        for other in others:
            self.span(other.start, other.end)
            _absorb(self.attributes, other.attributes)
            _absorb(self.days, other.days)
            while len(self.days) > _MOST_DAYS:
                del self.days[min(self.days)]
            _absorb(self.caches, other.caches)
            _absorb(self.metrics, other.metrics)
            self.events.update(other.events)
            self.refused.update(other.refused)
            self.overflow.update(other.overflow)
        _absorb_series(self.series, [other.series for other in others])


def summed(entries: Entries) -> SeriesTable:
    """Return the calls of all series as those of one, which has no names; without metrics and the user's fields."""
    table = SeriesTable()
    table.absorb(entries)
    table.attributes, table.metrics = {}, {}
    if table.series:
        table.series = {SeriesKey(): SeriesData.merged(list(table.series.values()))}
    return table


def _absorb_series(table: dict[SeriesKey, SeriesData], others: Sequence[Mapping[SeriesKey, SeriesData]]) -> None:
    if not table and others:
        table.update(others[0])
        others = others[1:]
    if len(others) < 2:
        for other in others:
            _absorb(table, other)
        return
    groups: dict[SeriesKey, list[SeriesData]] = {}
    for other in others:
        for key, data in other.items():
            groups.setdefault(key, []).append(data)
    for key, all_data in groups.items():
        table[key] = SeriesData.merged([table.get(key, NO_CALLS), *all_data])


def _absorb(table: dict[_Key, _Data], other: Mapping[_Key, _Data]) -> None:
    if not table:
        table.update(other)
        return
    for key, data in other.items():
        known = table.get(key)
        table[key] = data if known is None else known.merge(data)
