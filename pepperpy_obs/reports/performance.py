"""How fast and how reliable: response times, latency, errors, throughput."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp2

from pepperpy_obs.aggregate.histogram import Durations
from pepperpy_obs.aggregate.series_data import NO_CALLS, SeriesData
from pepperpy_obs.aggregate.snapshot import EMPTY
from pepperpy_obs.reports import table
from pepperpy_obs.reports.errors import error_rate, most_first
from pepperpy_obs.reports.report import Report
from pepperpy_obs.reports.rows import Rows
from pepperpy_obs.reports.totals import Totals, tokens_of

__all__ = ["PerformanceReport", "performance_report"]


@dataclass(frozen=True, slots=True)
class PerformanceReport(Report):
    """The figures of one operation, or of all and of each; times in seconds, None where nothing was measured."""

    operation: str | None
    """Whose figures; None: of all operations together."""
    calls: int
    error_rate: float | None
    """Calls that raised, of all finished calls."""
    throughput: float | None
    """Finished calls a second."""
    avg_response_time: float | None
    min_response_time: float | None
    max_response_time: float | None
    p50_response_time: float | None
    p95_response_time: float | None
    p99_response_time: float | None
    quantile_error: float | None
    """By which part of itself a quantile may be off at most: 0.0054, or a third where Prometheus was asked, whose
    buckets double from one to the next."""
    time_to_first_token: float | None
    """How long answers that are streamed kept one waiting for their first item, on average."""
    p95_time_to_first_token: float | None
    request_latency: float | None
    """The same as `time_to_first_token`, under the document's name for it."""
    p95_request_latency: float | None
    token_usage: int
    """Input and output tokens of all requests."""
    cache_hit_rate: float | None
    """Of all lookups of all caches; None in the report of one operation."""
    outcomes: Mapping[str, int]
    """Finished calls by outcome: ok, error, cancelled, abandoned."""
    errors_by_type: Mapping[str, int] | None
    operations: Mapping[str, PerformanceReport]
    """The report of each operation; empty in the report of one."""
    start: str | None
    """When the stretch begins (UTC, ISO 8601): with its first event, or with the window."""
    window: float | None
    """The stretch asked for, in seconds; None: all that there is."""
    seconds: float
    """How long the stretch is."""

    @property
    def errors_by_operation(self) -> dict[str, Mapping[str, int]]:
        """Operation -> error type -> calls."""
        return {name: one.errors_by_type for name, one in self.operations.items() if one.errors_by_type}

    def of(self, operation: str) -> PerformanceReport:
        """Return the report of one operation; one that never finished a call has no figures."""
        if operation in self.operations:
            return self.operations[operation]
        nothing = _report(NO_CALLS, Totals(EMPTY), operation)
        return replace(nothing, start=self.start, window=self.window, seconds=self.seconds)

    def busiest(self, most: int) -> PerformanceReport:
        """Return the same with the `most` operations only that have the most calls, the busiest first."""
        rows = self.operations
        return replace(self, operations=rows.largest(most, _calls)) if isinstance(rows, Rows) else self

    def __str__(self) -> str:
        """Show the figures of all, then of each operation."""
        name = "Performance" if self.operation is None else f"Performance of {self.operation}"
        facts = {
            "calls": table.count(self.calls),
            "error rate": table.share(self.error_rate),
            "calls per second": table.count(self.throughput),
            "average response time": table.seconds(self.avg_response_time),
            "50 % within": table.seconds(self.p50_response_time),
            "95 % within": table.seconds(self.p95_response_time),
            "99 % within": table.seconds(self.p99_response_time),
            "average time to first token": table.seconds(self.time_to_first_token),
            "tokens": table.count(self.token_usage),
        }
        if self.operation is None:
            facts["cache hit rate"] = table.share(self.cache_hit_rate)
        text = f"{name} ({table.span(self.window, self.seconds, self.start)})\n{table.pairs(facts)}"
        if not self.operations:
            return text
        headers = ["operation", "calls", "errors", "per second", "average", "p50", "p95", "p99", "first token"]
        return f"{text}\n\n{table.columns(headers, [_row(name, one) for name, one in self.operations.items()])}"


def _error(durations: Durations) -> float:
    """Return how far the middle of a bin is from its bounds."""
    ratio = exp2(-exp2(-durations.scale))
    return (1.0 - ratio) / (1.0 + ratio)


def performance_report(totals: Totals, cache_hit_rate: float | None = None) -> PerformanceReport:
    """Make the report of all operations that finished a call."""
    report = _report(totals.everything, totals)
    finished = {name: data for name, data in totals.operations.items() if data.calls}
    operations = Rows(finished, lambda name, data: _report(data, totals, name))
    return replace(report, cache_hit_rate=cache_hit_rate, operations=operations)


def _report(data: SeriesData, totals: Totals, operation: str | None = None) -> PerformanceReport:
    p50, p95, p99 = data.duration.quantiles(0.5, 0.95, 0.99)
    timed = data.duration.count > 0
    return PerformanceReport(
        operation=operation,
        calls=data.calls,
        error_rate=error_rate(data),
        throughput=totals.per_second(data.calls),
        avg_response_time=data.duration.mean,
        min_response_time=data.duration.low if timed else None,
        max_response_time=data.duration.high if timed else None,
        p50_response_time=p50,
        p95_response_time=p95,
        p99_response_time=p99,
        quantile_error=_error(data.duration) if timed else None,
        time_to_first_token=data.first_item.mean,
        p95_time_to_first_token=data.first_item.quantile(0.95),
        request_latency=data.first_item.mean,
        p95_request_latency=data.first_item.quantile(0.95),
        token_usage=tokens_of(data),
        cache_hit_rate=None,
        outcomes=dict(sorted(data.outcomes.items())),
        errors_by_type=most_first(data.errors),
        operations={},
        start=totals.start,
        window=totals.snapshot.window,
        seconds=totals.snapshot.seconds,
    )


def _calls(data: SeriesData) -> int:
    return data.calls


def _row(name: str, one: PerformanceReport) -> list[str]:
    return [
        name,
        table.count(one.calls),
        table.count(one.outcomes.get("error", 0)),
        table.count(one.throughput),
        table.seconds(one.avg_response_time),
        table.seconds(one.p50_response_time),
        table.seconds(one.p95_response_time),
        table.seconds(one.p99_response_time),
        table.seconds(one.time_to_first_token),
    ]
