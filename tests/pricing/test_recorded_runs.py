"""Benchmark runs with their recorded cost, priced again: reproduced, or known which side is wrong and why.

The runs tell tokens in and out only, not which of them came from a cache: of models that cache by themselves, the
recorded cost lies between the price of all input cached and that of none. `docs/cost.md` tells the cases.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs.pricing import Pricer

Row = dict[str, str]

EXACT = {
    ("2025-05-25", "claude-opus-4-20250514", "2671437"),
    ("2025-05-25", "claude-opus-4-20250514", "2567514"),
    ("2025-05-26", "gemini/gemini-2.5-flash-preview-05-20", "5512458"),
    ("2025-06-06", "gemini/gemini-2.5-pro-preview-06-05", "2719961"),
    ("2025-06-28", "o3-pro", "2372636"),
    ("2025-10-03", "deepseek/deepseek-reasoner", "2191446"),
    ("2025-10-03", "deepseek/deepseek-chat", "2266868"),
}
CACHED = {
    ("2025-05-24", "claude-sonnet-4-20250514", "3460663"),
    ("2025-05-24", "claude-sonnet-4-20250514", "2863068"),
    ("2025-06-06", "deepseek/deepseek-reasoner", "2644169"),
    ("2025-06-25", "o3", "3148932"),
    ("2025-06-25", "o3", "2893189"),
    ("2025-08-23", "openai/gpt-5", "2675561"),
    ("2025-08-25", "openai/gpt-5", "2827261"),
    ("2025-08-25", "openai/gpt-5", "2534059"),
}
OTHER_PRICES = {
    # The table knows today's price of a router's offer, or none, and these rates give the recorded cost.
    ("2025-07-11", "openrouter/x-ai/grok-4", "2815347"): ("3", "15"),
    ("2025-07-17", "openrouter/moonshotai/kimi-k2", "2355141"): ("0.14", "2.49"),
    ("2025-08-06", "openrouter/openai/gpt-oss-120b", "3123768"): ("0.10", "0.50"),
    ("2025-05-08", "openrouter/qwen/qwen3-235b-a22b", "2816606"): ("0.15", "0.60"),
}
INCONSISTENT = {
    # The run's own figures: a second model or lost tokens (too few for the cost), or unknown costs recorded as 0.
    ("2025-05-08", "openrouter/qwen/qwen3-32b", "317591"): "too few tokens",
    ("2025-05-08", "openrouter/qwen/qwen3-235b-a22b", "0"): "too few tokens",
    ("2025-06-06", "gemini/gemini-2.5-pro-preview-06-05", "2751296"): "too few tokens",
    ("2025-06-27", "o3", "1306877"): "too few tokens",
    ("2025-05-09", "openai/qwen3-235b-a22b", "2816192"): "unknown as 0",
    ("2025-05-09", "openai/qwen3-235b-a22b", "2768173"): "unknown as 0",
}
THINKING = ("2025-05-25", "gemini/gemini-2.5-flash-preview-05-20", "3666792")
"""Most of its output was thinking, which this preview billed at another rate; the run does not say how much."""
_LAST = Decimal("0.0001")
"""The last digit of a recorded cost; some were rounded and some cut."""


@pytest.fixture(scope="module")
def runs(shared: Callable[[str], Path]) -> dict[tuple[str, str, str], Row]:
    """Return the runs that tell their tokens."""
    with shared("data/runs/aider_leaderboard_costs.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines) if row["prompt_tokens"]]
    return {(row["date"], row["model_ref"], row["prompt_tokens"]): row for row in rows}


def price(row: Row, pricer: Pricer | None = None, **usage: int) -> Decimal | None:
    """Return what a run costs, at noon of its day."""
    at = int(datetime.fromisoformat(f"{row['date']}T12:00").replace(tzinfo=UTC).timestamp()) * 10**9
    event: dict[str, Any] = {"model": row["model_ref"], "input_tokens": int(row["prompt_tokens"])}
    event |= {"output_tokens": int(row["completion_tokens"]), "requests": int(row["test_cases"]), **usage}
    cost = (pricer or Pricer()).price(event, at)
    return None if cost is None else cost.total


def recorded(row: Row) -> Decimal:
    """Return the cost that the run's authors recorded, to four digits behind the point."""
    return Decimal(row["total_cost_usd"])


def known(row: Row, **usage: int) -> Decimal:
    """Return what a run of a model with a price costs."""
    cost = price(row, None, **usage)
    assert cost is not None
    return cost


def test_every_run_is_accounted_for(runs: dict[tuple[str, str, str], Row]) -> None:
    """Each is reproduced, or has its reason below."""
    assert runs.keys() == {*EXACT, *CACHED, *OTHER_PRICES, *INCONSISTENT, THINKING}


def test_runs_without_caching(runs: dict[tuple[str, str, str], Row]) -> None:
    """The recorded cost, to its last digit."""
    for key in EXACT:
        assert abs(known(runs[key]) - recorded(runs[key])) <= _LAST, key


def test_runs_with_caching(runs: dict[tuple[str, str, str], Row]) -> None:
    """Between all of the input read from the cache and none of it."""
    for key in CACHED:
        row = runs[key]
        assert known(row, cache_read_tokens=int(row["prompt_tokens"])) < recorded(row) < known(row), key


def test_prices_that_the_table_has_lost(runs: dict[tuple[str, str, str], Row], tmp_path: Path) -> None:
    """Routers change their prices and the table keeps today's: a price file with that day's reproduces each."""
    for key, (read, written) in OTHER_PRICES.items():
        row = runs[key]
        table = tmp_path / "prices.toml"
        table.write_text(f'[[price]]\nmodel = "{row["model_ref"]}"\ninput = {read}\noutput = {written}\n')
        mine = price(row, Pricer(table))
        assert mine is not None
        assert abs(mine - recorded(row)) <= _LAST, key
        assert price(row) is None or abs(known(row) - recorded(row)) > Decimal("0.05"), key


def test_runs_whose_own_figures_differ(runs: dict[tuple[str, str, str], Row]) -> None:
    """Tokens that cost less than was paid, at the rate of no cache at all; and unknown costs, which are none, not 0."""
    for key, reason in INCONSISTENT.items():
        cost = price(runs[key])
        if reason == "unknown as 0":
            assert cost is None, key
            assert recorded(runs[key]) == 0, key
        else:
            assert cost is not None, key
            assert cost < recorded(runs[key]) * Decimal("0.99"), key


def test_a_rate_for_thinking(runs: dict[tuple[str, str, str], Row]) -> None:
    """The recorded cost lies between no thinking and nothing but thinking."""
    row = runs[THINKING]
    assert known(row) < recorded(row) < known(row, reasoning_tokens=int(row["completion_tokens"]))


def test_simulated_users_of_tau_bench(shared: Callable[[str], Path]) -> None:
    """Without tokens none can be priced; all are whole numbers of gpt-4o's input tokens (its output is four each)."""
    with shared("data/runs/tau_bench_gpt4o_airline.csv").open() as lines:
        costs = [Decimal(row["user_cost_usd"]) for row in csv.DictReader(lines) if row["user_cost_usd"]]
    event = {"provider": "openai", "model": "gpt-4o", "input_tokens": 1, "output_tokens": 0}
    cost = Pricer().price(event, int(datetime(2024, 10, 1, tzinfo=UTC).timestamp()) * 10**9)
    assert cost is not None
    assert len(costs) == 195
    assert all(round(each / cost.total, 6) % 1 == 0 for each in costs)
