"""The current interval: the 10 seconds that events are being written to.

It ends as a `SeriesTable`. Until then each series has an accumulator, found by the event's own label values in `index`,
so that a series is named and checked once an interval, not once an event.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any, Final, NamedTuple, get_args

from pepperpy_obs.aggregate.accumulator import FrozenAccumulator, FrozenMetric, MetricAccumulator, SeriesAccumulator
from pepperpy_obs.aggregate.metric import MetricKind, is_label, is_name
from pepperpy_obs.aggregate.requests import LlmAccumulator, is_request
from pepperpy_obs.aggregate.series import ALSO_BY, Attribute, Limits, MetricKey, SeriesKey, joined
from pepperpy_obs.aggregate.series_data import INTERVAL, NO_LLM, CacheData, LlmStats
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.events import (
    ALERT_CHANGED,
    CACHE_LOOKED_UP,
    METRIC_RECORDED,
    OPERATION_FINISHED,
    OVERFLOW,
    USAGE_RECORDED,
)

__all__ = ["DetachedInterval", "FrozenInterval", "Interval"]

_HIT: Final = CacheData(hits=1)
_MISS: Final = CacheData(misses=1)
_GREATEST: Final = sys.float_info.max
_KINDS: Final = get_args(MetricKind)


class FrozenInterval(NamedTuple):
    """A interval at one moment."""

    start: int
    attributes: Mapping[Attribute, LlmAccumulator]
    accumulators: Sequence[tuple[SeriesKey, FrozenAccumulator]]
    metrics: Mapping[MetricKey, FrozenMetric]
    others: SeriesTable

    def span(self) -> tuple[int | None, int | None]:
        """Return when its first and its last event were; None of none."""
        return _span([(accumulator.first, accumulator.last) for _, accumulator in self.accumulators], self.others)

    def to_table(self) -> SeriesTable:
        """Return its sums."""
        table = SeriesTable()
        series = table.series
        for key, accumulator in self.accumulators:
            data = accumulator.data()
            series[key] = series[key].merge(data) if key in series else data
        if series:
            table.span(
                min([accumulator.first for _, accumulator in self.accumulators]),
                max([accumulator.last for _, accumulator in self.accumulators]),
            )
        requests = [data.requests for data in series.values() if data.requests is not NO_LLM]
        if requests:
            table.days[_day(self.start)] = reduce(LlmStats.merge, requests)
        table.attributes = {key: accumulator.data() for key, accumulator in self.attributes.items()}
        table.metrics = {key: accumulator.data() for key, accumulator in self.metrics.items()}
        calls = sum([data.calls for data in series.values()])
        if calls:
            table.events[OPERATION_FINISHED] = calls
        table.absorb(self.others)
        return table


class DetachedInterval:
    """What an interval held when its accumulators were taken away from it, to be added up later and by any thread.

    Two threads that add it up at once get the same.
    """

    __slots__ = ("_interval", "_made", "start")

    def __init__(self, interval: Interval) -> None:
        self.start = interval.start
        self._interval = interval
        self._made: SeriesTable | None = None

    def span(self) -> tuple[int | None, int | None]:
        """Return when its first and its last event were; None of none."""
        return self._interval.span()

    def to_table(self) -> SeriesTable:
        """Return its sums, which are not to be changed."""
        if self._made is None:
            self._made = self._interval.peek().to_table()
        return self._made


class Interval:
    """What has been written so far in the `length` nanoseconds from `start`: 10 seconds, or a coarser interval."""

    __slots__ = ("_accumulators", "_attributes", "_known", "_limits", "_metrics", "_others", "index", "length", "start")

    def __init__(
        self,
        at: int,
        limits: Limits,
        known: dict[tuple[Any, ...], tuple[SeriesKey, bool]],
        length: int = INTERVAL,
    ) -> None:
        self.start = at // length * length
        self.length = length
        self.index: dict[tuple[Any, ...], SeriesAccumulator] = {}
        self._limits = limits
        self._known = known
        self._attributes: dict[Attribute, LlmAccumulator] = {}
        self._others = SeriesTable()
        # An overflow series may hold requests to language models and other calls: it has an accumulator for each.
        self._accumulators: dict[tuple[SeriesKey, bool], SeriesAccumulator] = {}
        self._metrics: dict[MetricKey, MetricAccumulator] = {}

    def freeze(self) -> FrozenInterval:
        """Return the same sums, to be made a table of when there is time: that takes ten times as long."""
        return FrozenInterval(
            self.start,
            {key: accumulator.copy() for key, accumulator in self._attributes.items()},
            [
                (key, accumulator.freeze())
                for (key, _), accumulator in self._accumulators.items()
                if not accumulator.empty
            ],
            {key: accumulator.freeze() for key, accumulator in self._metrics.items()},
            self._others.copy(),
        )

    def __len__(self) -> int:
        """Return how many accumulators it has: the time that `still` takes grows with them."""
        return len(self._accumulators) + len(self._attributes) + len(self._metrics)

    def peek(self) -> FrozenInterval:
        """Return the same and change nothing: for an interval that is written to no more, read by several threads."""
        return FrozenInterval(
            self.start,
            {key: accumulator.copy() for key, accumulator in self._attributes.items()},
            [
                (key, accumulator.peek())
                for (key, _), accumulator in self._accumulators.items()
                if not accumulator.empty
            ],
            {key: accumulator.peek() for key, accumulator in self._metrics.items()},
            self._others.copy(),
        )

    def span(self) -> tuple[int | None, int | None]:
        """Return when its first and its last event were; None of none."""
        return _span(
            [accumulator.span for accumulator in self._accumulators.values() if not accumulator.empty], self._others
        )

    def to_table(self) -> SeriesTable:
        """Return the sums so far; the interval may be written on."""
        return self.freeze().to_table()

    def accumulator(self, event: Mapping[str, Any], at: int) -> SeriesAccumulator:
        """Return the accumulator of the event's series; a new one if need be, or that of the overflow series."""
        values = tuple([event.get(name) for name in SeriesKey._fields])
        own = SeriesKey(*map(self._limits.label, SeriesKey._fields, values))
        llm = bool(own.provider or own.model) or own.kind == "llm"
        key = self._limits.series(own, self._others.overflow)
        whose = key, llm
        accumulator = self._accumulators.get(whose)
        if accumulator is None:
            accumulator = self._accumulators[whose] = SeriesAccumulator.of(at, self._others.refused, llm=llm)
        # Overflowing values would fill the index instead of the table, and each of them is to be counted.
        if key == own and all(value is None or value == text for value, text in zip(values, own, strict=True)):
            self.index[values] = accumulator
            self._known[values] = whose
        return accumulator

    def resume(self, values: tuple[Any, ...], at: int) -> SeriesAccumulator | None:
        """Return the accumulator of label values that were in the index of an earlier interval, None of others.

        Nothing is seen of it before something is counted in it.
        """
        known = self._known.get(values)
        if known is None:
            return None
        accumulator = self._accumulators.get(known)
        if accumulator is None:
            accumulator = self._accumulators[known] = SeriesAccumulator.of(at, self._others.refused, llm=known[1])
        self.index[values] = accumulator
        return accumulator

    def fold(self, event: Mapping[str, Any], at: int) -> None:
        """Count an event that is no finished call."""
        self._others.span(at, at)
        match event.get("event"):
            case "usage.recorded":
                self._others.events[USAGE_RECORDED] += 1
                self.accumulator(event, at).record(event, at)
            case "cache.looked_up":
                self._others.events[CACHE_LOOKED_UP] += 1
                self.look_up(event)
                if "saved_usd" in event:
                    self.accumulator(event, at).save(event, at)
            case "metric.recorded":
                self._others.events[METRIC_RECORDED] += 1
                self._measure(event, at)
            case "alert.changed":
                self._others.events[ALERT_CHANGED] += 1
            case _:
                self._others.events[OVERFLOW] += 1

    def attribute(self, event: Mapping[str, Any], names: Sequence[str]) -> None:
        """Count a request, if it is one, once more for each of these fields, or fields that are joined by a plus."""
        if is_request(event):
            for name in names:
                if ALSO_BY in name or name == "day":
                    value = joined([self._part(event, part) for part in name.split(ALSO_BY)])
                else:
                    value = self._limits.label(name, event.get(name))
                key = self._limits.attribute((name, value), self._others.overflow)
                accumulator = self._attributes.get(key)
                if accumulator is None:
                    # What is refused has been counted with the call.
                    accumulator = self._attributes[key] = LlmAccumulator(Counter())
                accumulator.count(event)

    def _part(self, event: Mapping[str, Any], name: str) -> str:
        return _day(self.start) if name == "day" else self._limits.label(name, event.get(name))

    def look_up(self, event: Mapping[str, Any]) -> None:
        """Count a lookup of a cache."""
        hit = event.get("cache_hit")
        if not isinstance(hit, bool):
            self._others.refused["cache_hit"] += 1
            return
        name = self._limits.cache(self._limits.label("cache", event.get("cache")), self._others.overflow)
        self._others.caches[name] = self._others.caches.get(name, CacheData()).merge(_HIT if hit else _MISS)

    def _measure(self, event: Mapping[str, Any], at: int) -> None:
        own = _metric_key(event, self._limits)
        key = self._limits.metric(own, self._others.overflow) if own else None
        if key is None:
            self._others.refused["metric"] += 1
            return
        value = event.get("value")
        # One NaN would turn every later sum into NaN; a counter that goes down looks like a restart.
        least = 0.0 if key.kind == "counter" else -_GREATEST
        if not (isinstance(value, int | float) and least <= value <= _GREATEST):
            self._others.refused["value"] += 1
            return
        accumulator = self._metrics.get(key)
        if accumulator is None:
            accumulator = self._metrics[key] = MetricAccumulator(key)
        accumulator.record(
            float(value), at, str(event.get("metric_unit", "")), str(event.get("metric_description", ""))
        )


def _span(spans: Sequence[tuple[int, int]], others: SeriesTable) -> tuple[int | None, int | None]:
    times = SeriesTable()
    times.span(others.start, others.end)
    if spans:
        times.span(min(spans)[0], max([last for _, last in spans]))
    return times.start, times.end


def _day(at: int) -> str:
    return datetime.fromtimestamp(at // 1_000_000_000, UTC).date().isoformat()


def _metric_key(event: Mapping[str, Any], limits: Limits) -> MetricKey | None:
    name, kind, labels = event.get("metric"), event.get("metric_kind", "counter"), event.get("labels") or {}
    if is_name(name) and kind in _KINDS and isinstance(labels, Mapping) and all(map(is_label, labels)):
        return MetricKey(
            str(name), kind, tuple(sorted((text, limits.label(text, value)) for text, value in labels.items()))
        )
    return None
