"""The stats that rules name, worked out from a reading: each a figure for every value of some labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, log
from typing import Final

from pepperpy_obs.aggregate.histogram import Histogram
from pepperpy_obs.aggregate.series import SeriesKey
from pepperpy_obs.aggregate.series_data import NO_CALLS, LlmStats, SeriesData
from pepperpy_obs.config.rule import QUANTILES
from pepperpy_obs.readings import Reading

__all__ = ["Labels", "Pair", "grouped", "log_sum", "pair_of", "quantile_of"]

Labels = tuple[tuple[str, str], ...]
"""Names and values, in the order of the names in `Rule.by`."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sums, whose quotient is the figure: sums of a shorter stretch can be taken away from those of a longer."""

    top: float
    bottom: float
    calls: int
    is_log: bool = False

    def value(self) -> float | None:
        """Return the figure; None of nothing."""
        if self.bottom <= 0:
            return None
        return exp(self.top / self.bottom) if self.is_log else self.top / self.bottom

    def without(self, part: Pair) -> Pair:
        """Return what is left of it without a part."""
        return Pair(self.top - part.top, self.bottom - part.bottom, self.calls - part.calls, self.is_log)


def log_sum(durations: Histogram) -> float:
    """Return the sum of the values' logarithms: of each its bin's middle, within 0.54 %."""
    bins = durations.positive
    width = 2.0**-bins.scale
    return log(2) * sum((index - 0.5) * width * count for index, count in bins.pairs())


_COUNTS: Final[Mapping[str, Callable[[SeriesData], float]]] = {
    "calls": lambda data: data.calls,
    "errors": lambda data: data.outcomes.get("error", 0),
    "cancelled": lambda data: data.outcomes.get("cancelled", 0),
    "requests": lambda data: data.requests.count,
    "request_errors": lambda data: data.requests.outcomes.get("error", 0),
    "tokens": lambda data: data.requests.tokens.get("input", 0) + data.requests.tokens.get("output", 0),
    "input_tokens": lambda data: data.requests.tokens.get("input", 0),
    "output_tokens": lambda data: data.requests.tokens.get("output", 0),
    "cost": lambda data: float(data.requests.cost),
    "unpriced": lambda data: data.requests.unpriced,
    "without_usage": lambda data: data.requests.incidents.get("no_usage", 0),
    "retries": lambda data: data.requests.incidents.get("retries", 0),
}
_OF_CALLS: Final = frozenset({"calls", "errors", "cancelled"})


def _answers(data: SeriesData) -> int:
    return data.requests.priced + data.requests.unpriced


def _share(top: str, bottom: str) -> Callable[[SeriesData], Pair]:
    return lambda data: Pair(_COUNTS[top](data), below := _COUNTS[bottom](data), int(below))


def _mean(durations: Histogram) -> Pair:
    return Pair(durations.sum, durations.count, durations.count)


_SHARES: Final[Mapping[str, Callable[[SeriesData], Pair]]] = {
    "error_rate": _share("errors", "calls"),
    "request_error_rate": _share("request_errors", "requests"),
    "unpriced_share": lambda data: Pair(data.requests.unpriced, _answers(data), _answers(data)),
    "without_usage_share": lambda data: Pair(
        data.requests.incidents.get("no_usage", 0),
        told := _answers(data) + data.requests.incidents.get("no_usage", 0),
        told,
    ),
    "cost_per_request": lambda data: Pair(float(data.requests.cost), data.requests.priced, data.requests.priced),
    "tokens_per_request": lambda data: Pair(_COUNTS["tokens"](data), _answers(data), _answers(data)),
    "avg_response_time": lambda data: _mean(data.duration),
    "typical_response_time": lambda data: Pair(
        log_sum(data.duration), data.duration.positive.total, data.duration.count, is_log=True
    ),
    "avg_time_to_first_item": lambda data: _mean(data.first_item),
}


def pair_of(stat: str, data: SeriesData, seconds: float) -> Pair:
    """Return the sums of a counted stat; those of a plain count are over the `seconds` in which it was counted."""
    if stat in _SHARES:
        return _SHARES[stat](data)
    top, slash, bottom = stat.partition("/")
    if slash:
        return Pair(_COUNTS[top](data), below := _COUNTS[bottom](data), int(below))
    return Pair(_COUNTS[stat](data), seconds, data.calls if stat in _OF_CALLS else data.requests.count)


def quantile_of(stat: str, data: SeriesData) -> tuple[float | None, int]:
    """Return a quantile such as p95_response_time, and of how many values it is."""
    if stat not in QUANTILES:  # pragma: no cover - set-up refuses it
        return None, 0
    rank, _, what = stat.partition("_")
    durations = data.duration if what == "response_time" else data.first_item
    return durations.quantile(int(rank[1:]) / 100), durations.count


def grouped(reading: Reading, by: tuple[str, ...]) -> dict[Labels, SeriesData]:
    """Return what was counted for each value of these labels; of none, all together, though it be nothing.

    A label that is no field of a series is one of the user's (`Config.cost_attributes`), alone.
    """
    if not by:
        return {(): SeriesData.merged(list(reading.snapshot.series.values()))}
    if not set(by) <= set(SeriesKey._fields):
        return {
            ((name, value),): _only(requests)
            for (name, value), requests in reading.snapshot.attributes.items()
            if (name,) == by and value
        }
    places = [SeriesKey._fields.index(name) for name in by]
    groups: defaultdict[Labels, list[SeriesData]] = defaultdict(list)
    for key, data in reading.snapshot.series.items():
        labels = tuple((name, key[place]) for name, place in zip(by, places, strict=True))
        if any(value for _, value in labels):
            groups[labels].append(data)
    return {labels: SeriesData.merged(parts) for labels, parts in groups.items()}


def _only(requests: LlmStats) -> SeriesData:
    none = NO_CALLS
    return SeriesData(none.outcomes, none.errors, none.duration, none.first_item, requests, 0, 0, None)
