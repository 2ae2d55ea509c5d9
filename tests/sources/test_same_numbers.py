"""The same calls give the same calls, tokens and money, from whatever source they are read."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs import Config, MetricsCollector, PerformanceMonitor, source
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.server import serve
from pepperpy_obs.storage.opening import open_writer
from tests.prometheus import Prometheus, eventually
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.slow

PRICES = """
[[price]]
provider = "acme"
model = "small"
per = 1000
input = 0.000123
output = 0.000457
cache_read = 0.000011

[[price]]
provider = "initech"
model = "*"
request = 0.012345678901
"""
SETTINGS = Config(config_file=None)


def make_calls(one: MetricsCollector) -> None:
    """Ask two providers by three models, one of them without a price, and use tools; some of it fails."""
    tools = PerformanceMonitor(one)
    for number in range(60):
        with one.record_call("acme", operation=f"ask {number % 3}", model="small") as call:
            call.record_usage({"input_tokens": 1000 + number, "output_tokens": 7, "cache_read_input_tokens": number})
        with one.record_call("initech", operation="ask 1", model="large") as call:
            call.record_usage({"input_tokens": 3, "output_tokens": number})
        if number % 5 == 0:
            with one.record_call("acme", operation="ask 2", model="unheard of") as call:
                call.record_usage({"input_tokens": 1, "output_tokens": 2})
        if number % 7 == 0:
            with pytest.raises(KeyError), one.record_call("initech", operation="ask 0", model="large"):
                raise KeyError(number)
        with tools.measure("look up"):
            pass


def figures(found: Stats) -> dict[str, Any]:
    """Return the calls, tokens and money of a report."""
    performance, usage, cost = found.performance, found.usage, found.cost
    return {
        "calls": performance.calls,
        "outcomes": performance.outcomes,
        "calls_by_operation": {name: one.calls for name, one in performance.operations.items()},
        "requests": usage.total_calls,
        "requests_by_model": usage.calls_by_model,
        "requests_by_provider": usage.calls_by_provider,
        "requests_by_operation": usage.calls_by_operation,
        "tokens": usage.total_tokens,
        "tokens_by_type": usage.tokens_by_type,
        "tokens_by_model": usage.tokens_by_model,
        "tokens_by_operation": usage.tokens_by_operation,
        "cost": cost.total_cost,
        "cost_by_provider": cost.cost_by_provider,
        "cost_by_model": cost.cost_by_model,
        "cost_by_operation": cost.cost_by_operation,
        "priced": cost.priced_calls,
        "unpriced": cost.unpriced_by_model,
        "without_usage": cost.calls_without_usage,
    }


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """Return a real server."""
    with Postgres() as server:
        yield server


def test_every_source_tells_the_same(tmp_path: Path, postgres: Postgres) -> None:
    """This process, its log, a shared directory, both databases, its page and a Prometheus, to the last digit."""
    (tmp_path / "prices.toml").write_text(PRICES, encoding="utf-8")
    log, shared, sqlite, postgresql = (
        tmp_path / "app.log", tmp_path / "shared", f"sqlite:///{tmp_path}/obs.db", postgres.database(),
    )  # fmt: skip
    one = MetricsCollector(
        Config(
            config_file=None, price_file=tmp_path / "prices.toml", log_file=log, log_format="json",
            share_directory=shared, store_url=sqlite,
        )
    )  # fmt: skip
    also = open_writer(Config(config_file=None, store_url=postgresql))
    assert also is not None
    one.runtime.subscribe(also.take)
    make_calls(one)
    here = figures(Stats.of(one.runtime.reading()))
    assert (here["calls"], here["requests"], here["priced"]) == (201, 141, 120)
    assert here["cost_by_provider"]["initech"] == 60 * Decimal("0.012345678901")

    with serve(0, collector=one) as pages, Prometheus(tmp_path, pages.url) as prometheus:
        eventually(lambda: prometheus.value("sum(pepperpy_operations_total)") == 201 or None, "a scrape")
        scraped = f"prometheus+{prometheus.url}"
        told = {name: figures(Stats.of(source(name, config=SETTINGS).reading())) for name in (scraped, pages.url)}
        window = figures(Stats.of(source(scraped, config=SETTINGS).reading("1h")))
    one.runtime.shutdown()
    also.flush()
    for name in (str(log), f"shared:{shared}", sqlite, postgresql):
        told[name] = figures(Stats.of(source(name, config=SETTINGS).reading()))

    assert told == dict.fromkeys(told, here)
    assert window == here
