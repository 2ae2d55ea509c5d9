"""From the figures of our families back to a snapshot, as far as they tell it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import ceil, log2
from typing import Final

from pepperpy_obs.aggregate.bins import Bins
from pepperpy_obs.aggregate.histogram import Durations
from pepperpy_obs.aggregate.series import SeriesKey
from pepperpy_obs.aggregate.series_data import NO_LLM, CacheData, LlmStats, SeriesData
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.events import OPERATION_FINISHED
from pepperpy_obs.export import families
from pepperpy_obs.export.families import DURATION_BOUNDS, Family
from pepperpy_obs.fleet.lives import Figures

__all__ = ["UNKNOWN", "rows", "table_of"]

UNKNOWN: Final = frozenset(
    {
        "performance.min_response_time", "performance.max_response_time", "performance.errors_by_type",
        "errors.by_type", "errors.by_operation",
        "usage.calls_by_agent", "usage.tokens_by_agent", "usage.odd_usage_calls", "usage.odd_usage_by_model",
        "usage.incomplete_usage_calls",
        "cost.cost_by_agent", "cost.cost_by_day", "cost.token_costs", "cost.savings", "cost.savings_rate",
        "cost.savings_by_cause", "cost.cached_calls", "cost.waste", "cost.waste_rate", "cost.waste_by_cause",
        "cost.retries", "cost.over_budget_calls", "cost.over_budget",
        "agents.requests", "agents.tokens", "agents.cost",
    }
)  # fmt: skip
"""What our families do not tell."""

_DIGITS: Final = Decimal("1e-12")
_BEYOND: Final = ceil(log2(DURATION_BOUNDS[-1])) + 1
"""The bin of what is slower than the last bound."""


def rows(figures: Figures, family: Family, suffix: str = "") -> Iterator[tuple[tuple[str, ...], str, Decimal]]:
    """Yield the labels of each row of a family, in its order, the bound of a bucket, and the value."""
    name = family.name + suffix
    for (found, labels), value in figures.items():
        if found == name:
            known = dict(labels)
            yield tuple(known.get(label, "") for label in family.labels), known.get("le", ""), value


def table_of(figures: Figures) -> SeriesTable:
    """Return the sums of all calls, requests and lookups."""
    table = SeriesTable()
    table.series = {**_operations(figures)}
    for key, requests in _requests(figures).items():
        table.add(key, SeriesData({}, {}, Durations(), Durations(), requests, 0, 0, None))
    caches: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (cache, result), _, value in rows(figures, families.LOOKUPS):
        caches[cache][result] += int(value)
    table.caches = {name: CacheData(found["hit"], found["miss"]) for name, found in caches.items()}
    calls = sum(data.calls for data in table.series.values())
    if calls:
        table.events[OPERATION_FINISHED] = calls
    for (family,), _, value in rows(figures, families.OVERFLOW):
        if value:
            table.overflow[family] += int(value)
    return table


def _operations(figures: Figures) -> dict[SeriesKey, SeriesData]:
    outcomes: defaultdict[SeriesKey, dict[str, int]] = defaultdict(dict)
    for (operation, agent, kind, outcome), _, value in rows(figures, families.OPERATIONS):
        if value:
            outcomes[SeriesKey(operation, agent, kind)][outcome] = int(value)
    took = _durations(figures, families.DURATION)
    first_items = _durations(figures, families.FIRST_ITEM)
    found: dict[SeriesKey, SeriesData] = {}
    for key, counts in outcomes.items():
        # The time to the first item is told by operation and agent: all kinds of these have it, as a rule there is one.
        first_item = first_items.pop(key[:2], Durations())
        duration = took.get(key[:3], Durations())
        found[key] = SeriesData(counts, {}, duration, first_item, NO_LLM, 0, 0, None)
    return found


def _durations(figures: Figures, family: Family) -> dict[tuple[str, ...], Durations]:
    """Return the histograms of a family: counts are exact, and bins as wide as the buckets."""
    buckets: defaultdict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for labels, bound, value in rows(figures, family, "_bucket"):
        buckets[labels][bound] = int(value)
    sums = {labels: value for labels, _, value in rows(figures, family, "_sum")}
    return {labels: _histogram(found, sums.get(labels, Decimal(0))) for labels, found in buckets.items()}


def _histogram(buckets: Mapping[str, int], total: Decimal) -> Durations:
    pairs: list[tuple[int, int]] = []
    below = 0
    for bound, count in sorted(((float(bound), count) for bound, count in buckets.items())):
        if count > below:
            pairs.append((_BEYOND if bound == float("inf") else round(log2(bound)), count - below))
            below = count
    if not pairs:
        return Durations()
    low, high = 2.0 ** (pairs[0][0] - 1), 2.0 ** pairs[-1][0]
    return Durations(below, round(total * 10**9), low, high, 0, Bins.of_pairs(0, pairs))


def _requests(figures: Figures) -> dict[SeriesKey, LlmStats]:
    outcomes: defaultdict[SeriesKey, dict[str, int]] = defaultdict(dict)
    tokens: defaultdict[SeriesKey, dict[str, int]] = defaultdict(dict)
    for (provider, model, operation, outcome), _, value in rows(figures, families.REQUESTS):
        if value:
            outcomes[SeriesKey(operation, "", "", provider, model)][outcome] = int(value)
    for (provider, model, operation, kind), _, value in rows(figures, families.TOKENS):
        if value:
            tokens[SeriesKey(operation, "", "", provider, model)][kind] = int(value)
    costs = {
        SeriesKey(operation, "", "", provider, model): _money(value)
        for (provider, model, operation), _, value in rows(figures, families.COST)
    }
    silent = {
        SeriesKey(operation, "", "", provider, model): int(value)
        for (provider, model, operation), _, value in rows(figures, families.WITHOUT_USAGE)
    }
    unpriced = {labels: int(value) for labels, _, value in rows(figures, families.UNPRICED)}
    found: dict[SeriesKey, LlmStats] = {}
    # Those without a price are told by model only: operations that cost nothing are taken first.
    for key in sorted({*outcomes, *tokens, *costs}, key=lambda key: (key in costs, key)):
        silently = silent.get(key, 0)
        answers = max(0, sum(outcomes[key].values()) - silently)
        without = min(answers, unpriced.get(key[3:], 0))
        unpriced[key[3:]] = unpriced.get(key[3:], 0) - without
        incidents = {"no_usage": silently} if silently else {}
        cost, priced = costs.get(key, Decimal(0)), answers - without
        found[key] = LlmStats(outcomes[key], tokens[key], cost, {}, {}, {}, priced, without, incidents)
    return found


def _money(value: Decimal) -> Decimal:
    """Return the digits that were written: a float has about sixteen, and sums of them more."""
    return value.quantize(_DIGITS).normalize()
