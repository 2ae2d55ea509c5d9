from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs import Config, HealthChecker, MetricsCollector, PrometheusExporter, costed, measured, tracked_usage
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.testing import captured

ANSWER: dict[str, Any] = {"model": "gpt-4o-mini", "usage": {"prompt_tokens": 1000, "completion_tokens": 200}}


@costed(provider="openai", model="gpt-4o-mini", operation="ask")
async def ask(seconds: float, error: Exception | None = None) -> dict[str, Any]:
    """Answer after a while, or fail."""
    await asyncio.sleep(seconds)
    if error is not None:
        raise error
    return ANSWER


@costed(provider="openai", operation="stream")
async def stream(seconds: float) -> AsyncIterator[dict[str, Any]]:
    """Answer piece by piece, the first after a while."""
    await asyncio.sleep(seconds)
    yield {"object": "chat.completion.chunk", "model": "gpt-4o-mini", "choices": []}


async def race(calls: int) -> None:
    """Ask several times at once, and cancel all but the fastest."""
    tasks = [asyncio.ensure_future(ask(0.0 if number == 0 else 60.0)) for number in range(calls)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks[1:]:
        task.cancel()
    await asyncio.wait(tasks)


def test_what_cancelled_requests_cost_is_unknown() -> None:
    """Of 21 requests 20 were cancelled: nothing is known of 20, and every report says so."""
    with captured() as seen:
        asyncio.run(race(21))
        cost, usage = seen.stats.cost, seen.stats.usage

    assert (cost.priced_calls, cost.unpriced_calls, cost.calls_without_usage) == (1, 0, 20)
    assert cost.price_coverage == pytest.approx(1 / 21)
    assert (usage.calls_without_usage, usage.odd_usage_calls) == (20, 0)
    assert cost.groups["model"]["gpt-4o-mini"].without_usage == 20
    assert "1 (4.8 %)" in str(cost).splitlines()[3]
    assert "requests without usage (failed ones, too): 20, their cost is unknown and in no sum" in str(cost)


def test_failures_and_time_outs_of_all_shapes() -> None:
    """Whether it raises, times out, or is a stream that does: what it used is unknown, in code and in its log."""

    async def fail() -> None:
        with pytest.raises(ConnectionError):
            await ask(0.0, ConnectionError())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask(60.0), 0.001)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                _ = [item async for item in stream(60.0)]

    with captured() as seen:
        asyncio.run(fail())
        stats, events = seen.stats, seen.events

    assert [event["outcome"] for event in events] == ["error", "cancelled", "cancelled"]
    assert stats.cost.calls_without_usage == 3
    assert stats.cost.price_coverage == 0.0
    fold = Fold(Store())
    fold.lines(b"".join(json_lines(events)).splitlines(), "app.log")
    assert Stats(fold.store.snapshot()).cost.calls_without_usage == 3


def test_scrapes_and_health_tell_of_them() -> None:
    """`/metrics` counts them by model, and health warns and says that they failed."""
    collector = MetricsCollector(Config(config_file=None, log_format="none", health_min_calls=2))
    for _ in range(3):
        with pytest.raises(ConnectionError), collector.record_call("openai", operation="ask", model="gpt-4o"):
            raise ConnectionError
    collector.shutdown()
    family = "pepperpy_llm_requests_without_usage_total"
    assert f'{family}{{model="gpt-4o",operation="ask",provider="openai"}} 3.0' in PrometheusExporter(collector).text()
    found = HealthChecker(collector).check().checks["without_usage"]
    assert (found.status, found.observed) == ("warn", 1.0)
    assert "100 % of 3 requests in the last 5 minutes told no usage, their cost is unknown" in found.text
    assert found.text.endswith("; 3 of them failed or were cancelled")


def test_what_asked_no_provider_or_looked_for_no_usage_is_not_unknown() -> None:
    """A tool that fails, and an agent that fails over a request that did, lack nothing of their own."""

    @tracked_usage(kind="agent", operation="agent")
    def run() -> None:
        with pytest.raises(ConnectionError):
            asyncio.run(ask(0.0, ConnectionError()))
        raise LookupError

    @measured(kind="tool", operation="tool")
    def look_up() -> None:
        raise LookupError

    with captured() as seen:
        for call in (run, look_up):
            with pytest.raises(LookupError):
                call()
        cost = seen.stats.cost
    assert (cost.calls_without_usage, cost.total_cost) == (1, Decimal(0))
