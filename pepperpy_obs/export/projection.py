"""From one reading of the runtime to the rows of every family.

Each family is a projection of the same snapshot, so that no two of them disagree. One that cannot be made is left
out and counted (`pepperpy_obs_errors_total{stage="collect"}`); the others are not affected.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Final

from pepperpy_obs import _guard
from pepperpy_obs.aggregate.cell import EXACT, ZERO, Cell
from pepperpy_obs.aggregate.histogram import Durations
from pepperpy_obs.aggregate.snapshot import EMPTY, Snapshot
from pepperpy_obs.export import families
from pepperpy_obs.export.families import FAMILIES, Distribution, Exemplar, Family, Filled, Labels
from pepperpy_obs.export.own import own_families
from pepperpy_obs.judgement.source import Facts, Sink, Source
from pepperpy_obs.reports.live import Live

__all__ = ["Reading", "fill"]

_Project = Callable[[Family, "Reading"], Filled]

_TOKEN_TYPES: Final = ("input", "output", "unsplit", "cache_read", "cache_write", "reasoning")
"""The first three add up to all tokens; `unsplit` are those of which only a total was told."""
_SHOWN_OUTCOMES: Final = ("ok", "error")
"""Shown though 0: `rate()` does not see the first error if the counter of errors begins with it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one scrape is made of."""

    snapshot: Snapshot
    live: Live
    facts: Facts

    @classmethod
    def of(cls, source: Source) -> Reading:
        """Read a runtime once; if it cannot be read that is counted, and the reading is empty."""
        try:
            return cls(source.snapshot(), source.live(), source.facts())
        except Exception as error:
            _guard.failed("collect", error)
            return cls(EMPTY, Live(), Facts(errors=_guard.failures()))


def fill(reading: Reading) -> Iterator[Filled]:
    """Yield every family of ours, and then the user's own metrics."""
    for family in FAMILIES:
        try:
            filled = _PROJECTIONS[family](family, reading)
        except Exception as error:
            _guard.failed("collect", error)
        else:
            yield filled
    yield from own_families(reading.snapshot.metrics)


def _operations(family: Family, reading: Reading) -> Filled:
    rows: defaultdict[Labels, int] = defaultdict(int)
    for key, cell in reading.snapshot.series.items():
        if cell.outcomes:
            _add_outcomes(rows, key[:3], cell.outcomes)
    return Filled(family, rows)


def _requests(family: Family, reading: Reading) -> Filled:
    rows: defaultdict[Labels, int] = defaultdict(int)
    for key, cell in reading.snapshot.series.items():
        if cell.requests.outcomes:
            _add_outcomes(rows, (key.provider, key.model, key.operation), cell.requests.outcomes)
    return Filled(family, rows)


def _add_outcomes(rows: defaultdict[Labels, int], labels: Labels, outcomes: Mapping[str, int]) -> None:
    for outcome in _SHOWN_OUTCOMES:
        rows[*labels, outcome] += 0
    for outcome, count in outcomes.items():
        rows[*labels, outcome] += count


def _durations(family: Family, reading: Reading) -> Filled:
    rows: defaultdict[Labels, list[Cell]] = defaultdict(list)
    for key, cell in reading.snapshot.series.items():
        if cell.duration.count:
            rows[key[:3]].append(cell)
    return Filled(
        family,
        distributions={
            labels: _distribution(family, [cell.duration for cell in cells], _exemplars(family, cells))
            for labels, cells in rows.items()
        },
    )


def _first_items(family: Family, reading: Reading) -> Filled:
    rows: defaultdict[Labels, list[Durations]] = defaultdict(list)
    for key, cell in reading.snapshot.series.items():
        if cell.first_item.count:
            rows[key[:2]].append(cell.first_item)
    return Filled(family, distributions={labels: _distribution(family, found, {}) for labels, found in rows.items()})


def _distribution(family: Family, found: Sequence[Durations], exemplars: Mapping[int, Exemplar]) -> Distribution:
    merged = found[0] if len(found) == 1 else reduce(Durations.merge, found)
    return Distribution([*merged.buckets(family.bounds), merged.count], merged.sum, exemplars)


def _exemplars(family: Family, cells: Iterable[Cell]) -> Mapping[int, Exemplar]:
    """Return for each bucket the latest of the cells' exemplars that belongs there."""
    found: dict[int, Exemplar] = {}
    for cell in cells:
        if (one := cell.exemplar) is not None:
            bucket = bisect_left(family.bounds, one.value)
            if bucket not in found or found[bucket].at < one.at:
                found[bucket] = Exemplar(one.trace_id, one.span_id, one.value, one.at)
    return found


def _tokens(family: Family, reading: Reading) -> Filled:
    rows: defaultdict[Labels, int] = defaultdict(int)
    for key, cell in reading.snapshot.series.items():
        for name in _TOKEN_TYPES:
            if (tokens := cell.requests.tokens.get(name)) is not None:
                rows[key.provider, key.model, key.operation, name] += tokens
    return Filled(family, rows)


def _cost(family: Family, reading: Reading) -> Filled:
    rows: dict[Labels, Decimal] = {}
    for key, cell in reading.snapshot.series.items():
        if cell.requests.priced:
            labels = (key.provider, key.model, key.operation)
            rows[labels] = EXACT.add(rows.get(labels, ZERO), cell.requests.cost)
    return Filled(family, rows)


def _unpriced(family: Family, reading: Reading) -> Filled:
    rows: defaultdict[Labels, int] = defaultdict(int)
    for key, cell in reading.snapshot.series.items():
        if cell.requests.outcomes or cell.requests.unpriced:
            rows[key.provider, key.model] += cell.requests.unpriced
    return Filled(family, rows)


def _lookups(family: Family, reading: Reading) -> Filled:
    rows: dict[Labels, int] = {}
    # As in the statistics: a watched cache's own figures count where no lookup was recorded.
    for name, watched in reading.live.caches.items():
        if watched.hits is not None and watched.misses is not None:
            rows |= {(name, "hit"): watched.hits, (name, "miss"): watched.misses}
    for name, cell in reading.snapshot.caches.items():
        rows |= {(name, "hit"): cell.hits, (name, "miss"): cell.misses}
    return Filled(family, rows)


def _counts(count: Callable[[Reading], Mapping[str, int]]) -> _Project:
    """Return the projection of what is counted by the family's only label."""
    return lambda family, reading: Filled(family, {(name,): value for name, value in count(reading).items()})


def _sinks(count: Callable[[Sink], int]) -> _Project:
    return _counts(lambda reading: {name: count(sink) for name, sink in reading.facts.sinks.items()})


def _utilization(family: Family, reading: Reading) -> Filled:
    caches = reading.live.caches.items()
    return Filled(
        family, {(name,): one.size / one.maxsize for name, one in caches if one.size is not None and one.maxsize}
    )


_PROJECTIONS: Final[Mapping[Family, _Project]] = {
    families.OPERATIONS: _operations,
    families.DURATION: _durations,
    families.FIRST_ITEM: _first_items,
    families.ACTIVE: lambda family, reading: Filled(family, dict(reading.live.active.items())),
    families.AGENTS: _counts(lambda reading: reading.live.agents),
    families.REQUESTS: _requests,
    families.TOKENS: _tokens,
    families.COST: _cost,
    families.UNPRICED: _unpriced,
    families.LOOKUPS: _lookups,
    families.UTILIZATION: _utilization,
    families.EVENTS: lambda family, reading: Filled(family, {(): sum(reading.snapshot.events.values())}),
    families.DROPPED: _counts(lambda reading: reading.facts.dropped),
    families.ERRORS: _counts(lambda reading: reading.facts.errors),
    families.OVERFLOW: _counts(lambda reading: reading.snapshot.overflow),
    families.SHIPPED: _sinks(lambda sink: sink.lines),
    families.SHIP_FAILURES: _sinks(lambda sink: sink.failures),
}
