"""Our families before the judges they are made for: promtool, and a Prometheus that scrapes a process of ours."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from pepperpy_obs.aggregate.metric import Metric
from pepperpy_obs.export.exporter import PrometheusExporter
from pepperpy_obs.export.families import FAMILIES
from pepperpy_obs.readings import AlertStats, DeliveryStats, LiveState, OutputStats, SelfStats, StoreStats, WatchedCache
from tests.prometheus import Prometheus, eventually, tool
from tests.still import Still

PROCESS = """
import sys
from pepperpy_obs import Metric, MetricsCollector, agent, cache_lookup, costed, measured, serve

def answer(model, tokens):
    return {"id": f"id-{model}-{tokens}", "object": "chat.completion", "model": model, "choices": [],
            "usage": {"prompt_tokens": tokens, "completion_tokens": 7, "total_tokens": tokens + 7}}

@costed(provider="openai", operation="ask")
def ask(model, tokens):
    if not tokens:
        raise TimeoutError
    return answer(model, tokens)

@measured(operation="stream")
def stream():
    yield from range(3)

@measured(operation='odd "name" \\\\ \\n of a snowman \\N{SNOWMAN}')
def odd():
    pass

with agent("scout"):
    for number in range(1, 41):
        ask("gpt-4o" if number % 4 else "nobody-sells-this", number)
for _ in range(3):
    try:
        ask("gpt-4o", 0)
    except TimeoutError:
        pass
list(stream())
odd()
cache_lookup("answers", hit=True)
cache_lookup("answers", hit=False)
MetricsCollector().record_metric(Metric("custom_operation", "Custom operation metric", "operations"), 2.5)
with serve(0) as listener:
    print(listener.url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def process() -> Iterator[str]:
    """Run a process of ours that has worked and now serves; return its address."""
    with subprocess.Popen(
        [sys.executable, "-c", PROCESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        yield running.stdout.readline().strip()
        running.stdin.close()


@pytest.fixture(scope="module")
def prometheus(process: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Run a Prometheus that has scraped the process, more than once."""
    with Prometheus(tmp_path_factory.mktemp("prometheus"), process) as running:
        eventually(lambda: running.value("count_over_time(pepperpy_obs_events_total[1m]) >= 2"), "a second scrape")
        yield running


@pytest.fixture(scope="module")
def stats(process: str) -> Any:
    """Return what the process itself says."""
    with urlopen(f"{process}/stats", timeout=10) as answer:
        return json.load(answer)


def test_the_scrape_is_accepted(prometheus: Prometheus) -> None:
    """The target is up, and was read as OpenMetrics."""
    assert prometheus.value("up") == 1
    (target,) = prometheus.ask("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")


def test_promql_answers_as_stats_does(prometheus: Prometheus, stats: Any) -> None:
    """Calls, errors, times, tokens, money, cache lookups: the same numbers in PromQL as in code."""
    performance, usage, cost, cache = (stats[name] for name in ("performance", "usage", "cost", "cache"))
    asked = performance["operations"]["ask"]
    assert performance["calls"] == 45
    expected = {
        "sum(pepperpy_operations_total)": performance["calls"],
        'sum(pepperpy_operations_total{outcome="error"}) / sum(pepperpy_operations_total)': performance["error_rate"],
        'sum(pepperpy_operation_duration_seconds_count{operation="ask"})': asked["calls"],
        'sum(pepperpy_operation_duration_seconds_sum{operation="ask"})'
        ' / sum(pepperpy_operation_duration_seconds_count{operation="ask"})': asked["avg_response_time"],
        'sum(pepperpy_operation_time_to_first_item_seconds_count{operation="stream"})': 1,
        "sum(pepperpy_llm_requests_total)": usage["total_calls"],
        'sum(pepperpy_llm_tokens_total{type=~"input|output|unsplit"})': usage["total_tokens"],
        'sum(pepperpy_llm_tokens_total{type="input"})': sum(range(1, 41)),
        "sum(pepperpy_llm_cost_usd_total)": float(Decimal(cost["total_cost"])),
        "sum(pepperpy_llm_unpriced_requests_total)": 10,
        'sum(pepperpy_cache_lookups_total{result="hit"})': cache["hits"],
        'sum(pepperpy_cache_lookups_total{result="miss"})': cache["misses"],
        "custom_operation_operations_total": 2.5,
    }
    assert {promql: prometheus.value(promql) for promql in expected} == pytest.approx(expected, rel=1e-12)
    assert expected["sum(pepperpy_llm_cost_usd_total)"] > 0


def test_labels_arrive_as_they_were(prometheus: Prometheus) -> None:
    """Quotes, backslashes, newlines and a snowman in an operation's name are the same at the other end."""
    names = prometheus.ask("label/operation/values")
    assert 'odd "name" \\ \n of a snowman \N{SNOWMAN}' in names


def test_quantiles_are_within_their_bucket(prometheus: Prometheus, stats: Any) -> None:
    """Prometheus's estimate of p95 lies in the bucket of ours, which are powers of two apart."""
    ours = stats["performance"]["operations"]["ask"]["p95_response_time"]
    estimate = 'histogram_quantile(0.95, sum by (le) (pepperpy_operation_duration_seconds_bucket{operation="ask"}))'
    theirs = prometheus.value(estimate)
    assert theirs is not None
    assert theirs <= max(2 * ours, 0.0078125)


def test_a_slow_call_is_found_by_its_trace(prometheus: Prometheus) -> None:
    """Prometheus keeps our exemplars: from a bucket to the trace id of a call in it."""

    def found() -> list[Any] | None:
        query = 'pepperpy_operation_duration_seconds_bucket{operation="ask"}'
        return prometheus.ask("query_exemplars", query=query, start="0", end="9999999999") or None

    exemplars = [one for series in eventually(found, "an exemplar") for one in series["exemplars"]]
    assert {(len(one["labels"]["trace_id"]), len(one["labels"]["span_id"])) for one in exemplars} == {(32, 16)}


def test_promtool_has_nothing_to_say() -> None:
    """With a row in every family, `promtool check metrics` finds no fault in names, help or types."""
    still = Still()
    still.fold(operation="plan", agent="scout", kind="agent", outcome="ok", duration_seconds=1.0)
    still.fold(operation="ask", kind="llm", model="gpt-4o", outcome="ok", input_tokens=1, cost_usd=Decimal("0.1"))
    still.fold(operation="tell", outcome="ok", duration_seconds=1.0, time_to_first_item_seconds=0.1)
    still.fold("cache.looked_up", cache="answers", cache_hit=True)
    still.fold("metric.recorded", **Metric("custom_operation", "Mine.", "operations").fields(1.0, {"queue": "mail"}))
    still.fold("metric.recorded", **Metric("wait", "Mine.", "s", "histogram").fields(1.0, {}))
    still.now = LiveState({("plan", ""): 1}, {"scout": 1}, {"answers": WatchedCache(1, 2)})
    books = DeliveryStats("loki", 4, 1, {"400": 1}, {"disk_full": 1}, 1, {"503": 5}, 9, "", 1, 2, 77)
    alerts = {"a": AlertStats("dear", "firing", "warning", (("agent", "scout"), ("customer", "acme")), 6.0, 1, 1)}
    outputs = {"file": OutputStats(1)}
    still.own = SelfStats({"file": 1}, {"price": 1}, outputs, {"loki": books}, StoreStats(1), 1, alerts)
    text = PrometheusExporter(still).text()
    without_rows = {family.name for family in FAMILIES if f"\n{family.name}" not in text}
    assert without_rows == {"pepperpy_obs_series_overflow_total"}
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_helper_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Prometheus on PATH these tests are skipped, and the reason names the package."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match="promtool is not on PATH; Debian has it in the package prometheus"):
        tool("promtool")
