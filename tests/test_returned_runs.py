"""A run that goes on in a task after it was returned is counted when the task is done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs import costed
from pepperpy_obs.testing import captured


class Run:
    """What the OpenAI Agents SDK returns of a streamed run; `steps` is what its task does."""

    run_loop_task: asyncio.Task[None] | None = None

    def __init__(self, steps: Callable[[Run], Awaitable[None]]) -> None:
        usage = {"requests": 0, "input_tokens": 0, "output_tokens": 0, "request_usage_entries": []}
        self.context_wrapper: dict[str, Any] = {"usage": usage}
        self.is_complete = False
        self.run_loop_task = asyncio.ensure_future(self._run(steps))

    async def _run(self, steps: Callable[[Run], Awaitable[None]]) -> None:
        await steps(self)
        self.is_complete = True

    def request(self) -> None:
        """Count a request of 1,000 tokens in and 100 out."""
        usage = self.context_wrapper["usage"]
        for name, count in (("requests", 1), ("input_tokens", 1000), ("output_tokens", 100)):
            usage[name] += count


@costed(operation="run", provider="openai", model="gpt-4o-mini")
def start(steps: Callable[[Run], Awaitable[None]]) -> Run:
    """Start a run and return it."""
    return Run(steps)


PRICE = Decimal("0.00021")


def test_its_requests_and_tools_are_counted() -> None:
    """The event comes after those of the tools that the run calls, and has the whole total."""
    tool = costed(operation="tool", provider="openai")(
        lambda: {"id": "1", "model": "gpt-4o-mini", "usage": {"prompt_tokens": 1000, "completion_tokens": 100}}
    )

    async def steps(run: Run) -> None:
        run.request()
        await asyncio.sleep(0)
        tool()
        run.request()

    async def main() -> None:
        run = start(steps)
        assert (type(run), run.run_loop_task is not None) == (Run, True)
        await asyncio.gather(*filter(None, [run.run_loop_task]))

    with captured() as seen:
        asyncio.run(main())
        inner, outer = seen.events
        cost = seen.stats.cost

    assert (inner["operation"], inner["parent_span_id"]) == ("tool", outer["span_id"])
    assert (outer["outcome"], outer["requests"], outer["input_tokens"]) == ("ok", 2, 2000)
    assert "usage_incomplete" not in outer
    assert cost.total_cost == 3 * PRICE


@pytest.mark.parametrize("how, outcome", [("fails", "error"), ("is cancelled", "cancelled")])
def test_what_it_used_before_it_failed(how: str, outcome: str) -> None:
    """The outcome is the task's, and what was told by then counts, marked as incomplete."""

    async def steps(run: Run) -> None:
        run.request()
        await asyncio.sleep(0)
        if how == "fails":
            raise ValueError
        await asyncio.sleep(60)

    async def main() -> None:
        task = start(steps).run_loop_task
        assert task is not None
        await asyncio.sleep(0)
        if how == "is cancelled":
            task.cancel()
        with contextlib.suppress(ValueError, asyncio.CancelledError):
            await task

    with captured() as seen:
        asyncio.run(main())
        event = seen.event

    assert (event["outcome"], event["input_tokens"], event["cost_usd"]) == (outcome, 1000, PRICE)
    assert event["usage_incomplete"] is True


def test_a_run_that_is_done_is_an_answer() -> None:
    """It needs no following; one without a task is one that tells nothing yet, and so its usage is missing."""

    async def steps(run: Run) -> None:
        run.request()

    async def main() -> None:
        run = Run(steps)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        costed(operation="again", provider="openai", model="gpt-4o-mini")(lambda: run)()
        blank = Run(steps)
        task, blank.run_loop_task = blank.run_loop_task, None
        costed(operation="blank", provider="openai", model="gpt-4o-mini")(lambda: blank)()
        assert task is not None
        await task

    with captured() as seen:
        asyncio.run(main())
        again, blank = seen.events

    assert (again["cost_usd"], blank["usage_flags"]) == (PRICE, ["missing"])
