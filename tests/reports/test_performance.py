from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.reports.performance import PerformanceReport
from pepperpy_obs.reports.stats import Stats
from tests.reports.history import ASK, NOON, SECOND, nothing, told


def near(value: float) -> Any:
    """Return what equals every estimate of a quantile that is good enough."""
    return pytest.approx(value, rel=0.0055)


ASKED = PerformanceReport(
    operation="ask",
    calls=3,
    error_rate=2 / 3,
    throughput=3 / 20,
    avg_response_time=7 / 3,
    min_response_time=1.0,
    max_response_time=4.0,
    p50_response_time=near(2.0),
    p95_response_time=4.0,
    p99_response_time=4.0,
    quantile_error=(1 - 2 ** -(1 / 64)) / (1 + 2 ** -(1 / 64)),
    time_to_first_token=0.25,
    p95_time_to_first_token=0.25,
    request_latency=0.25,
    p95_request_latency=0.25,
    token_usage=1100,
    cache_hit_rate=None,
    outcomes={"error": 2, "ok": 1},
    errors_by_type={"RateLimitError": 1, "TimeoutError": 1},
    operations={},
    start="2025-11-23T12:00:00Z",
    window=None,
    seconds=20.0,
)


class TestPerformance:
    def test_of_one_operation(self) -> None:
        """The whole report of one operation."""
        assert told().performance.of("ask") == ASKED

    def test_of_all(self) -> None:
        """The figures of all operations together, and the names of those that finished a call."""
        report = told().performance
        assert replace(report, operations={}) == PerformanceReport(
            operation=None,
            calls=7,
            error_rate=3 / 7,
            throughput=7 / 20,
            avg_response_time=16.0078125 / 7,
            min_response_time=0.0078125,
            max_response_time=8.0,
            p50_response_time=near(1.0),
            p95_response_time=8.0,
            p99_response_time=8.0,
            quantile_error=(1 - 2 ** -(1 / 64)) / (1 + 2 ** -(1 / 64)),
            time_to_first_token=0.25,
            p95_time_to_first_token=0.25,
            request_latency=0.25,
            p95_request_latency=0.25,
            token_usage=1500,
            cache_hit_rate=4 / 6,
            outcomes={"abandoned": 1, "error": 3, "ok": 3},
            errors_by_type={"TimeoutError": 2, "RateLimitError": 1},
            operations={},
            start="2025-11-23T12:00:00Z",
            window=None,
            seconds=20.0,
        )
        assert list(report.operations) == ["ask", "draft", "search", "write"]
        assert report.errors_by_operation == {
            "ask": {"RateLimitError": 1, "TimeoutError": 1},
            "search": {"TimeoutError": 1},
        }

    def test_of_an_operation_that_never_was(self) -> None:
        """It has no figures, in the same stretch of time."""
        expected = replace(nothing().performance, operation="unheard", start="2025-11-23T12:00:00Z", seconds=20.0)
        assert told().performance.of("unheard") == expected

    def test_of_a_window(self) -> None:
        """The last ten seconds, which begin where a slot of ten begins, know nothing of what was before."""
        report = told(window=10).performance
        assert (report.calls, report.window, report.seconds) == (2, 10, 10.0)

    def test_a_rate_is_not_extrapolated(self) -> None:
        """One call within a millisecond is one call a second at most, not a thousand."""
        store = Store()
        store.fold({**ASK, "duration_seconds": 0.001}, NOON)
        stats = Stats(store.snapshot(None, NOON + SECOND // 1000))
        assert (stats.performance.throughput, stats.usage.requests_per_minute) == (1.0, 60.0)
