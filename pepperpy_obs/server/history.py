"""``/history``: the figures of a window's steps, one list for each, as charts take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from math import ceil
from typing import Any, Final

from pepperpy_obs.aggregate.bins import Bins
from pepperpy_obs.aggregate.histogram import Durations
from pepperpy_obs.aggregate.series import SeriesKey
from pepperpy_obs.aggregate.series_data import ZERO, LlmStats, SeriesData
from pepperpy_obs.errors import SetupError
from pepperpy_obs.http.pages import Answer, Request
from pepperpy_obs.readings import Reading
from pepperpy_obs.readings.narrowing import narrowed
from pepperpy_obs.readings.source import Source
from pepperpy_obs.readings.windows import seconds_of
from pepperpy_obs.reports.report import to_json
from pepperpy_obs.reports.totals import NO_LABEL, Totals
from pepperpy_obs.server.query import wanted_labels

__all__ = ["history_of", "history_page"]

_STEPS: Final = ((300.0, (10.0,)), (3600.0, (150.0,)), (86_400.0, (300.0, 3600.0)), (691_200.0, (3600.0,)))
"""Up to which window, in seconds, which steps are tried: the last is one that every source keeps."""
_DAY: Final = 86_400.0
_ROWS: Final = 24
"""Rows of a heat map at most."""
_MOST_GROUPS: Final = 6
_REST: Final = "(others)"


def history_page(source: Source, request: Request) -> Answer:
    """Answer ``/history?window=5m&step=10s``; also of an agent, a model, ..., and with costs ``by`` one of these."""
    query = request.query
    window = query.get("window", "5m")
    seconds, wanted = seconds_of(window), wanted_labels(query)
    tries = [seconds_of(query["step"], "step")] if "step" in query else _steps_for(seconds)
    step, found = _first_kept(source, window, tries)
    made = history_of([narrowed(one, wanted) for one in found], step, query.get("by"))
    return Answer(to_json({"window": seconds, **made}), "application/json")


def _steps_for(window: float) -> Sequence[float]:
    return next((steps for most, steps in _STEPS if window <= most), (_DAY,))


def _first_kept(source: Source, window: str, steps: Sequence[float]) -> tuple[float, Sequence[Reading]]:
    """Return the first of these steps that the source keeps for so long, and their readings."""
    for step in steps[:-1]:
        try:
            return step, source.history(window, step)
        except SetupError:
            continue
    return steps[-1], source.history(window, steps[-1])


def history_of(readings: Sequence[Reading], step: float, by: str | None = None) -> dict[str, Any]:
    """Return the figures of readings of equal steps; None where nothing is known."""
    snapshots = [one.sum if by is None else one.snapshot for one in readings]
    totals = list(map(Totals, snapshots))
    data = [one.everything for one in totals]
    requests = [one.requests for one in data]
    quantiles = [one.duration.quantiles(0.5, 0.95, 0.99) for one in data]
    kinds = sorted({name for one in requests for name in one.tokens})
    caches = [list(one.caches.values()) for one in snapshots]
    return {
        "step": step,
        "at": readings[-1].at / 1e9 if readings else None,
        "starts": [_start(one, step) for one in readings],
        "calls": [one.calls for one in data],
        "errors": [one.outcomes.get("error", 0) for one in data],
        **{f"p{name}": [row[place] for row in quantiles] for place, name in enumerate((50, 95, 99))},
        "requests": [one.count for one in requests],
        "tokens": {name: [one.tokens.get(name, 0) for one in requests] for name in kinds},
        "cost": [_cost(one) for one in requests],
        "unpriced": [one.unpriced for one in requests],
        "without_usage": [one.incidents.get("no_usage", 0) for one in requests],
        "cache_hits": [sum(one.hits for one in some) for some in caches],
        "cache_lookups": [sum(one.hits + one.misses for one in some) for some in caches],
        "heat": _heat([one.duration for one in data]),
        "cost_by": _costs_by(totals, by),
    }


def _start(reading: Reading, step: float) -> float:
    """Return when the step began: of the step under way `at` is now, of any other its end."""
    return (ceil(reading.at / 1e9 / step) - 1) * step


def _cost(requests: LlmStats) -> Decimal | None:
    """Return the cost, None where requests have none that is known."""
    unknown = requests.unpriced or requests.incidents.get("no_usage", 0)
    return None if unknown and not requests.priced else requests.cost


def _heat(durations: Sequence[Durations]) -> dict[str, Any]:
    """Return how many calls took how long: rows of equal factors, `bounds` their upper ends in seconds."""
    bins = [one.positive for one in durations]
    taken = [one for one in bins if one.total]
    scale = min((one.scale for one in taken), default=0)
    while taken and _rows(taken, scale) > _ROWS:
        scale -= 1
    if not taken:
        return {"bounds": [], "factor": None, "counts": [[] for _ in bins]}
    coarse = [one.coarsened(scale) for one in bins]
    low = min(one.offset for one in coarse if one.total)
    high = max(one.offset + len(one) for one in coarse if one.total)
    return {
        "bounds": [2.0 ** (place / 2.0**scale) for place in range(low, high)],
        "factor": 2.0 ** (2.0**-scale),
        "counts": [_lanes(one, low, high) for one in coarse],
    }


def _rows(bins: Sequence[Bins], scale: int) -> int:
    coarse = [one.coarsened(scale) for one in bins]
    return max(one.offset + len(one) for one in coarse) - min(one.offset for one in coarse)


def _lanes(bins: Bins, low: int, high: int) -> list[int]:
    counts = dict(bins.pairs())
    return [counts.get(place, 0) for place in range(low, high)]


def _costs_by(totals: Sequence[Totals], by: str | None) -> Mapping[str, Any] | None:
    if by is None:
        return None
    steps = [_costs(one, by) for one in totals]
    sums: dict[str, Decimal] = reduce(_added, steps, {})
    names = sorted(sums, key=lambda name: (-sums[name], name))
    shown, rest = names[:_MOST_GROUPS], names[_MOST_GROUPS:]
    rows = {name: [step.get(name, ZERO) for step in steps] for name in shown}
    if rest:
        rows[_REST] = [sum((step.get(name, ZERO) for name in rest), ZERO) for step in steps]
    return {"name": by, "rows": rows}


def _costs(totals: Totals, by: str) -> dict[str, Decimal]:
    if by in SeriesKey._fields:
        groups: Callable[[], Mapping[str, SeriesData]] = {
            "operation": lambda: totals.operations,
            "agent": lambda: totals.agents,
            "provider": lambda: totals.providers,
            "model": lambda: totals.models,
        }.get(by, _refuse)
        found = {name: data.requests for name, data in groups().items()}
    else:
        found = {name or NO_LABEL: requests for name, requests in totals.attributes.get(by, {}).items()}
    return {name: requests.cost for name, requests in found.items() if requests.priced}


def _refuse() -> Mapping[str, SeriesData]:
    msg = 'by="kind": costs are given by operation, agent, provider, model or a field of yours'
    raise SetupError(msg)


def _added(one: dict[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return one | {name: one.get(name, ZERO) + cost for name, cost in other.items()}
