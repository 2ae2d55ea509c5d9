"""A call that fails with an exception which carries an answer was paid for, however it is called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs import costed, record_usage
from pepperpy_obs.testing import captured

ANSWER: dict[str, Any] = {
    "id": "answer-of-a-failure",
    "model": "gpt-4o-mini",
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
}
PRICE = Decimal("0.00021")


class UnparsedError(Exception):
    """As SDKs raise where an answer came that is of no use."""

    def __init__(self, completion: Any = ANSWER) -> None:
        super().__init__("unparsed")
        self.completion = completion


def fail() -> str:
    """Fail after the answer."""
    raise UnparsedError


async def fail_later() -> str:
    """Fail after the answer, awaited."""
    await asyncio.sleep(0)
    raise UnparsedError


def fail_within() -> Iterator[str]:
    """Fail in the middle of a stream that has told no usage."""
    yield "piece"
    raise UnparsedError


async def fail_within_later() -> AsyncIterator[str]:
    """Fail in the middle of an async stream."""
    yield "piece"
    raise UnparsedError


def returning(coroutine: Callable[[], Coroutine[Any, Any, str]]) -> Callable[[], Any]:
    """Return a plain function that hands out the coroutine."""
    return lambda: coroutine()  # noqa: PLW0108 - it must be a function that returns one


async def _read(stream: AsyncIterator[str]) -> None:
    async for _ in stream:
        pass


WAYS: dict[str, Callable[[Any], object]] = {
    "function": lambda decorate: decorate(fail)(),
    "coroutine": lambda decorate: asyncio.run(decorate(fail_later)()),
    "returned coroutine": lambda decorate: asyncio.run(_awaited(decorate(returning(fail_later))())),
    "stream": lambda decorate: list(decorate(fail_within)()),
    "async stream": lambda decorate: asyncio.run(_read(decorate(fail_within_later)())),
    "returned stream": lambda decorate: list(decorate(lambda: fail_within())()),  # noqa: PLW0108
}


async def _awaited(coroutine: Coroutine[Any, Any, str]) -> str:
    return await coroutine


@pytest.mark.parametrize("way", WAYS)
def test_the_answer_in_an_exception_is_counted_and_wasted(way: str) -> None:
    """Tokens and cost are the answer's, the cost is waste of a failure, and the exception passes untouched."""
    with captured() as seen:
        with pytest.raises(UnparsedError) as raised:
            WAYS[way](costed(operation="ask", provider="openai"))
        event, cost = seen.event, seen.stats.cost

    assert raised.value.__context__ is None
    assert (event["outcome"], event["error_type"]) == ("error", "UnparsedError")
    assert (event["input_tokens"], event["output_tokens"], event["cost_usd"]) == (1000, 100, PRICE)
    assert (cost.total_cost, cost.waste) == (PRICE, PRICE)
    assert cost.waste_by_cause == {"failed": PRICE}


@pytest.mark.parametrize("answer", [ANSWER, {key: value for key, value in ANSWER.items() if key != "id"}])
def test_an_exception_that_passes_through_several_calls_counts_once(answer: dict[str, Any]) -> None:
    """The same answer is known again, with an id or without, also below an exception of the caller's own."""

    @costed(operation="inner", provider="openai")
    def inner() -> None:
        raise UnparsedError(answer)

    @costed(operation="outer", provider="openai")
    def outer() -> None:
        inner()

    @costed(operation="outermost", provider="openai")
    def outermost() -> None:
        try:
            outer()
        except UnparsedError as error:
            raise RuntimeError from error

    with captured() as seen:
        with pytest.raises(RuntimeError):
            outermost()
        events, total = seen.events, seen.stats.cost.total_cost

    assert [event.get("usage_duplicate") for event in events] == [None, True, True]
    assert total == PRICE


def test_a_failure_that_was_handled_in_the_call_counts_and_one_before_it_does_not() -> None:
    """Raised in an `except`, an exception keeps the handled one: that may be this call's, or an earlier one's."""

    @costed(operation="again", provider="openai")
    def again() -> None:
        try:
            fail()
        except UnparsedError:
            raise ValueError  # noqa: B904 - as it is often written

    @costed(operation="later", provider="openai")
    def later() -> None:
        raise ValueError

    with captured() as seen:
        with pytest.raises(ValueError, match=r"^$"):
            again()
        try:
            fail()
        except UnparsedError:
            with pytest.raises(ValueError, match=r"^$"):
                later()
        counted = [(event["operation"], event.get("input_tokens")) for event in seen.events]
    assert counted == [("again", 1000), ("later", None)]


def test_usage_recorded_inside_the_call_wins() -> None:
    """What the code says itself is more explicit than what the exception carries."""

    @costed(operation="ask", provider="openai", model="gpt-4o-mini")
    def ask() -> None:
        record_usage({"usage": {"prompt_tokens": 10, "completion_tokens": 1}})
        raise UnparsedError

    with captured() as seen:
        with pytest.raises(UnparsedError):
            ask()
        event = seen.event
    assert (event["input_tokens"], event["output_tokens"]) == (10, 1)


def test_a_stream_that_has_told_its_usage_keeps_it() -> None:
    """The items of a stream are nearer to the truth than the exception at its end."""

    @costed(operation="ask", provider="openai")
    def ask() -> Iterator[dict[str, Any]]:
        yield {**ANSWER, "usage": {"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22}}
        raise UnparsedError

    with captured() as seen:
        with pytest.raises(UnparsedError):
            list(ask())
        event = seen.event
    assert (event["input_tokens"], event["output_tokens"]) == (20, 2)


def test_an_overflowing_stack_ends_its_call() -> None:
    """Where there is no stack left to look at the exception, the call ends all the same."""

    @costed(operation="deep", provider="openai")
    def deep(depth: int) -> int:
        return deep(depth + 1)

    with captured() as seen:
        with pytest.raises(RecursionError):
            deep(0)
        outcomes = {event["outcome"] for event in seen.events}
    assert outcomes == {"error"}
