"""What a call has spent, with all below it."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs import (
    Config,
    MetricsCollector,
    agent,
    costed,
    current_call,
    flush,
    measure,
    measured,
    stats,
    tracked_usage,
)
from pepperpy_obs._account import NOTHING, Account, Spent
from pepperpy_obs.testing import captured


def _answer(tokens: int = 1000, model: str = "gpt-4o-mini", **more: Any) -> dict[str, Any]:
    return {"model": model, "usage": {"prompt_tokens": tokens, "completion_tokens": 0}, **more}


@costed(provider="openai")
def _ask(tokens: int = 1000, model: str = "gpt-4o-mini") -> dict[str, Any]:
    return _answer(tokens, model)


@measured
def _below() -> None:
    _ask()


CENTS = Decimal("0.00015")
"""What 1,000 tokens cost."""


def test_a_block_knows_what_was_spent_in_it() -> None:
    """Within the block and behind it, at any depth, and nothing of what stands beside it."""
    with captured():
        _ask()
        with measure("run") as run:
            _below()
            within = run.spending()
            _ask(2000)
        _ask()

    assert within == Spent(1, 1000, CENTS, 1, 0, 0)
    assert run.spending() == Spent(2, 3000, 3 * CENTS, 2, 0, 0)


def test_any_call_that_is_running_knows_it() -> None:
    """`current_call()` needs nothing prepared: what ended below before it is asked for the first time is there."""

    @measured
    def solve() -> Spent:
        _below()
        flush()
        _ask()
        return current_call().spending()

    with captured():
        _below()
        assert solve() == Spent(2, 2000, 2 * CENTS, 2, 0, 0)
        assert current_call().spending() == NOTHING


def test_agents_blocks_and_calls_of_their_own_answer_know_it() -> None:
    """An agent's block counts what is below it; a call that is itself a request counts itself once it has ended."""
    with captured():
        with agent("scout") as scout:
            _ask()
        with measure("ask") as one:
            one.record_usage(_answer())
        with measure("outer") as outer, measure("inner") as inner:
            assert inner.span_id  # named before it has an answer
            inner.record_usage(_answer())
        spent = [call.spending().requests for call in (scout, one, inner, outer)]

    assert spent == [1, 1, 1, 1]


def test_tasks_and_what_outlives_a_call_in_between() -> None:
    """A task that was started by a call below, and ended after it, is charged to the run."""

    async def late() -> None:
        await asyncio.sleep(0)
        flush()  # who started it is counted already
        _ask()

    @measured
    async def start() -> asyncio.Task[None]:
        return asyncio.ensure_future(late())

    async def main() -> Spent:
        with measure("run") as run:
            tasks = [await start() for _ in range(3)]
            _ask()
        await asyncio.gather(*tasks)
        return run.spending()

    with captured():
        assert asyncio.run(main()) == Spent(4, 4000, 4 * CENTS, 4, 0, 0)


def test_what_is_unknown_is_said() -> None:
    """A request without a price and one without usage are counted, and cost nothing that is known."""
    nameless = tracked_usage(provider="openai")(lambda: "just a text")

    with captured(), measure("run") as run:
        _ask(1000, "a-model-of-my-own")
        nameless()
        spent = run.spending()

    assert (spent.requests, spent.tokens, spent.cost, spent.unpriced) == (2, 1000, Decimal(0), 1)
    assert spent.without_usage == 1


def test_a_total_is_not_added_to_what_it_is_the_total_of() -> None:
    """A framework's total counts, by its own number of requests, only where nothing below it did."""
    total = SimpleNamespace(requests=3, tool_calls=0, input_tokens=3000, output_tokens=0)

    with captured(), measure("counted below") as one, measure("run", kind="agent") as inner:
        for _ in range(3):
            _ask()
        inner.record_usage(total, provider="openai", model="gpt-4o-mini")
    with captured(), measure("counted by it alone") as other, measure("run", kind="agent") as inner:
        inner.record_usage(total, provider="openai", model="gpt-4o-mini")

    assert one.spending() == Spent(3, 3000, 3 * CENTS, 3, 0, 0)
    assert (other.spending().requests, other.spending().cost) == (3, 3 * CENTS)


def test_the_same_answer_is_charged_once() -> None:
    """An answer that is handed up through priced calls is one request."""

    @costed(provider="openai")
    def again() -> dict[str, Any]:
        return _ask()

    with captured(), measure("run") as run:
        again()
        assert run.spending().cost == CENTS


@pytest.mark.slow
@given(st.integers(0, 2**32))
def test_law_a_run_spends_what_all_of_it_is_counted_as(seed: int) -> None:
    """Of any tree of calls the topmost has spent what the statistics say, and each one what is below it."""
    tree = random.Random(seed)
    expected: list[tuple[int, int]] = []

    def grow(depth: int) -> int:
        requests = 0
        with measure(f"level {depth}", kind=tree.choice(["task", "agent", "tool"])) as call:
            for _ in range(tree.randrange(4)):
                if depth < 3 and tree.random() < 0.5:
                    requests += grow(depth + 1)
                else:
                    _ask(tree.randrange(1, 5000), tree.choice(["gpt-4o", "gpt-4o-mini", "unheard of"]))
                    requests += 1
                if tree.random() < 0.2:
                    flush()
        calls.append(call)
        expected.append((requests, len(expected)))
        return requests

    calls: list[Any] = []
    with captured(Config(config_file=None)) as seen:
        grow(0)
        spent = [call.spending() for call in calls]
        read = seen.stats

    assert [one.requests for one in spent] == [requests for requests, _ in expected]
    assert (spent[-1].cost, spent[-1].priced, spent[-1].unpriced) == (
        read.cost.total_cost,
        read.cost.priced_calls,
        read.cost.unpriced_calls,
    )
    assert spent[-1].tokens == read.usage.input_tokens


def test_nothing_is_spent_while_recording_is_off() -> None:
    """Without records there is nothing to add up."""
    with captured(Config(config_file=None, metrics_enabled=False)), measure("run") as run:
        _ask()
        assert run.spending() == NOTHING


def test_what_a_collector_of_its_own_recorded_below_is_charged() -> None:
    """The run is one, whichever collector counts a part of it."""
    collector = MetricsCollector(Config(config_file=None, log_format="none"))
    try:
        with captured(), measure("run") as run:
            with collector.record_call("openai") as call:
                call.record_usage(_answer())
            _ask()
            assert run.spending() == Spent(2, 2000, 2 * CENTS, 2, 0, 0)
    finally:
        collector.shutdown()


def test_accounts_are_bounded() -> None:
    """A task that starts its own successor for ever holds a thousand accounts; the topmost is charged for all."""
    top = one = Account("0", None)
    for number in range(1, 5000):
        one = Account(str(number), one)
    one.charge(NOTHING._replace(requests=1))

    held, deep = 0, one
    while deep.outer is not None:
        held, deep = held + 1, deep.outer
    assert held <= 1000
    assert (deep is top, top.spent.requests) == (True, 1)


def test_budgets_see_all_however_deep() -> None:
    """An account with a budget stays in the chain."""
    budget = one = Account("budget", Account("top", None), limit=Decimal(1))
    for number in range(3000):
        one = Account(str(number), one)
    one.charge(NOTHING._replace(cost=Decimal(2)))

    assert budget.spent.cost == Decimal(2)


def test_reading_the_statistics_changes_nothing() -> None:
    """To ask twice adds nothing up twice."""
    with captured():
        with measure("ask") as one:
            one.record_usage(_answer())
        assert one.spending() == one.spending() == Spent(1, 1000, CENTS, 1, 0, 0)
        assert stats().cost.total_cost == CENTS
