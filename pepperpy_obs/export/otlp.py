"""A reading as OTLP metrics: our families, the user's own metrics, and those of the GenAI conventions.

Names are those of Prometheus with dots, so that a receiver that writes them with underscores again shows the same
families as a scrape. Durations are exponential histograms: our bins are OpenTelemetry's, one place further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from pepperpy_obs.aggregate.bins import Bins
from pepperpy_obs.aggregate.histogram import Durations, Histogram
from pepperpy_obs.aggregate.series import SeriesKey
from pepperpy_obs.aggregate.series_data import Exemplar, SeriesData
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.export.families import DURATION, FAMILIES, FIRST_ITEM, Family
from pepperpy_obs.export.histograms import Histograms
from pepperpy_obs.export.projection import collect_families
from pepperpy_obs.formats.genai import Conventions, operation_name
from pepperpy_obs.readings import Reading

__all__ = ["MetricsWriter", "Temporality"]

Temporality = Literal["cumulative", "delta"]
_CODES: Final[dict[Temporality, int]] = {"delta": 1, "cumulative": 2}
_MOST_BUCKETS: Final = 160
"""As many as OpenTelemetry's own SDKs keep."""
_UNITS: Final = {"seconds": "s", "bytes": "By", "ratio": "1", "usd": "{USD}", "": "1"}
_SUFFIXES: Final = tuple(f"_{unit}" for unit in _UNITS if unit)
_KINDS: Final[dict[Conventions, Mapping[str, str]]] = {
    "semconv-1.41": {
        "llm": "gen_ai.client.operation.duration",
        "tool": "gen_ai.execute_tool.duration",
        "agent": "gen_ai.invoke_agent.duration",
    },
    "genai-0.1": {
        "llm": "gen_ai.client.inference.duration",
        "tool": "gen_ai.execute_tool.duration",
        "agent": "gen_ai.invoke_agent.duration",
    },
}
"""What each generation calls the durations of our kinds."""
_FIRST: Final[dict[Conventions, str]] = {
    "semconv-1.41": "gen_ai.client.operation.time_to_first_chunk",
    "genai-0.1": "gen_ai.client.inference.time_to_first_chunk",
}
_USAGE: Final = "gen_ai.client.inference.usage."
_COUNTERS: Final = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read.input_tokens",
    "cache_write": "cache_write.input_tokens",
    "reasoning": "reasoning.output_tokens",
}
_TOKENS: Final = "gen_ai.client.token.usage"

Labels = tuple[tuple[str, str], ...]


class _Known(NamedTuple):
    """What was told before: the values of counters, and the values that histograms held."""

    numbers: dict[tuple[str, Labels], float]
    histograms: dict[tuple[str, Labels], Histogram]


class MetricsWriter:
    """Writes readings one after the other; deltas are what came since the one before. For one thread at a time."""

    def __init__(self, temporality: Temporality, conventions: Conventions, start: int) -> None:
        self._temporality: Temporality = temporality
        self._conventions: Conventions = conventions
        self.how = temporality, conventions
        self._start = self._before = start
        self._known = _Known({}, {})
        self._rows = Histograms()

    def metrics(self, reading: Reading) -> list[dict[str, Any]]:
        """Return what a reading says as the protocol spells metrics."""
        found = [*self._families(reading), *self._genai(reading), *self._own(reading)]
        self._before = reading.at
        return [metric for metric in found if metric is not None]

    def _families(self, reading: Reading) -> Iterator[dict[str, Any] | None]:
        for family, values, _ in collect_families(reading, self._rows):
            if family.type == "histogram" or family not in FAMILIES:
                continue
            rows = [
                (_labels(zip(family.labels, labels, strict=True)), _number(value)) for labels, value in values.items()
            ]
            yield self._numbers(_name(family), _unit(family), family.help, rows, reading.at, kind=family.type)
        for family, durations in ((DURATION, _durations), (FIRST_ITEM, _first_items)):
            groups = _grouped(reading.snapshot, durations, lambda key: _labels(zip(family.labels, key, strict=False)))  # noqa: B023 - called at once
            yield self._histograms(_name(family), "s", family.help, groups, reading.at)

    def _genai(self, reading: Reading) -> Iterator[dict[str, Any] | None]:
        snapshot, at = reading.snapshot, reading.at
        for kind, name in _KINDS[self._conventions].items():
            groups = _grouped(snapshot, _durations, _genai_labels, kind)
            yield self._histograms(name, "s", "Duration of operations.", groups, at)
        groups = _grouped(snapshot, _first_items, _genai_labels, "llm")
        yield self._histograms(_FIRST[self._conventions], "s", "Time to the first chunk of a stream.", groups, at)
        tokens = _tokens(snapshot)
        if self._conventions == "genai-0.1":
            for kind, end in _COUNTERS.items():
                rows = [(labels, by_type[kind]) for labels, (_, by_type) in tokens.items() if kind in by_type]
                yield self._numbers(_USAGE + end, "{token}", "Tokens of requests.", rows, at, kind="counter")
        else:
            yield self._sums(tokens, at)

    def _own(self, reading: Reading) -> Iterator[dict[str, Any] | None]:
        """Yield the user's own metrics."""
        snapshot, at = reading.snapshot, reading.at
        names = dict.fromkeys((key.name, key.kind) for key in snapshot.metrics)
        for name, kind in names:
            rows = [
                (key.labels, data) for key, data in snapshot.metrics.items() if (key.name, key.kind) == (name, kind)
            ]
            unit, text = rows[0][1].unit, rows[0][1].description
            if kind == "histogram":
                values = {labels: (data.histogram, None) for labels, data in rows}
                yield self._histograms(name, unit, text, values, at)
            else:
                numbers: list[tuple[Labels, float]] = [(labels, data.value) for labels, data in rows]
                yield self._numbers(name, unit, text, numbers, at, kind=kind)

    def _numbers(
        self,
        name: str,
        unit: str,
        text: str,
        rows: Iterable[tuple[Labels, float]],
        at: int,
        *,
        kind: str,
    ) -> dict[str, Any] | None:
        points = [point for labels, value in rows if (point := self._number(name, labels, value, at, kind)) is not None]
        if not points:
            return None
        if kind != "counter":
            return {"name": name, "unit": unit, "description": text, "gauge": {"dataPoints": points}}
        code = _CODES[self._temporality]
        body = {"aggregationTemporality": code, "isMonotonic": True, "dataPoints": points}
        return {"name": name, "unit": unit, "description": text, "sum": body}

    def _number(
        self,
        name: str,
        labels: Labels,
        value: float,
        at: int,
        kind: str,
    ) -> dict[str, Any] | None:
        if kind == "counter" and self._temporality == "delta":
            before = self._known.numbers.get((name, labels), 0)
            self._known.numbers[name, labels] = value
            value -= before
            if not value:
                return None
        told = {"asInt": str(value)} if isinstance(value, int) else {"asDouble": value}
        return {**self._times(at, since=kind == "counter"), "attributes": _attributes(labels), **told}

    def _times(self, at: int, *, since: bool = True) -> dict[str, str]:
        if not since:
            return {"timeUnixNano": str(at)}
        start = self._before if self._temporality == "delta" else self._start
        return {"startTimeUnixNano": str(start), "timeUnixNano": str(max(at, start))}

    def _histograms(
        self, name: str, unit: str, text: str, groups: Mapping[Labels, tuple[Histogram, Exemplar | None]], at: int
    ) -> dict[str, Any] | None:
        points = [
            point
            for labels, (found, exemplar) in groups.items()
            if (point := self._histogram(name, labels, found, exemplar, at)) is not None
        ]
        if not points:
            return None
        body = {"aggregationTemporality": _CODES[self._temporality], "dataPoints": points}
        return {"name": name, "unit": unit, "description": text, "exponentialHistogram": body}

    def _histogram(
        self, name: str, labels: Labels, found: Histogram, exemplar: Exemplar | None, at: int
    ) -> dict[str, Any] | None:
        if not found.count:
            return None
        extremes: dict[str, Any] = {"min": found.low, "max": found.high}
        if self._temporality == "delta":
            before = self._known.histograms.get((name, labels))
            self._known.histograms[name, labels] = found
            if before is not None:
                found, extremes = _since(found, before), {}
                if not found.count:
                    return None
        scale = _scale(found)
        point = {
            **self._times(at),
            "attributes": _attributes(labels),
            "count": str(found.count),
            "sum": found.sum,
            "scale": scale,
            "zeroCount": str(found.zero),
            "positive": _buckets(found.positive, scale),
            "negative": _buckets(found.negative, scale),
            **extremes,
        }
        if exemplar is not None and exemplar.at > self._before:
            point["exemplars"] = [_exemplar(exemplar)]
        return point

    def _sums(self, tokens: Mapping[Labels, tuple[int, Mapping[str, int]]], at: int) -> dict[str, Any] | None:
        """Return tokens as a histogram of no buckets: of single requests we keep no distribution."""
        points: list[dict[str, Any]] = []
        for labels, (requests, by_type) in tokens.items():
            for kind in ("input", "output"):
                if kind not in by_type:
                    continue
                key = (*labels, ("gen_ai.token.type", kind))
                count, total = requests, by_type[kind]
                if self._temporality == "delta":
                    known = self._known.numbers
                    count -= int(known.get((f"{_TOKENS} count", key), 0))
                    total -= int(known.get((_TOKENS, key), 0))
                    known[f"{_TOKENS} count", key], known[_TOKENS, key] = requests, by_type[kind]
                if count > 0:
                    told = {"count": str(count), "sum": float(total), "bucketCounts": [], "explicitBounds": []}
                    points.append({**self._times(at), "attributes": _attributes(key), **told})
        if not points:
            return None
        body = {"aggregationTemporality": _CODES[self._temporality], "dataPoints": points}
        return {"name": _TOKENS, "unit": "{token}", "description": "Tokens of requests.", "histogram": body}


def _name(family: Family) -> str:
    """Return a family's name with dots, and without what the type and the unit say."""
    stem = family.stem
    for suffix in _SUFFIXES:
        stem = stem.removesuffix(suffix)
    return stem.replace("_", ".")


def _unit(family: Family) -> str:
    return _UNITS.get(family.unit, family.unit)


def _number(value: float | Decimal) -> float:
    return float(value) if isinstance(value, Decimal) else value


def _labels(pairs: Iterable[tuple[str, str]]) -> Labels:
    return tuple((name, value) for name, value in pairs if value)


def _genai_labels(key: SeriesKey) -> Labels:
    told = {"kind": key.kind, "model": key.model}
    return _labels(
        (
            ("gen_ai.operation.name", operation_name(told) or ""),
            ("gen_ai.provider.name", key.provider),
            ("gen_ai.request.model", key.model),
            ("gen_ai.agent.name" if key.kind == "agent" else "", key.agent if key.kind == "agent" else ""),
            ("gen_ai.tool.name" if key.kind == "tool" else "", key.operation if key.kind == "tool" else ""),
        )
    )


def _durations(data: SeriesData) -> tuple[Durations, Exemplar | None]:
    return data.duration, data.exemplar


def _first_items(data: SeriesData) -> tuple[Durations, Exemplar | None]:
    return data.first_item, None


def _grouped(
    snapshot: Snapshot,
    durations: Callable[[SeriesData], tuple[Durations, Exemplar | None]],
    labels: Callable[[SeriesKey], Labels],
    kind: str | None = None,
) -> dict[Labels, tuple[Histogram, Exemplar | None]]:
    """Return the durations of series by their labels, with the latest exemplar."""
    parts: dict[Labels, list[tuple[Durations, Exemplar | None]]] = {}
    for key, data in snapshot.series.items():
        if kind is None or key.kind == kind:
            parts.setdefault(labels(key), []).append(durations(data))
    return {
        name: (
            Durations.merged([found for found, _ in listed]),
            max((one for _, one in listed if one is not None), key=lambda one: one.at, default=None),
        )
        for name, listed in parts.items()
    }


def _tokens(snapshot: Snapshot) -> dict[Labels, tuple[int, dict[str, int]]]:
    """Return the requests that told their tokens, and these by type, by the conventions' labels."""
    found: dict[Labels, tuple[int, dict[str, int]]] = {}
    for key, data in snapshot.series.items():
        if not data.requests.tokens:
            continue
        labels = _genai_labels(key._replace(kind="llm"))
        requests, by_type = found.get(labels, (0, {}))
        for kind, count in data.requests.tokens.items():
            by_type[kind] = by_type.get(kind, 0) + count
        told = data.requests.count - data.requests.incidents.get("no_usage", 0)
        found[labels] = requests + max(0, told), by_type
    return found


def _since(found: Histogram, before: Histogram) -> Histogram:
    """Return what came to a histogram since it was as before; its least and greatest value are not known."""
    scale = min(found.scale, before.scale)
    return type(found)(
        found.count - before.count,
        found.total - before.total,
        0.0,
        0.0,
        found.zero - before.zero,
        _less(found.positive, before.positive, scale),
        _less(found.negative, before.negative, scale),
    )


def _less(found: Bins, before: Bins, scale: int) -> Bins:
    counts = dict(found.coarsened(scale).pairs())
    for index, count in before.coarsened(scale).pairs():
        counts[index] -= count
    return Bins.of_pairs(scale, [(index, count) for index, count in counts.items() if count])


def _scale(found: Histogram) -> int:
    """Return the finest scale at which no row has more buckets than receivers expect."""
    scale = found.scale
    while max(len(found.positive.coarsened(scale)), len(found.negative.coarsened(scale))) > _MOST_BUCKETS:
        scale -= 1
    return scale


def _buckets(row: Bins, scale: int) -> dict[str, Any]:
    row = row.coarsened(scale)
    return {"offset": row.offset - 1 if row.total else 0, "bucketCounts": [str(count) for count in row.counts()]}


def _exemplar(one: Exemplar) -> dict[str, Any]:
    return {"timeUnixNano": str(one.at), "asDouble": one.value, "traceId": one.trace_id, "spanId": one.span_id}


def _attributes(labels: Labels) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in labels]
