from __future__ import annotations

import asyncio
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError
from pepperpy_obs.export.exporter import PrometheusExporter
from tests.still import Still

if TYPE_CHECKING:
    from pepperpy_obs.export.listener import Listener

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"


def scrape(listener: Listener, accept: str = "") -> tuple[str | None, str]:
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


def test_what_is_no_collector_is_refused() -> None:
    """Giving something without a runtime is a set-up error."""
    with pytest.raises(SetupError, match=r"collector=8000; give a MetricsCollector, or nothing"):
        PrometheusExporter(8000)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
