"""The accumulator: the changing counterpart of `SeriesData`, for the seconds in which its series is written to.

This is the hot path of the fold. When its interval is closed it is turned into immutable data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from pepperpy_obs.aggregate.histogram import Durations, Histogram, exact
from pepperpy_obs.aggregate.lazy_histogram import BATCH, DurationBuffer, HistogramBuffer, LazyHistogram
from pepperpy_obs.aggregate.metric import Latest, MetricData
from pepperpy_obs.aggregate.requests import LlmAccumulator, RequestTotals, outcome_of
from pepperpy_obs.aggregate.series import MetricKey, label
from pepperpy_obs.aggregate.series_data import INTERVAL, NO_LLM, Exemplar, LlmStats, SeriesData, add_errors

__all__ = ["LONGEST", "FrozenAccumulator", "FrozenMetric", "MetricAccumulator", "SeriesAccumulator"]

LONGEST: Final = 2.0**63 / 1e9
"""Durations from here on (292 years in seconds) are mistakes, and refused."""

_NO_ERRORS: Final[Mapping[str, int]] = {}
"""One for all that have none: they never change, they are replaced."""
_NO_DURATIONS: Final = LazyHistogram(Durations())


class SeriesAccumulator(Struct, gc=False, eq=False):
    """The calls of one series within one interval of 10 seconds.

    `llm` tells that each of them is a request to a language model; fields that are refused are counted in `refused`.
    """

    _first: int
    _last: int
    refused: Counter[str]
    llm: bool
    durations: DurationBuffer
    peak: float = -1.0
    """From how many seconds on a call is one to look at; see `show`."""
    _ok: int = 0
    _others: dict[str, int] = {}
    _errors: Mapping[str, int] = _NO_ERRORS
    _first_items: DurationBuffer | None = None
    _exemplar: Exemplar | None = None
    _requests: LlmAccumulator | None = None

    @classmethod
    def of(cls, at: int, refused: Counter[str], *, llm: bool) -> SeriesAccumulator:
        """Return one for calls from `at` on."""
        return cls(at, at, refused, llm, DurationBuffer.empty())

    def finish(self, event: Mapping[str, Any], at: int) -> None:  # noqa: C901 - flat: every call here is paid per event
        """Count a finished call."""
        if at > self._last:
            self._last = at
        elif at < self._first:
            self._first = at
        if event.get("outcome") == "ok":
            self._ok += 1
        else:
            self._count_other(event)
        seconds = event.get("duration_seconds")
        if type(seconds) is float and 0.0 <= seconds < LONGEST:
            fresh = self.durations.fresh
            fresh.append(seconds)
            if seconds >= self.peak:
                self._show(event, seconds, at)
            if len(fresh) >= BATCH:
                self.durations.histogram()
        elif seconds is not None:
            self._count_odd(event, seconds, at)
        if "time_to_first_item_seconds" in event:
            self._count_first_item(event)
        # An event with tokens has one of these two; the link that prices it adds the third.
        if self.llm or "cost_source" in event or "input_tokens" in event or "output_tokens" in event:
            self._count_request(event)
        elif "saved_usd" in event or "over_budget" in event:
            self._llm_accumulator().note(event)

    def finish_many(self, took: list[int], count: int, first: int, last: int) -> None:
        """Count calls that went well, given how many ns they took, from `first` to `last`.

        Calls nothing once it has begun, so that no signal handler can leave it half done; see `settle`.
        """
        ns = self.durations.ns
        if last > self._last:  # noqa: PLR1730 - max() would be a call
            self._last = last
        if first < self._first:  # noqa: PLR1730 - as above
            self._first = first
        self._ok += count
        ns += took

    def finish_some(self, seconds: list[float], count: int, first: int, last: int) -> None:
        """Count the same, given seconds."""
        fresh = self.durations.fresh
        if last > self._last:  # noqa: PLR1730 - as above
            self._last = last
        if first < self._first:  # noqa: PLR1730 - as above
            self._first = first
        self._ok += count
        fresh += seconds

    def wait_some(self, seconds: list[float]) -> None:
        """Count how long it took until the first item came."""
        if self._first_items is None:
            self._first_items = DurationBuffer.empty()
        self._first_items.fresh += seconds

    def request_some(self, sums: RequestTotals) -> None:
        """Count that calls were requests, which went well."""
        self._llm_accumulator().count_many(sums)

    def settle(self) -> None:
        """Put what was counted last into bins, if it is enough."""
        if len(self.durations.ns) + len(self.durations.fresh) >= BATCH:
            self.durations.histogram()
        if self._first_items is not None and len(self._first_items.fresh) >= BATCH:
            self._first_items.histogram()

    def show(self, seconds: float, at: int, trace_id: str, span_id: str) -> None:
        """Take a call for the exemplar, if it is the slowest."""
        exemplar = Exemplar(at // INTERVAL, seconds, at, trace_id, span_id)
        self._exemplar = max(self._exemplar, exemplar) if self._exemplar else exemplar
        self.peak = self._exemplar.value

    def record(self, event: Mapping[str, Any], at: int) -> None:
        """Count usage that no call carries."""
        self._see(at)
        self._count_request(event)

    def save(self, event: Mapping[str, Any], at: int) -> None:
        """Count what a cache saved outside of a call."""
        self._see(at)
        self._llm_accumulator().note(event)

    def freeze(self) -> FrozenAccumulator:
        """Return the same calls, to be made data of when there is time."""
        first_items = self._first_items.freeze() if self._first_items else _NO_DURATIONS
        return self._with(self.durations.freeze(), first_items)

    def peek(self) -> FrozenAccumulator:
        """Return the same and change nothing: for an accumulator that counts no more, read by several threads."""
        return self._with(self.durations.peek(), self._first_items.peek() if self._first_items else _NO_DURATIONS)

    def _with(self, durations: LazyHistogram[Durations], first_items: LazyHistogram[Durations]) -> FrozenAccumulator:
        return FrozenAccumulator(
            {"ok": self._ok, **self._others} if self._ok else dict(self._others),
            self._errors,
            durations,
            first_items,
            self._requests.copy() if self._requests else NO_LLM,
            self._first,
            self._last,
            self._exemplar,
        )

    @property
    def empty(self) -> bool:
        """Whether nothing was counted in the end."""
        return not (self._ok or self._others or self._requests)

    def begin(self, at: int) -> None:
        """Begin with a call that ended `at`, as nothing was counted of the one that it was made for."""
        self._first = self._last = at

    @property
    def span(self) -> tuple[int, int]:
        """When the first and the last call ended."""
        return self._first, self._last

    def data(self) -> SeriesData:
        """Return what was counted so far."""
        return self.freeze().data()

    def _see(self, at: int) -> None:
        self._first = min(self._first, at)
        self._last = max(self._last, at)

    def _count_other(self, event: Mapping[str, Any]) -> None:
        outcome = outcome_of(event)
        if outcome == "ok":
            self._ok += 1
            return
        self._others[outcome] = self._others.get(outcome, 0) + 1
        if outcome == "error":
            self._errors = add_errors(self._errors, {label(event.get("error_type")) or "unknown": 1})

    def _count_odd(self, event: Mapping[str, Any], value: object, at: int) -> None:
        seconds = _seconds(value)
        if seconds is None:
            self.refused["duration_seconds"] += 1
            return
        self.durations.add(seconds)
        if seconds >= self.peak:
            self._show(event, seconds, at)

    def _count_first_item(self, event: Mapping[str, Any]) -> None:
        seconds = _seconds(event["time_to_first_item_seconds"])
        if seconds is None:
            self.refused["time_to_first_item_seconds"] += 1
            return
        if self._first_items is None:
            self._first_items = DurationBuffer.empty()
        self._first_items.add(seconds)

    def _show(self, event: Mapping[str, Any], seconds: float, at: int) -> None:
        trace_id = event.get("trace_id")
        if not trace_id:
            return
        self.show(seconds, at, str(trace_id), str(event.get("span_id", "")))

    def _count_request(self, event: Mapping[str, Any]) -> None:
        self._llm_accumulator().count(event)

    def _llm_accumulator(self) -> LlmAccumulator:
        if self._requests is None:
            self._requests = LlmAccumulator(self.refused)
        return self._requests


class FrozenAccumulator(Struct, frozen=True, gc=False, eq=False):
    """An accumulator at one moment: all that `SeriesData` has, but some values are not in bins yet."""

    outcomes: Mapping[str, int]
    errors: Mapping[str, int]
    durations: LazyHistogram[Durations]
    first_items: LazyHistogram[Durations]
    requests: LlmAccumulator | LlmStats
    first: int
    last: int
    exemplar: Exemplar | None

    def data(self) -> SeriesData:
        """Return it as data."""
        requests = self.requests.data() if isinstance(self.requests, LlmAccumulator) else self.requests
        return SeriesData(
            self.outcomes,
            self.errors,
            self.durations.histogram(),
            self.first_items.histogram(),
            requests,
            self.first,
            self.last,
            self.exemplar,
        )


class MetricAccumulator:
    """The values of one series of a user's metric; `record` takes finite floats only."""

    __slots__ = ("_description", "_kind", "_latest", "_total", "_unit", "_values")

    def __init__(self, key: MetricKey) -> None:
        self._kind = key.kind
        self._unit = self._description = ""
        self._total = 0
        self._latest: Latest | None = None
        self._values: HistogramBuffer[Histogram] = HistogramBuffer(Histogram, LazyHistogram(Histogram()))

    def record(self, value: float, at: int, unit: str, description: str) -> None:
        """Count one value."""
        self._unit = max(self._unit, unit)
        self._description = max(self._description, description)
        if self._kind == "counter":
            self._total += exact(value)
        elif self._kind == "gauge":
            latest = Latest(at, value + 0.0)
            self._latest = max(self._latest, latest) if self._latest else latest
        else:
            self._values.add(value)

    def freeze(self) -> FrozenMetric:
        """Return the same values, to be made data of when there is time."""
        return FrozenMetric(self._unit, self._description, self._total, self._latest, self._values.freeze())

    def peek(self) -> FrozenMetric:
        """Return the same and change nothing."""
        return FrozenMetric(self._unit, self._description, self._total, self._latest, self._values.peek())

    def data(self) -> MetricData:
        """Return what was counted so far."""
        return self.freeze().data()


class FrozenMetric(Struct, frozen=True, gc=False, eq=False):
    """A metric's accumulator at one moment."""

    unit: str
    description: str
    total: int
    latest: Latest | None
    values: LazyHistogram[Histogram]

    def data(self) -> MetricData:
        """Return it as data."""
        return MetricData(self.unit, self.description, self.total, self.latest, self.values.histogram())


def _seconds(value: object) -> float | None:
    """Return a duration that may be counted, or None; JSON writes whole seconds as an int."""
    if isinstance(value, int | float) and 0 <= value < LONGEST:
        return float(value)
    return None
