"""A fleet read by a real Prometheus: the truth, also where it shows no restart."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from pepperpy_obs import Config, SetupError, SourceError, source, stats
from pepperpy_obs.export.families import STARTED
from pepperpy_obs.fleet.lives import Lives
from pepperpy_obs.fleet.promql import Prometheus as Server
from pepperpy_obs.fleet.refold import table_of
from pepperpy_obs.reports.stats import Stats
from tests.prometheus import Prometheus, eventually

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SETTINGS = Config(config_file=None)
EACH = Decimal("0.010000000001")


def free_port() -> int:
    """Return a port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def instance(port: int, calls: int) -> Generator[subprocess.Popen[str]]:
    """Run a service that has made so many calls."""
    command = [sys.executable, "-m", "tests.fleet.instance", str(port), str(calls)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def call(process: subprocess.Popen[str], number: int) -> None:
    """Have a service make more calls."""
    assert process.stdin is not None
    assert process.stdout is not None
    for _ in range(number):
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"


def told(found: Stats) -> tuple[int, int, int, Decimal]:
    """Return the calls, requests, tokens and cost of a report."""
    return found.performance.calls, found.usage.total_calls, found.usage.total_tokens, found.cost.total_cost


def truth(requests: int) -> tuple[int, int, int, Decimal]:
    """Return the same of so many requests."""
    return 2 * requests, requests, 7 * requests, EACH * requests


def test_a_restart_that_no_counter_shows(tmp_path: Path) -> None:
    """One of two services is killed, and its successor has counted as much: all three are in the totals and windows."""
    first, second = free_port(), free_port()
    with ExitStack() as stack:
        prometheus = stack.enter_context(
            Prometheus(tmp_path, f"http://127.0.0.1:{first}", f"http://127.0.0.1:{second}")
        )
        stack.enter_context(instance(second, 10))
        fleet = f"prometheus+{prometheus.url}"

        def read(window: str | None = None) -> Stats:
            return Stats.of(source(fleet, config=SETTINGS).reading(window))

        with instance(first, 10) as victim:
            eventually(lambda: prometheus.value("sum(pepperpy_llm_requests_total)") == 20 or None, "two scrapes")
            assert told(read()) == told(read("5m")) == truth(20)
            victim.kill()
            victim.wait()
        with instance(first, 10) as successor:
            query = f"max(changes({STARTED.name}[5m]))"
            eventually(lambda: prometheus.value(query) == 1 or None, "a scrape of the successor")

            # What PromQL sees is no reset: the counters are where they were.
            assert prometheus.value("sum(resets(pepperpy_llm_requests_total[5m]))") == 0
            assert told(read()) == told(read("5m")) == told(read("1d")) == truth(30)

            before = time.time()
            # A scrape that began before may be answered after.
            asked = f"min(timestamp({STARTED.name}))"
            eventually(lambda: (prometheus.value(asked) or 0) > before or None, "one more scrape")
            call(successor, 5)
            eventually(lambda: prometheus.value("sum(pepperpy_llm_requests_total)") == 25 or None, "five more")
            assert told(read()) == truth(35)
            lives = Lives(Server(fleet, SETTINGS), before, time.time())
            assert sum(data.calls for data in table_of(lives.counted(before, time.time())).series.values()) == 10
            steps = source(fleet, config=SETTINGS).history("10m", "1m")
            assert sum(sum(data.calls for data in one.snapshot.series.values()) for one in steps) == 70


def test_what_cannot_be_known_is_none(tmp_path: Path) -> None:
    """And quantiles say how far they may be off; all that is told is as in the process itself."""
    port = free_port()
    with instance(port, 4), Prometheus(tmp_path, f"http://127.0.0.1:{port}") as prometheus:
        eventually(lambda: prometheus.value("sum(pepperpy_llm_requests_total)") == 4 or None, "a scrape")
        found = Stats.of(source(f'prometheus+{prometheus.url}?match=job="ours"', config=SETTINGS).reading())
        here = stats(source=f"http://127.0.0.1:{port}")

        assert (found.cost.savings, found.cost.waste, found.cost.cost_by_agent) == (None, None, None)
        assert (found.usage.calls_by_agent, found.usage.odd_usage_calls) == (None, None)
        assert (found.performance.max_response_time, found.performance.errors_by_type) == (None, None)
        assert found.agents.agents["scout"].cost is None
        assert found.performance.outcomes == here.performance.outcomes
        assert found.usage.tokens_by_type == here.usage.tokens_by_type
        assert found.cost.cost_by_model == here.cost.cost_by_model
        assert found.cost.price_coverage == here.cost.price_coverage == 1.0
        assert found.agents.agents["scout"].calls == here.agents.agents["scout"].calls == 8
        assert found.performance.quantile_error == pytest.approx(1 / 3)
        assert "savings" in found.to_json()
        assert "saved by caches" in str(found)


def test_a_server_without_our_families_is_refused(tmp_path: Path) -> None:
    """With what was looked for; one that is away is none of these, and says so when it is read."""
    with Prometheus(tmp_path, "127.0.0.1:1") as prometheus:
        with pytest.raises(SetupError, match=r"has no \{__name__=.*_start_time_seconds\"\} of the last 15 d"):
            source(f"prometheus+{prometheus.url}")
        with pytest.raises(SetupError, match=r"parse error|is 'job=ours' labels of a selector"):
            source(f"prometheus+{prometheus.url}?match=job=ours")
        url = prometheus.url
    away = source(f"prometheus+{url}")
    with pytest.raises(SourceError, match="does not answer"):
        away.reading()


@pytest.mark.parametrize(
    "url,said",
    [
        ("prometheus+http://host:9090?job=shop", "'job' is asked of a Prometheus; it takes match, .* and range"),
        ("prometheus+http://host:9090?range=soon", "range='soon'"),
        ("prometheus+http://", "is no address of a service"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused(url: str, said: str) -> None:
    """Before anything is asked."""
    with pytest.raises(SetupError, match=said):
        source(url)
