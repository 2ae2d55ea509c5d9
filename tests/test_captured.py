"""`captured()`: what is seen belongs to the block, for ever, whatever goes on beside it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs import Config, configure, costed, measure, measured, stats
from pepperpy_obs.testing import Captured, captured


@costed(provider="openai")
async def _ask(tokens: int) -> dict[str, Any]:
    await asyncio.sleep(0)
    return {"model": "gpt-4o-mini", "usage": {"prompt_tokens": tokens, "completion_tokens": 0}}


@measured
def _step(name: str) -> None:
    with measure(name):
        pass


def _names(seen: Captured) -> list[str]:
    return [event["operation"] for event in seen.events]


def test_what_was_seen_stays_after_the_block() -> None:
    """Statistics and events are those of the block, behind it and while another one is open."""
    with captured() as first:
        asyncio.run(_ask(1000))
    with captured() as second:
        _step("later")
        within = (first.stats.cost.total_cost, len(first.events))
    _step("outside")

    assert within == (first.stats.cost.total_cost, len(first.events)) == (Decimal("0.00015"), 1)
    assert _names(second) == ["later", "_step"]
    assert second.stats.performance.calls == 2


def test_blocks_in_tasks_see_their_own() -> None:
    """Blocks that are open at once in tasks of one loop share nothing, also not their costs, and end in any order."""

    async def one(tokens: int) -> tuple[Captured, Any]:
        with captured() as seen:
            await asyncio.gather(_ask(tokens), _ask(tokens))
            await asyncio.sleep(0.001 * (tokens % 3))
            return seen, (seen.stats.usage.input_tokens, stats().usage.input_tokens)

    async def main() -> Any:
        return await asyncio.gather(*(one(tokens) for tokens in range(1, 6)))

    found = asyncio.run(main())

    for tokens, (seen, within) in enumerate(found, start=1):
        assert [event["input_tokens"] for event in seen.events] == [tokens, tokens]
        assert within == (2 * tokens, 2 * tokens)
        assert seen.stats.usage.input_tokens == 2 * tokens


def test_blocks_in_threads_see_their_own() -> None:
    """So do threads, each with many calls."""
    together = threading.Barrier(4)

    def one(name: str) -> list[str]:
        with captured() as seen:
            together.wait()
            for _ in range(200):
                _step(name)
            together.wait()
            assert seen.stats.performance.calls == 400
        return _names(seen)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(one, "abcd"))

    assert found == [[name, "_step"] * 200 for name in "abcd"]


def test_a_thread_without_a_context_belongs_to_the_block() -> None:
    """Workers of a pool that knows no contexts are seen as well."""
    with captured() as seen, ThreadPoolExecutor(2) as pool:
        list(pool.map(_step, ["one", "two"]))

    assert sorted(_names(seen)) == ["_step", "_step", "one", "two"]


def test_blocks_in_blocks() -> None:
    """The inner one takes what happens in it; the outer one goes on behind it."""
    with captured() as outer:
        _step("before")
        with captured() as inner:
            _step("inside")
        _step("behind")

    assert _names(outer) == ["before", "_step", "behind", "_step"]
    assert _names(inner) == ["inside", "_step"]


def test_a_block_changes_no_trace() -> None:
    """Calls without a call around have traces of their own, and a block in a call leaves them its children."""
    with captured() as seen:
        _step("one")
        _step("two")
    with captured(), measure("outer") as outer, captured() as inner:
        _step("child")

    assert len({event["trace_id"] for event in seen.events}) == 2
    assert [event.get("parent_span_id") is None for event in seen.events] == [False, True] * 2
    assert inner.events[-1]["parent_span_id"] == outer.span_id


def test_a_call_that_ends_behind_the_block_is_not_the_blocks() -> None:
    """What was seen does not grow any more."""

    async def main() -> Captured:
        with captured() as seen:
            task = asyncio.ensure_future(_ask(1000))
            await asyncio.sleep(0)
        await task
        return seen

    seen = asyncio.run(main())

    assert (seen.events, seen.stats.performance.calls) == ([], 0)


def test_what_was_configured_is_in_force_again(tmp_path: Any) -> None:
    """Two blocks at once change nothing for those behind them."""
    log = tmp_path / "app.jsonl"
    runtime = configure(Config(config_file=None, log_file=str(log), log_format="json"))
    try:
        first, second = captured(), captured()
        first.__enter__()
        second.__enter__()
        _step("inside")
        first.__exit__(None, None, None)
        second.__exit__(None, None, None)
        _step("behind")
        runtime.flush()
        assert [line.count("behind") for line in log.read_text().splitlines()] == [1, 0]
    finally:
        configure(Config(config_file=None, log_format="none"))
        runtime.shutdown()


def test_one_event_or_none() -> None:
    """`event` names what there is if that is not one."""
    with captured() as seen:
        with pytest.raises(AssertionError, match="expected one event, found 0"):
            _ = seen.event
        _step("inside")

    with pytest.raises(AssertionError, match=r"found 2: \['inside', '_step'\]"):
        _ = seen.event
