"""The customer's document, block by block: as it stands there, and each block's shape with its values checked."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pepperpy_obs.config import Config
from pepperpy_obs.metrics import (
    CostAnalyzer,
    HealthChecker,
    Metric,
    MetricsCollector,
    PerformanceMonitor,
    PrometheusExporter,
    UsageTracker,
)
from pepperpy_obs.reports.performance import PerformanceReport
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.reports.usage import UsageReport
from pepperpy_obs.testing import Captured, ManualClock, captured

RUN = """
import asyncio

async def some_operation():
    await asyncio.sleep(0.01)

examples = [found for name, found in list(globals().items()) if name.endswith("_example")]
for example in examples:
    asyncio.run(example())
print("ran", len(examples))
"""


def blocks(document: Path, language: str) -> list[str]:
    """Return the code blocks of a language, with the package renamed to ours."""
    text = document.read_text(encoding="utf-8").replace("pepperpy_ai", "pepperpy_obs")
    return re.findall(rf"^```{language}\n(.*?)^``` *$", text, flags=re.MULTILINE | re.DOTALL)


def is_taken(port: int) -> bool:
    """Tell whether somebody else on this machine listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_every_block_of_the_document_runs(shared: Callable[[str], Path], tmp_path: Path) -> None:
    """With only the package renamed, each Python block runs in a process of its own and its examples do not raise."""
    found = blocks(shared("customer-document.md"), "python")
    assert len(found) >= 8
    for number, block in enumerate(found, 1):
        code = block.replace("port=8000", "port=0") if is_taken(8000) else block
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code + RUN],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), f"block {number}:\n{block}\n{done.stderr}"
        assert f"ran {block.count('_example():')}" in done.stdout


def test_the_documents_variables_are_understood(shared: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The block of environment variables sets what it says, and no name in it is unknown."""
    [block] = blocks(shared("customer-document.md"), "bash")
    given = dict(line.split("=", 1) for line in block.split())
    for name in [name for name in os.environ if name.startswith("PEPPERPY_")]:
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    config = Config(config_file=None)
    from_variables = {name for name, source in config.sources().items() if source.startswith("environment variable")}
    assert from_variables == {name.removeprefix("PEPPERPY_").lower() for name in given}
    assert (config.metrics_enabled, config.metrics_interval, config.metrics_export) == (True, 60, "prometheus")
    assert config.metrics_port == 8000


@pytest.fixture
def seen() -> Iterator[Captured]:
    """Count what the test records apart from everything else."""
    with captured() as events:
        yield events


def test_recorded_calls_are_in_the_stats() -> None:
    """`MetricsCollector(config).record_call` counts a provider's call, and `get_stats` shows it at once."""
    metrics = MetricsCollector(Config(log_format="none"))

    async def example() -> Stats:
        async with metrics.record_call("openai"):
            pass
        return await metrics.get_stats()

    try:
        stats = asyncio.run(example())
    finally:
        metrics.shutdown()
    assert stats.usage.calls_by_provider == {"openai": 1}
    assert stats.to_dict().keys() == {"performance", "usage", "cost", "cache", "agents", "errors"}
    assert "openai" in str(stats)


def test_custom_metrics_are_recorded(seen: Captured) -> None:
    """A `Metric` needs a name, a description and a unit; `record_metric` leaves one event with all three."""
    custom = Metric(name="custom_operation", description="Custom operation metric", unit="operations")
    MetricsCollector().record_metric(custom, 1.0)
    told = {name: seen.event[name] for name in ("event", "metric", "metric_description", "metric_unit", "value")}
    assert told == {
        "event": "metric.recorded",
        "metric": "custom_operation",
        "metric_description": "Custom operation metric",
        "metric_unit": "operations",
        "value": 1.0,
    }


def test_monitoring_is_configured_by_keywords() -> None:
    """The document's three settings are accepted as keywords."""
    config = Config(metrics_enabled=True, metrics_interval=60, metrics_export="prometheus")
    assert (config.metrics_enabled, config.metrics_interval, config.metrics_export) == (True, 60, "prometheus")


def test_metrics_are_exported_and_served(seen: Captured) -> None:
    """`export()` returns the text that a scrape of the started server returns."""

    async def example() -> tuple[str, str]:
        exporter = PrometheusExporter()
        async with MetricsCollector().record_call("openai"):
            pass
        listener = await exporter.start_server(port=0)
        with listener:
            return await exporter.export(), await asyncio.to_thread(scrape, listener.url)

    exported, scraped = asyncio.run(example())
    assert 'pepperpy_llm_requests_total{model="",operation="call",outcome="ok",provider="openai"} 1.0' in exported
    assert scraped == exported


def scrape(url: str) -> str:
    """Return what Prometheus would get."""
    connection = HTTPConnection(urlsplit(url).netloc)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_costs_are_reported_by_provider_and_operation(seen: Captured) -> None:
    """`get_cost_report` has the total and its shares, as exact decimals."""
    with MetricsCollector().record_call("openai", operation="completion", model="gpt-4o") as call:
        call.record_usage({"model": "gpt-4o", "usage": {"prompt_tokens": 1000, "completion_tokens": 100}})
    report = asyncio.run(CostAnalyzer().get_cost_report())
    cost = Decimal("0.0035")  # at $2.50 and $10 a million tokens
    assert (report.total_cost, report.cost_by_provider) == (cost, {"openai": cost})
    assert report.cost_by_operation == {"completion": cost}


def test_response_times_are_measured(seen: Captured) -> None:
    """`measure` times a block, and `get_stats` has the average and the 95th percentile in seconds."""

    async def example() -> PerformanceReport:
        monitor = PerformanceMonitor()
        with ManualClock() as clock:
            async with monitor.measure("operation"):
                clock.advance(2)
            return await monitor.get_stats()

    report = asyncio.run(example())
    assert report.avg_response_time == 2.0
    assert report.p95_response_time == pytest.approx(2.0, rel=0.01)


def test_api_calls_are_tracked(seen: Captured) -> None:
    """`track_api_call` counts a call and its tokens, though nobody says which are input and which output."""

    async def example() -> UsageReport:
        tracker = UsageTracker()
        await tracker.track_api_call(provider="openai", operation="completion", tokens=100)
        return await tracker.get_usage_report()

    report = asyncio.run(example())
    assert (report.total_calls, report.total_tokens, report.calls_by_provider) == (1, 100, {"openai": 1})


def test_health_is_checked(seen: Captured) -> None:
    """`check_health` finds nothing wrong where nothing was called, and names what is wrong where much failed."""
    fine = asyncio.run(HealthChecker().check_health())
    assert (fine.is_healthy, fine.issues) == (True, [])
    for _ in range(20):
        with pytest.raises(ZeroDivisionError), PerformanceMonitor().measure("operation"):
            _ = 1 / 0
    status = asyncio.run(HealthChecker().check_health())
    assert not status.is_healthy
    assert [issue.partition(":")[0] for issue in status.issues] == ["error_rate"]
