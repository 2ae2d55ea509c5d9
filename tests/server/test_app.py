from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest
from pydantic import SecretStr

from pepperpy_obs import health
from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError
from pepperpy_obs.export.exporter import PrometheusExporter
from pepperpy_obs.http.server import MetricsServer
from pepperpy_obs.metrics.health import HealthChecker
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.server import serve
from tests.still import Still

pytestmark = pytest.mark.quick

Get = Callable[..., tuple[int, str | None, str]]


@pytest.fixture
def checker(still: Still) -> HealthChecker:
    """Return the checker of the pages under test."""
    return HealthChecker(still)


@pytest.fixture
def get(still: Still, checker: HealthChecker, no_thread_left: None) -> Iterator[Get]:
    """Return a function that asks the server for a page: status, type and body."""
    with serve(0, collector=still, checker=checker) as listener:
        yield lambda path, **headers: fetch(listener, path, headers)


def fetch(listener: MetricsServer, path: str, headers: Mapping[str, str]) -> tuple[int, str | None, str]:
    """Ask a server for a page."""
    with closing(HTTPConnection(listener.host, listener.port, timeout=10)) as connection:
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read().decode()


def test_all_pages_are_listed(get: Get) -> None:
    """The front page names every other."""
    assert get("/") == (
        200,
        "text/plain; charset=utf-8",
        "/metrics\n/stats\n/history\n/traces\n/traces/\n/events\n/alerts\n/anomalies\n/health\n/livez\n/readyz\n/reading\n",
    )


def test_metrics_are_what_the_exporter_exports(get: Get, still: Still) -> None:
    """A scrape gives the exporter's text, in the format that is asked for."""
    still.fold(operation="ask", outcome="ok", duration_seconds=0.5, trace_id="ab" * 16)
    exporter = PrometheusExporter(still)
    assert get("/metrics") == (200, "text/plain; version=0.0.4; charset=utf-8", exporter.text())
    asked = "application/openmetrics-text;version=1.0.0"
    assert get("/metrics", Accept=asked)[1:] == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        exporter.text(openmetrics=True),
    )


def test_statistics_are_the_reports_as_json(get: Get, still: Still) -> None:
    """The page of statistics is what `stats()` gives in code, of all or of a window."""
    still.fold(operation="ask", outcome="ok", duration_seconds=0.5)
    status, kind, body = get("/stats")
    assert (status, kind) == (200, "application/json")
    assert json.loads(body) == json.loads(Stats.of(still.reading()).to_json())
    assert json.loads(get("/stats?window=60")[2]) == json.loads(Stats.of(still.reading(60)).to_json())


@pytest.mark.parametrize(
    "query,message",
    [("window=soon", "window='soon': use seconds above 0, or a number and a unit"), ("window=-1", "window='-1'")],
)
def test_a_window_that_is_none_is_refused(get: Get, query: str, message: str) -> None:
    """A wrong window is the client's error, and the answer says what would do."""
    status, _, body = get(f"/stats?{query}")
    assert (status, body[: len(message)]) == (400, message)


@pytest.mark.parametrize("answer,status,code", [(True, "pass", 200), (False, "fail", 503)])
def test_health_is_told_to_machines_and_people(
    get: Get, checker: HealthChecker, answer: bool, status: str, code: int
) -> None:
    """/health is health+json and /readyz a table, both 503 once something fails; /livez depends on nothing."""
    checker.register("database", lambda: answer)
    health = get("/health")
    assert health[:2] == (code, "application/health+json")
    found: dict[str, Any] = json.loads(health[2])
    assert (found["status"], found["checks"]["database"][0]["status"]) == (status, status)
    assert get("/readyz")[::2] == (code, f"{checker.check()}\n")
    assert get("/livez") == (200, "text/plain; charset=utf-8", "ok\n")


def test_a_warning_leaves_the_service_in_work(get: Get, checker: HealthChecker) -> None:
    """A probe passes on a warning, which the report still tells."""
    checker.register("disk", lambda: "90 % full", critical=False)
    assert get("/readyz")[0] == 200
    assert json.loads(get("/health")[2])["status"] == "warn"


def test_liveness_does_not_wait_for_a_check_that_hangs(get: Get, checker: HealthChecker) -> None:
    """While a check hangs, and readiness with it, liveness and metrics are served."""
    asked, release = threading.Event(), threading.Event()

    def hang() -> bool:
        asked.set()
        return release.wait(10)

    checker.register("hangs", hang, timeout=10)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(get("/readyz")[0]))
    thread.start()
    assert asked.wait(10)
    assert get("/livez")[0] == 200
    assert get("/metrics")[0] == 200
    release.set()
    thread.join()
    assert found == [200]


def test_kubernetes_is_not_told_to_pull_every_pod(get: Get, still: Still) -> None:
    """While a provider fails /health is 503, and /readyz 200 with the same report."""
    for _ in range(20):
        still.fold(operation="ask", outcome="error", provider="openai")
    assert (get("/health")[0], get("/readyz")[0]) == (503, 200)
    assert "request_error_rate" in get("/readyz")[2]


def test_pages_wait_for_what_is_pending(still: Still) -> None:
    """While something is, every page but /livez says so with 503; then all are as ever."""
    waits = ["half is read"]
    with serve(0, collector=still, pending=lambda: waits[0]) as listener:
        for path in ("/metrics", "/stats", "/health", "/readyz"):
            assert fetch(listener, path, {}) == (503, "text/plain; charset=utf-8", "half is read\n")
        assert fetch(listener, "/livez", {})[0] == 200
        waits[0] = ""
        assert [fetch(listener, path, {})[0] for path in ("/metrics", "/stats", "/health", "/readyz")] == [200] * 4


def test_the_config_says_where_to_listen() -> None:
    """Without arguments the server is where the config says, and by default nobody else's machine reaches it."""
    still = Still(config=Config(config_file=None, metrics_port=0))
    with serve(collector=still) as listener:
        assert listener.host == "127.0.0.1"
        with pytest.raises(SetupError, match="is served by this process already"):
            serve(listener.port, collector=still, strict=True)


def test_a_taken_port_does_not_stop_the_service(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged as an error once, health warns of it, and the handle has an address but does not listen."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with serve(port) as page:
            check = health().checks["exporters"]
    told = f"port {port} of '127.0.0.1' is taken by another program"

    assert not page.listening
    assert (page.host, page.port, page.url) == ("127.0.0.1", port, f"http://127.0.0.1:{port}")
    assert [record.levelname for record in caplog.records if told in record.getMessage()] == ["ERROR"]
    assert check.status == "warn"
    assert told in check.text
    with serve(port) as page:
        assert page.listening
        assert told not in health().checks["exporters"].text


def test_the_settings_say_who_may_ask() -> None:
    """Host names, token and strictness come from the settings."""
    config = Config(
        config_file=None, metrics_port=0, metrics_bearer_token=SecretStr("t0ken"), metrics_allowed_hosts=("shop",)
    )
    with serve(collector=Still(config=config)) as page:
        headers = {"Host": "shop", "Authorization": "Bearer t0ken"}
        assert fetch(page, "/livez", headers)[0] == 200
        assert fetch(page, "/livez", {})[0] == 401
        assert fetch(page, "/livez", headers | {"Host": "cart"})[0] == 403
    config = Config(config_file=None, metrics_strict=True)
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(SetupError, match="is taken by another program"),
    ):
        serve(other.getsockname()[1], collector=Still(config=config))
