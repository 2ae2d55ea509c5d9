"""The slot at hand: the 10 seconds that events are being written to.

It ends as a `Ledger`. Until then each series has a tally, found by the event's own label values in `index`, so
that a series is named and checked once a slot, not once an event.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any, Final, NamedTuple, get_args

from pepperpy_obs.aggregate.cell import NO_REQUESTS, SLOT, CacheCell, Requests
from pepperpy_obs.aggregate.ledger import Ledger
from pepperpy_obs.aggregate.metric import MetricKind, is_label, is_name
from pepperpy_obs.aggregate.requests import RequestTally, is_request
from pepperpy_obs.aggregate.series import ALSO_BY, Attribute, Limits, MetricKey, SeriesKey, joined
from pepperpy_obs.aggregate.tally import MetricTally, StillMetric, StillTally, Tally
from pepperpy_obs.events import CACHE_LOOKED_UP, METRIC_RECORDED, OPERATION_FINISHED, OVERFLOW, USAGE_RECORDED

__all__ = ["Slot", "SlotPart", "StillSlot"]

_HIT: Final = CacheCell(hits=1)
_MISS: Final = CacheCell(misses=1)
_GREATEST: Final = sys.float_info.max
_KINDS: Final = get_args(MetricKind)


class StillSlot(NamedTuple):
    """A slot at one moment."""

    start: int
    attributes: Mapping[Attribute, RequestTally]
    tallies: Sequence[tuple[SeriesKey, StillTally]]
    metrics: Mapping[MetricKey, StillMetric]
    others: Ledger

    def span(self) -> tuple[int | None, int | None]:
        """Return when its first and its last event were; None of none."""
        return _span([(tally.first, tally.last) for _, tally in self.tallies], self.others)

    def written(self) -> Ledger:
        """Return its sums."""
        ledger = Ledger()
        series = ledger.series
        for key, tally in self.tallies:
            cell = tally.cell()
            series[key] = series[key].merge(cell) if key in series else cell
        if series:
            ledger.span(min([tally.first for _, tally in self.tallies]), max([tally.last for _, tally in self.tallies]))
        requests = [cell.requests for cell in series.values() if cell.requests is not NO_REQUESTS]
        if requests:
            ledger.days[_day(self.start)] = reduce(Requests.merge, requests)
        ledger.attributes = {key: tally.cell() for key, tally in self.attributes.items()}
        ledger.metrics = {key: tally.cell() for key, tally in self.metrics.items()}
        calls = sum([cell.calls for cell in series.values()])
        if calls:
            ledger.events[OPERATION_FINISHED] = calls
        ledger.absorb(self.others)
        return ledger


class SlotPart:
    """What a slot held when its tallies were taken away from it, to be added up later and by any thread.

    Two threads that add it up at once get the same.
    """

    __slots__ = ("_made", "_slot", "start")

    def __init__(self, slot: Slot) -> None:
        self.start = slot.start
        self._slot = slot
        self._made: Ledger | None = None

    def span(self) -> tuple[int | None, int | None]:
        """Return when its first and its last event were; None of none."""
        return self._slot.span()

    def written(self) -> Ledger:
        """Return its sums, which are not to be changed."""
        if self._made is None:
            self._made = self._slot.seen().written()
        return self._made


class Slot:
    """What has been written so far in the 10 seconds from `start`."""

    __slots__ = ("_attributes", "_known", "_ledger", "_limits", "_metrics", "_tallies", "index", "start")

    def __init__(self, at: int, limits: Limits, known: dict[tuple[Any, ...], tuple[SeriesKey, bool]]) -> None:
        self.start = at // SLOT * SLOT
        self.index: dict[tuple[Any, ...], Tally] = {}
        self._limits = limits
        self._known = known
        self._attributes: dict[Attribute, RequestTally] = {}
        self._ledger = Ledger()
        # An overflow series may hold requests to language models and other calls: it has a tally for each.
        self._tallies: dict[tuple[SeriesKey, bool], Tally] = {}
        self._metrics: dict[MetricKey, MetricTally] = {}

    def still(self) -> StillSlot:
        """Return the same sums, to be made a ledger of when there is time: that takes ten times as long."""
        return StillSlot(
            self.start,
            {key: tally.copy() for key, tally in self._attributes.items()},
            [(key, tally.still()) for (key, _), tally in self._tallies.items() if not tally.empty],
            {key: tally.still() for key, tally in self._metrics.items()},
            self._ledger.copy(),
        )

    def __len__(self) -> int:
        """Return how many tallies it has: the time that `still` takes grows with them."""
        return len(self._tallies) + len(self._attributes) + len(self._metrics)

    def seen(self) -> StillSlot:
        """Return the same and change nothing: for a slot that is not written to any more, read by several threads."""
        return StillSlot(
            self.start,
            {key: tally.copy() for key, tally in self._attributes.items()},
            [(key, tally.seen()) for (key, _), tally in self._tallies.items() if not tally.empty],
            {key: tally.seen() for key, tally in self._metrics.items()},
            self._ledger.copy(),
        )

    def span(self) -> tuple[int | None, int | None]:
        """Return when its first and its last event were; None of none."""
        return _span([tally.span for tally in self._tallies.values() if not tally.empty], self._ledger)

    def written(self) -> Ledger:
        """Return the sums so far; the slot may be written on."""
        return self.still().written()

    def tally(self, event: Mapping[str, Any], at: int) -> Tally:
        """Return the tally of the event's series; a new one if need be, or that of the overflow series."""
        values = tuple([event.get(name) for name in SeriesKey._fields])
        own = SeriesKey(*map(self._limits.label, SeriesKey._fields, values))
        llm = bool(own.provider or own.model) or own.kind == "llm"
        key = self._limits.series(own, self._ledger.overflow)
        tally = self._tallies.get((key, llm))
        if tally is None:
            tally = self._tallies[key, llm] = Tally(at, self._ledger.refused, llm=llm)
        # Overflowing values would fill the index instead of the table, and each of them is to be counted.
        if key == own and all(value is None or value == text for value, text in zip(values, own, strict=True)):
            self.index[values] = tally
            self._known[values] = key, llm
        return tally

    def resume(self, values: tuple[Any, ...], at: int) -> Tally | None:
        """Return the tally of label values that were in the index of an earlier slot, None of others.

        Nothing is seen of it before something is counted in it.
        """
        known = self._known.get(values)
        if known is None:
            return None
        tally = self._tallies.get(known)
        if tally is None:
            tally = self._tallies[known] = Tally(at, self._ledger.refused, llm=known[1])
        self.index[values] = tally
        return tally

    def fold(self, event: Mapping[str, Any], at: int) -> None:
        """Count an event that is no finished call."""
        self._ledger.span(at, at)
        match event.get("event"):
            case "usage.recorded":
                self._ledger.events[USAGE_RECORDED] += 1
                self.tally(event, at).record(event, at)
            case "cache.looked_up":
                self._ledger.events[CACHE_LOOKED_UP] += 1
                self.look_up(event)
                if "saved_usd" in event:
                    self.tally(event, at).save(event, at)
            case "metric.recorded":
                self._ledger.events[METRIC_RECORDED] += 1
                self._measure(event, at)
            case _:
                self._ledger.events[OVERFLOW] += 1

    def attribute(self, event: Mapping[str, Any], names: Sequence[str]) -> None:
        """Count a request, if it is one, once more for each of these fields, or fields that are joined by a plus."""
        if is_request(event):
            for name in names:
                if ALSO_BY in name or name == "day":
                    value = joined([self._part(event, part) for part in name.split(ALSO_BY)])
                else:
                    value = self._limits.label(name, event.get(name))
                key = self._limits.attribute((name, value), self._ledger.overflow)
                tally = self._attributes.get(key)
                if tally is None:
                    # What is refused has been counted with the call.
                    tally = self._attributes[key] = RequestTally(Counter())
                tally.count(event)

    def _part(self, event: Mapping[str, Any], name: str) -> str:
        return _day(self.start) if name == "day" else self._limits.label(name, event.get(name))

    def look_up(self, event: Mapping[str, Any]) -> None:
        """Count a lookup of a cache."""
        hit = event.get("cache_hit")
        if not isinstance(hit, bool):
            self._ledger.refused["cache_hit"] += 1
            return
        name = self._limits.cache(self._limits.label("cache", event.get("cache")), self._ledger.overflow)
        self._ledger.caches[name] = self._ledger.caches.get(name, CacheCell()).merge(_HIT if hit else _MISS)

    def _measure(self, event: Mapping[str, Any], at: int) -> None:
        own = _metric_key(event, self._limits)
        key = self._limits.metric(own, self._ledger.overflow) if own else None
        if key is None:
            self._ledger.refused["metric"] += 1
            return
        value = event.get("value")
        # One NaN would turn every later sum into NaN; a counter that goes down looks like a restart.
        least = 0.0 if key.kind == "counter" else -_GREATEST
        if not (isinstance(value, int | float) and least <= value <= _GREATEST):
            self._ledger.refused["value"] += 1
            return
        tally = self._metrics.get(key)
        if tally is None:
            tally = self._metrics[key] = MetricTally(key)
        tally.record(float(value), at, str(event.get("metric_unit", "")), str(event.get("metric_description", "")))


def _span(spans: Sequence[tuple[int, int]], others: Ledger) -> tuple[int | None, int | None]:
    times = Ledger()
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
