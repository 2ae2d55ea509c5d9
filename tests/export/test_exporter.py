from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError
from pepperpy_obs.export.exporter import PrometheusExporter
from pepperpy_obs.metrics.collector import MetricsCollector
from pepperpy_obs.server import make_app, serve
from tests.still import Still

if TYPE_CHECKING:
    from pepperpy_obs.http.server import MetricsServer

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"


def scrape(listener: MetricsServer, accept: str = "") -> tuple[str | None, str]:
    """Return the content type and the body of a scrape."""
    with closing(HTTPConnection(listener.host, listener.port, timeout=10)) as connection:
        connection.request("GET", "/metrics", headers={"Accept": accept} if accept else {})
        answer = connection.getresponse()
        return answer.getheader("Content-Type"), answer.read().decode()


def test_export_awaits_what_text_returns(still: Still) -> None:
    """The awaitable form gives the same text, in either format."""
    still.fold(operation="ask", outcome="ok", duration_seconds=1.0)
    exporter = PrometheusExporter(still)
    assert asyncio.run(exporter.export()) == exporter.text()
    assert asyncio.run(exporter.export(openmetrics=True)) == exporter.text(openmetrics=True)
    assert 'pepperpy_operations_total{agent="",kind="",operation="ask",outcome="ok"} 1.0\n' in exporter.text()


def test_a_scraper_gets_the_format_it_asks_for(still: Still) -> None:
    """The server answers in OpenMetrics only to those who ask for it."""
    exporter = PrometheusExporter(still)
    with asyncio.run(exporter.start_server(port=0)) as listener:
        assert scrape(listener) == (TEXT, exporter.text())
        assert scrape(listener, "*/*") == (TEXT, exporter.text())
        assert scrape(listener, OPENMETRICS) == (OPENMETRICS, exporter.text(openmetrics=True))


def test_openmetrics_can_be_switched_off() -> None:
    """With `Config.openmetrics` off everybody gets the text format."""
    with asyncio.run(PrometheusExporter(Still(config=Config(openmetrics=False))).start_server(port=0)) as listener:
        assert scrape(listener, OPENMETRICS)[0] == TEXT


def test_address_and_port_come_from_the_config() -> None:
    """Without arguments the server listens where the config says."""
    still = Still(config=Config(metrics_port=0, metrics_host="127.0.0.2"))
    with asyncio.run(PrometheusExporter(still).start_server()) as listener:
        assert listener.host == "127.0.0.2"


def test_metrics_that_are_not_offered_are_refused_by_name() -> None:
    """With `metrics_export="none"` no server starts and no text is made; the error names the setting and its origin."""
    still = Still(config=Config(metrics_export="none"))
    refusal = r'metrics_export is "none" \(keyword\), so no metrics are offered; set it to "prometheus"'
    exporter = PrometheusExporter(still)
    for offer in (exporter.text, exporter.wsgi, lambda: serve(0, collector=still), lambda: make_app(still)):
        with pytest.raises(SetupError, match=refusal):
            offer()
    with pytest.raises(SetupError, match=refusal):
        asyncio.run(exporter.start_server(0))


def test_what_is_no_collector_is_refused() -> None:
    """Giving something without a runtime is a set-up error."""
    with pytest.raises(SetupError, match=r"collector=8000; give a MetricsCollector, or nothing"):
        PrometheusExporter(8000)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_every_scrape_is_consistent_while_calls_are_recorded() -> None:
    """While threads record no scrape is torn (calls = durations = +Inf bucket), none goes back; the last has all."""
    collector = MetricsCollector(Config(config_file=None, log_format="none"))
    exporter = PrometheusExporter(collector)

    def work() -> None:
        for number in range(500):
            with collector.record_call("openai", operation=f"ask {number % 5}"):
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    seen = [0.0]
    while seen[-1] < 2000:
        samples = [sample for family in text_string_to_metric_families(exporter.text()) for sample in family.samples]
        totals: defaultdict[str, float] = defaultdict(float)
        for sample in samples:
            if sample.labels.get("le", "+Inf") == "+Inf":
                totals[sample.name] += sample.value
        calls = totals["pepperpy_operations_total"]
        assert totals["pepperpy_operation_duration_seconds_count"] == calls
        assert totals["pepperpy_operation_duration_seconds_bucket"] == calls
        assert totals["pepperpy_obs_events_total"] == calls >= seen[-1]
        seen.append(calls)
    for thread in threads:
        thread.join()
    assert seen[-1] == 2000
    collector.shutdown()
