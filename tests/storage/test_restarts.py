"""A service that is started again: its store and its log say the same of all its lives."""

from __future__ import annotations

import json
import re
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pepperpy_obs import Config, source
from pepperpy_obs.metrics import CostAnalyzer, MetricsCollector
from pepperpy_obs.readings import Reading
from pepperpy_obs.testing import ManualClock
from tests.cli.command import CommandLine

NOON = 1_763_899_200
DAY = 86_400
CUSTOMERS = {"PEPPERPY_COST_ATTRIBUTES": "customer"}
COUNTED: dict[str, Any] = {"cost_attributes": ("customer",)}
SPANS = {"seconds", "start", "end", "window", "throughput", "requests_per_minute", "request_volume"}
LIVES = (40, 3, 70)
"""Requests of each; there is one a minute, and a day between two lives."""


def counted(reading: Reading) -> dict[str, Any]:
    """Return what was counted as plain values; a log ends with its newest event, a store now."""
    return {**reading.snapshot.to_dict(), "start": None, "end": None}


def steady(report: Any) -> Any:
    """Return a report without what depends on when it ends."""
    if isinstance(report, dict):
        return {name: steady(part) for name, part in report.items() if name not in SPANS}
    return report


def live(collector: MetricsCollector, clock: ManualClock, requests: int) -> None:
    """Ask a model once a minute, for three customers."""
    for number in range(requests):
        with collector.record_call("openai", model="gpt-4o-mini", agent=f"agent {number % 2}") as call:
            clock.advance(0.25)
            call.record_usage({"input_tokens": 7, "output_tokens": number})
            call.add(customer=f"customer {number % 3}")
        clock.advance(59.75)


@pytest.fixture
def lives(store_url: str, tmp_path: Path) -> tuple[str, Path, Reading, str]:
    """Run a service three times; return its store, its log, and what the last run said of 30 days."""
    log = tmp_path / "app.log"
    settings = Config(
        config_file=None,
        log_file=log,
        log_format="json",
        store_url=store_url,
        store_keep_days=10_000 * DAY,
        cost_attributes=("customer",),
    )
    readings: list[tuple[Reading, str]] = []
    with ManualClock(NOON) as clock:
        for requests in LIVES:
            clock.advance(DAY)
            collector = MetricsCollector(settings)
            live(collector, clock, requests)
            found = collector.runtime.reading("30d"), str(CostAnalyzer(collector).cost_report("30d").total_cost)
            readings.append(found)
            collector.shutdown()
    return store_url, log, *readings[-1]


def test_a_month_spans_restarts(lives: tuple[str, Path, Reading, str]) -> None:
    """What the running process says of 30 days is what the log says of them, to the last digit of money."""
    url, log, reading, cost = lives
    settings = Config(config_file=None, **COUNTED)
    of_log = source(str(log), config=settings)
    with ManualClock(NOON + 4 * DAY):
        month = of_log.reading("30d")
        assert counted(reading) == counted(month)
        assert sum(one.calls for one in reading.snapshot.series.values()) == sum(LIVES)
        assert cost == str(sum(one.requests.cost for one in month.snapshot.series.values()))
        assert counted(source(url).reading("30d")) == counted(month)
        assert counted(source(url).reading()) == counted(of_log.reading())
        steps = [[counted(one) for one in each.history("5d", "1d")] for each in (source(url), of_log)]
        assert steps[0][: len(steps[1])] == steps[1]
        assert [one["events"].get("operation.finished", 0) for one in steps[0]] == [*LIVES, 0]


def test_every_verb_reads_a_store(lives: tuple[str, Path, Reading, str], cli: CommandLine) -> None:
    """The verbs say of the store what they say of the log."""
    url, log, _, _ = lives
    for verb in ("replay", "cost", "cost --by customer", "cost --by model,agent"):
        of_log, of_store = (cli(*verb.split(), "--json", one, variables=CUSTOMERS) for one in (str(log), url))
        assert (of_store.returncode, of_store.stderr) == (0, ""), verb
        expected, found = json.loads(of_log.stdout), json.loads(of_store.stdout)
        assert steady(found) == steady(expected), verb
    assert cli("health", url).stdout.startswith("health: healthy")


def test_a_store_is_asked_for_a_period(lives: tuple[str, Path, Reading, str], cli: CommandLine) -> None:
    """`cost --since --until` says of whole hours what it says of the log; of others all of the hours at the edges."""
    url, log, _, _ = lives
    found: dict[str, Any] = {}
    for period in (
        "--since 2025-11-24",
        "--until 2025-11-25T12:00",
        "--since 2025-11-26T13:00 --until 2025-11-26T14:00",
    ):
        of_log, of_store = (cli("cost", *period.split(), "--json", one, variables=CUSTOMERS) for one in (str(log), url))
        assert (of_store.returncode, of_store.stderr) == (0, ""), period
        expected, found = json.loads(of_log.stdout), json.loads(of_store.stdout)
        assert steady(found["cost"]) == steady(expected["cost"]), period
        assert found["cost"]["total_cost"] not in {"0", None}
    odd = cli("cost", "--since", "2025-11-26T13:10", "--until", "2025-11-26T13:20", "--json", url, variables=CUSTOMERS)
    told = "these are the sums from 2025-11-26 13:00:00 UTC to 2025-11-26 14:00:00 UTC: of more than what was asked for"
    assert (odd.returncode, json.loads(odd.stdout)["notes"][0][: len(told)]) == (3, told)
    assert json.loads(odd.stdout)["cost"] == found["cost"]
    none = cli("cost", "--until", "2025-11-24", url)
    assert (none.returncode, none.stderr) == (1, "nothing is known of what is between --since and --until\n")


def test_a_store_is_served(lives: tuple[str, Path, Reading, str], cli: CommandLine) -> None:
    """Its pages say of all that is in it what `replay` says of the log; events it has none."""
    url, log, _, _ = lives
    expected = json.loads(cli("replay", "--json", str(log), variables=CUSTOMERS).stdout)
    with cli.started("serve", url, "--port", "0", "--json") as server:
        assert server.stdout is not None
        host = urlsplit(json.loads(server.stdout.readline())["url"]).netloc
        found = json.loads(page(host, "/stats")[1])
        assert found["usage"]["total_calls"] == sum(LIVES)
        assert steady(found["cost"]) == steady(expected["cost"])
        counts = re.findall(r"^pepperpy_llm_requests_total\{.*\} (\S+)$", page(host, "/metrics")[1], re.MULTILINE)
        assert sum(map(float, counts)) == sum(LIVES)
        history = json.loads(page(host, "/history?window=10000d&step=1d")[1])
        assert sum(history["calls"]) == sum(LIVES)
        assert [page(host, path)[0] for path in ("/health", "/readyz", "/reading", "/livez")] == [200] * 4
        told = "a store keeps sums and no events: give log files or a receiver to have events to look at\n"
        assert page(host, "/events") == (400, told)


def page(host: str, path: str) -> tuple[int, str]:
    """Return a page and its status."""
    with closing(HTTPConnection(host, timeout=60)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
