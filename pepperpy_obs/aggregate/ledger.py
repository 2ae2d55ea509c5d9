"""A ledger: the sums of one stretch of time, one entry per series.

The ledger itself changes; the cells in it never do, they are replaced. So a copy of the ledger is a
copy of its tables, and a reader may keep the cells while the writer goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Final, Protocol, Self, TypeVar

from pepperpy_obs.aggregate.cell import NO_CALLS, CacheCell, Cell, Requests
from pepperpy_obs.aggregate.metric import MetricCell
from pepperpy_obs.aggregate.series import Attribute, MetricKey, SeriesKey

__all__ = ["Entries", "Ledger"]


_MOST_DAYS: Final = 400
"""More than a year; of what was before only the sums are left."""


class _Mergeable(Protocol):
    def merge(self, other: Self, /) -> Self: ...


_Key = TypeVar("_Key", bound=Hashable)
_Cell = TypeVar("_Cell", bound=_Mergeable)


class Entries(Protocol):
    """What a ledger takes in: another ledger, or a snapshot."""

    @property
    def start(self) -> int | None:
        """When the first event was, UTC epoch nanoseconds; None of no events."""
        ...

    @property
    def end(self) -> int | None:
        """When the last event was."""
        ...

    @property
    def series(self) -> Mapping[SeriesKey, Cell]:
        """Calls by series."""
        ...

    @property
    def caches(self) -> Mapping[str, CacheCell]:
        """Lookups by cache."""
        ...

    @property
    def metrics(self) -> Mapping[MetricKey, MetricCell]:
        """The user's own metrics."""
        ...

    @property
    def attributes(self) -> Mapping[Attribute, Requests]:
        """Requests by the fields of the user's that costs are asked for by."""
        ...

    @property
    def days(self) -> Mapping[str, Requests]:
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


class Ledger:
    """Sums per series, attribute, day, cache and metric, and counts of events by name, refused fields and overflows."""

    __slots__ = ("attributes", "caches", "days", "end", "events", "metrics", "overflow", "refused", "series", "start")

    def __init__(self) -> None:
        self.start: int | None = None
        self.end: int | None = None
        self.series: dict[SeriesKey, Cell] = {}
        self.attributes: dict[Attribute, Requests] = {}
        self.days: dict[str, Requests] = {}
        self.caches: dict[str, CacheCell] = {}
        self.metrics: dict[MetricKey, MetricCell] = {}
        self.events: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.overflow: Counter[str] = Counter()

    def copy(self) -> Self:
        """Return another ledger of the same cells."""
        other = type(self)()
        other.absorb(self)
        return other

    def span(self, start: int | None, end: int | None) -> None:
        """Note that there were events from `start` to `end`."""
        if start is not None and (self.start is None or start < self.start):
            self.start = start
        if end is not None and (self.end is None or end > self.end):
            self.end = end

    def add(self, key: SeriesKey, cell: Cell) -> None:
        """Add the calls of one series."""
        _absorb(self.series, {key: cell})

    def add_attribute(self, key: Attribute, requests: Requests) -> None:
        """Add the requests of one value of a user's field."""
        _absorb(self.attributes, {key: requests})

    def add_cache(self, name: str, cell: CacheCell) -> None:
        """Add the lookups of one cache."""
        _absorb(self.caches, {name: cell})

    def add_metric(self, key: MetricKey, cell: MetricCell) -> None:
        """Add the values of one series of a user's metric."""
        _absorb(self.metrics, {key: cell})

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


def _absorb_series(table: dict[SeriesKey, Cell], others: Sequence[Mapping[SeriesKey, Cell]]) -> None:
    if not table and others:
        table.update(others[0])
        others = others[1:]
    if len(others) < 2:
        for other in others:
            _absorb(table, other)
        return
    groups: dict[SeriesKey, list[Cell]] = {}
    for other in others:
        for key, cell in other.items():
            groups.setdefault(key, []).append(cell)
    for key, cells in groups.items():
        table[key] = Cell.merged([table.get(key, NO_CALLS), *cells])


def _absorb(table: dict[_Key, _Cell], other: Mapping[_Key, _Cell]) -> None:
    if not table:
        table.update(other)
        return
    for key, cell in other.items():
        known = table.get(key)
        table[key] = cell if known is None else known.merge(cell)
