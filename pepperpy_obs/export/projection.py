"""From one reading of the runtime to the rows of every family.

Each family is a projection of the same snapshot, so that no two of them disagree. One that cannot be made is left
out and counted (`pepperpy_obs_errors_total{stage="collect"}`); the others are not affected.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from pepperpy_obs import _guard
from pepperpy_obs.aggregate.series_data import EXACT, ZERO
from pepperpy_obs.export import families
from pepperpy_obs.export.families import FAMILIES, Family, Labels, MetricFamily
from pepperpy_obs.export.histograms import Histograms
from pepperpy_obs.export.own import own_families
from pepperpy_obs.readings import EMPTY, DeliveryStats, OutputStats, Reading, SelfStats, StoreStats
from pepperpy_obs.readings.source import Source

__all__ = ["collect_families", "read"]

_Project = Callable[[Family, Reading], MetricFamily]

_TOKEN_TYPES: Final = ("input", "output", "unsplit", "cache_read", "cache_write", "reasoning")
"""The first three add up to all tokens; `unsplit` are those of which only a total was told."""
_SHOWN_OUTCOMES: Final = ("ok", "error")
"""Shown though 0: `rate()` does not see the first error if the counter of errors begins with it."""


def read(source: Source) -> Reading:
    """Read a source once; if it cannot be read that is counted, and the reading is empty."""
    try:
        return source.reading()
    except Exception as error:
        _guard.failed("collect", error)
        return replace(EMPTY, own=SelfStats(errors=_guard.failures()))


def collect_families(reading: Reading, histograms: Histograms) -> Iterator[MetricFamily]:
    """Yield every family of ours, and then the user's own metrics; `histograms` remembers from scrape to scrape."""
    for family in FAMILIES:
        try:
            if family.type == "histogram":
                filled = MetricFamily(family, samples=histograms.rows(family, reading.snapshot))
            else:
                filled = _PROJECTIONS[family](family, reading)
        except Exception as error:
            _guard.failed("collect", error)
        else:
            yield filled
    yield from own_families(reading.snapshot.metrics)


def _operations(family: Family, reading: Reading) -> MetricFamily:
    rows: defaultdict[Labels, int] = defaultdict(int)
    for key, data in reading.snapshot.series.items():
        if data.outcomes:
            _add_outcomes(rows, key[:3], data.outcomes)
    return MetricFamily(family, rows)


def _requests(family: Family, reading: Reading) -> MetricFamily:
    rows: defaultdict[Labels, int] = defaultdict(int)
    for key, data in reading.snapshot.series.items():
        if data.requests.outcomes:
            _add_outcomes(rows, (key.provider, key.model, key.operation), data.requests.outcomes)
    return MetricFamily(family, rows)


def _add_outcomes(rows: defaultdict[Labels, int], labels: Labels, outcomes: Mapping[str, int]) -> None:
    for outcome in _SHOWN_OUTCOMES:
        rows[*labels, outcome] += outcomes.get(outcome, 0)
    for outcome in outcomes.keys() - _SHOWN_OUTCOMES:
        rows[*labels, outcome] += outcomes[outcome]


def _tokens(family: Family, reading: Reading) -> MetricFamily:
    rows: defaultdict[Labels, int] = defaultdict(int)
    for key, data in reading.snapshot.series.items():
        for name in _TOKEN_TYPES:
            if (tokens := data.requests.tokens.get(name)) is not None:
                rows[key.provider, key.model, key.operation, name] += tokens
    return MetricFamily(family, rows)


def _cost(family: Family, reading: Reading) -> MetricFamily:
    rows: dict[Labels, Decimal] = {}
    for key, data in reading.snapshot.series.items():
        if data.requests.priced:
            labels = (key.provider, key.model, key.operation)
            rows[labels] = EXACT.add(rows.get(labels, ZERO), data.requests.cost)
    return MetricFamily(family, rows)


def _unpriced(family: Family, reading: Reading) -> MetricFamily:
    rows: defaultdict[Labels, int] = defaultdict(int)
    for key, data in reading.snapshot.series.items():
        if data.requests.outcomes or data.requests.unpriced:
            rows[key.provider, key.model] += data.requests.unpriced
    return MetricFamily(family, rows)


def _without_usage(family: Family, reading: Reading) -> MetricFamily:
    rows: defaultdict[Labels, int] = defaultdict(int)
    for key, data in reading.snapshot.series.items():
        if data.requests.outcomes:
            rows[key.provider, key.model, key.operation] += data.requests.incidents.get("no_usage", 0)
    return MetricFamily(family, rows)


def _lookups(family: Family, reading: Reading) -> MetricFamily:
    rows: dict[Labels, int] = {}
    # As in the statistics: a watched cache's own figures count where no lookup was recorded.
    for name, watched in reading.live.caches.items():
        if watched.hits is not None and watched.misses is not None:
            rows |= {(name, "hit"): watched.hits, (name, "miss"): watched.misses}
    for name, data in reading.snapshot.caches.items():
        rows |= {(name, "hit"): data.hits, (name, "miss"): data.misses}
    return MetricFamily(family, rows)


def _counts(count: Callable[[Reading], Mapping[str, int]]) -> _Project:
    """Return the projection of what is counted by the family's only label."""
    return lambda family, reading: MetricFamily(family, {(name,): value for name, value in count(reading).items()})


def _sinks(count: Callable[[OutputStats], int]) -> _Project:
    return _counts(lambda reading: {name: count(sink) for name, sink in reading.own.outputs.items()})


def _books(count: Callable[[DeliveryStats], int]) -> _Project:
    return _counts(lambda reading: {name: count(ledger) for name, ledger in reading.own.deliveries.items()})


def _settled(family: Family, reading: Reading) -> MetricFamily:
    rows: dict[Labels, int] = {}
    for name, ledger in reading.own.deliveries.items():
        rows[name, "acknowledged"] = ledger.acknowledged
        rows[name, "rejected"] = sum(ledger.rejected.values())
        rows[name, "dropped"] = sum(ledger.dropped.values())
    return MetricFamily(family, rows)


def _stored(count: Callable[[StoreStats], int]) -> _Project:
    """Return the projection of a figure of the store's books; no row without a store."""
    return lambda family, reading: MetricFamily(family, {(): count(books)} if (books := reading.own.store) else {})


def _settled_parts(reading: Reading) -> Mapping[str, int]:
    books = reading.own.store
    return {} if books is None else {"written": books.written, "dropped": books.dropped}


def _started(family: Family, reading: Reading) -> MetricFamily:
    at = reading.own.started_at
    return MetricFamily(family, {} if at is None else {(): at / 1e9})


def _alerts(family: Family, reading: Reading) -> MetricFamily:
    rows: dict[Labels, int] = {}
    for alert in reading.own.alerts.values():
        if alert.state != "resolved":
            labels = dict(alert.labels)
            known = [labels.pop(name, "") for name in family.labels[3:-1]]
            own = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
            rows[alert.rule, alert.state, alert.severity, *known, own] = 1
    return MetricFamily(family, rows)


def _utilization(family: Family, reading: Reading) -> MetricFamily:
    caches = reading.live.caches.items()
    return MetricFamily(
        family, {(name,): one.size / one.maxsize for name, one in caches if one.size is not None and one.maxsize}
    )


_PROJECTIONS: Final[Mapping[Family, _Project]] = {
    families.OPERATIONS: _operations,
    families.ACTIVE: lambda family, reading: MetricFamily(family, dict(reading.live.active.items())),
    families.AGENTS: _counts(lambda reading: reading.live.agents),
    families.REQUESTS: _requests,
    families.TOKENS: _tokens,
    families.COST: _cost,
    families.UNPRICED: _unpriced,
    families.WITHOUT_USAGE: _without_usage,
    families.LOOKUPS: _lookups,
    families.UTILIZATION: _utilization,
    families.STARTED: _started,
    families.EVENTS: lambda family, reading: MetricFamily(family, {(): sum(reading.snapshot.events.values())}),
    families.DROPPED: _counts(lambda reading: reading.own.dropped),
    families.ERRORS: _counts(lambda reading: reading.own.errors),
    families.OVERFLOW: _counts(lambda reading: reading.snapshot.overflow),
    families.SHIPPED: _sinks(lambda sink: sink.lines),
    families.SHIP_FAILURES: _sinks(lambda sink: sink.failures),
    families.SHIP_ACCEPTED: _books(lambda ledger: ledger.accepted),
    families.SHIP_EVENTS: _settled,
    families.SHIP_PENDING: _books(lambda ledger: ledger.pending),
    families.SHIP_RETRIES: _books(lambda ledger: sum(ledger.retries.values())),
    families.SHIP_HELD: _books(lambda ledger: int(bool(ledger.held))),
    families.SPOOL_BYTES: _books(lambda ledger: ledger.spool_bytes),
    families.LETTERS_DROPPED: _books(lambda ledger: ledger.letters_dropped),
    families.STORE_PARTS: _counts(_settled_parts),
    families.STORE_WAITING: _stored(lambda books: books.waiting),
    families.STORE_WAITING_BYTES: _stored(lambda books: books.waiting_bytes),
    families.STORE_FAILURES: _stored(lambda books: books.failures),
    families.ALERTS: _alerts,
}
