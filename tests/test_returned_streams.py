# ruff: noqa: ANN201, ANN202, D103, PLW0108 - the functions under test are the users'
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# pyright: basic, reportUnusedCoroutine=false
"""What a tracked function returns before the answer is there: stream objects, generators, coroutines."""

import asyncio
import gc
import inspect
import io
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from pepperpy_obs import costed, current_call, measured, tracked_usage
from pepperpy_obs.testing import Captured, captured
from tests.sdk import (
    ANSWER,
    ITEMS,
    AsyncMessageStreamManager,
    AsyncStream,
    EventStream,
    MessageStreamManager,
    Selfish,
    Slotted,
    Stream,
    aplain,
    plain,
)


def with_block(stream: Any) -> list[Any]:
    with stream as entered:
        return list(entered)


READ: list[tuple[Callable[[], Any], Callable[[Any], Any]]] = [
    (lambda: Stream(ITEMS), list),
    (lambda: Stream(ITEMS), lambda stream: [next(stream), *stream]),
    (lambda: Stream(ITEMS), with_block),
    (lambda: Stream(ITEMS), lambda stream: stream.until_done()),
    (lambda: Stream(ITEMS), lambda stream: list(stream.text_stream)),
    (lambda: Selfish(ITEMS), list),
    (MessageStreamManager, with_block),
    (lambda: {"stream": EventStream(), "ResponseMetadata": {}}, lambda answer: list(answer["stream"])),
    (plain, list),
]


async def aread(stream: Any) -> list[Any]:
    return [item async for item in stream]


async def aread_with(stream: Any) -> list[Any]:
    async with stream as entered:
        return [item async for item in entered]


AREAD: list[tuple[Callable[[], Any], Callable[[Any], Any]]] = [
    (lambda: AsyncStream(ITEMS), aread),
    (lambda: AsyncStream(ITEMS), aread_with),
    (AsyncMessageStreamManager, aread_with),
    (aplain, aread),
]


def facts(seen: Captured) -> dict[str, Any]:
    """Return what an event says of usage and ending."""
    names = ("outcome", "input_tokens", "output_tokens", "response_model", "items", "usage_incomplete")
    return {name: seen.event[name] for name in names if name in seen.event}


WHOLE = {"outcome": "ok", "input_tokens": 12, "output_tokens": 7, "response_model": "gpt-4o", "items": 3}


@pytest.mark.parametrize("decorator", [tracked_usage, costed])
@pytest.mark.parametrize("make, read", READ)
def test_usage_counts_when_the_stream_is_read(make: Any, read: Any, decorator: Any) -> None:
    """A returned stream is one event that ends with the stream, however that is read; the price is there, too."""
    with captured() as seen:
        answer = decorator(lambda: make())()
        assert seen.events == []
        read(answer)

        assert facts(seen) == WHOLE
        assert seen.event["time_to_first_item_seconds"] <= seen.event["duration_seconds"]
        assert ("cost_usd" in seen.event) is (decorator is costed)


@pytest.mark.parametrize("make, read", AREAD)
@pytest.mark.parametrize("how", ["function", "coroutine"])
def test_usage_counts_when_an_async_stream_is_read(make: Any, read: Any, how: str) -> None:
    """The same for what a function or a coroutine returns for asyncio."""

    async def ask():
        return make()

    async def main():
        asked = tracked_usage(ask if how == "coroutine" else lambda: make())()
        await read(await asked if how == "coroutine" else asked)

    with captured() as seen:
        asyncio.run(main())

        assert facts(seen) == WHOLE


def test_the_object_stays_what_it_is() -> None:
    """The very object is returned, of its class, with its attributes, and current in its steps is its call."""
    made = Stream(ITEMS)

    @tracked_usage(operation="ask")
    def ask():
        return made

    with captured():
        answer = ask()
        assert answer is made
        assert isinstance(answer, Stream)
        assert type(answer).__qualname__ == "Stream"
        assert list(answer) == ITEMS
        assert made.seen == ["ask"] * 3
        assert not current_call()


@pytest.mark.parametrize(
    "end", [lambda stream: stream.close(), lambda stream: stream.__exit__(None, None, None), lambda stream: None]
)
def test_a_stream_that_is_left(end: Any) -> None:
    """Closed or just let go before its end, a stream is abandoned, and what it told of its usage incomplete."""
    with captured() as seen:
        answer = tracked_usage(lambda: Stream(ITEMS))()
        next(answer)
        end(answer)
        del answer
        gc.collect()

        assert facts(seen) == {"outcome": "abandoned", "response_model": "gpt-4o", "items": 1, "usage_incomplete": True}


@pytest.mark.parametrize("end", [lambda stream: stream.close(), lambda stream: None])
def test_a_stream_that_is_never_read(end: Any) -> None:
    """The request was sent for all that: it is an answer without usage, not none."""
    with captured() as seen:
        answer = costed(lambda: Stream(ITEMS))()
        end(answer)
        del answer
        gc.collect()

        assert facts(seen) == {"outcome": "abandoned", "items": 0}
        assert seen.event["usage_flags"] == ["missing"]
        assert seen.stats.cost.calls_without_usage == 1


def test_a_stream_that_closes_itself() -> None:
    """What closes itself in its last step, as litellm's streams do, was read to its end."""

    class ClosesItself(Stream[Any]):
        def __iter__(self) -> Any:
            return self

        def __next__(self) -> Any:
            try:
                return super().__next__()
            except StopIteration:
                self.close()
                raise

    with captured() as seen:
        list(tracked_usage(lambda: ClosesItself(ITEMS))())

        assert facts(seen) == WHOLE


def test_a_stream_that_breaks() -> None:
    """The error of a stream is the user's and the event's."""
    with captured() as seen:
        with pytest.raises(ConnectionError):
            list(tracked_usage(lambda: Stream(ITEMS, fails=True))())

        assert (seen.event["outcome"], seen.event["error_type"]) == ("error", "ConnectionError")
        assert seen.event["input_tokens"] == 12


@pytest.mark.parametrize("make", [lambda: Slotted(), lambda: map(dict, ITEMS), lambda: iter(ITEMS), io.BytesIO])
def test_what_cannot_be_watched_is_left_alone(make: Any) -> None:
    """Such an object is returned as it is, measured at the return, and its usage is flagged as missing."""
    with captured() as seen:
        answer = tracked_usage(lambda: make())()

        assert type(answer) is type(make())
        assert (seen.event["outcome"], seen.event["usage_flags"]) == ("ok", ["missing"])


def test_a_stream_that_passes_through_counts_once() -> None:
    """Who returns the stream of another tracked call does not count it again."""

    @tracked_usage(operation="inner")
    def inner(make: Any):
        return make()

    for make in (plain, lambda: Stream(ITEMS)):
        with captured() as seen:
            list(tracked_usage(operation="outer")(lambda make=make: inner(make))())

            assert [(one["operation"], one.get("input_tokens")) for one in seen.events] == [
                ("outer", None),
                ("inner", 12),
            ]


def test_usage_reads_each_item() -> None:
    """An own reader is shown the items."""
    with captured() as seen:
        list(tracked_usage(usage=lambda item: item.get("usage"))(plain)())

        assert seen.event["input_tokens"] == 12


async def answered():
    await asyncio.sleep(0)
    return ANSWER


def test_a_coroutine_that_a_function_returns() -> None:
    """It is still a coroutine of that name, and the call ends when it has been awaited, children included."""

    @measured(operation="child")
    async def child():
        pass

    async def asked():
        await child()
        return ANSWER

    @tracked_usage(operation="ask")
    def ask():
        return asked()

    async def main():
        coroutine = ask()
        assert inspect.iscoroutine(coroutine)
        assert coroutine.__name__ == "asked"
        return await asyncio.create_task(coroutine)

    with captured() as seen:
        assert asyncio.run(main()) is ANSWER

        by_name = {event["operation"]: event for event in seen.events}
        assert by_name["ask"]["input_tokens"] == 12
        assert by_name["child"]["parent_span_id"] == by_name["ask"]["span_id"]


def test_a_stream_that_is_awaited_first() -> None:
    """As OpenAI's asynchronous client answers: a coroutine, which gives a stream."""

    async def ask():
        return AsyncStream(ITEMS)

    async def main():
        await aread(await tracked_usage(lambda: ask())())

    with captured() as seen:
        asyncio.run(main())

        assert facts(seen) == WHOLE


def test_a_coroutine_that_fails_or_is_never_awaited() -> None:
    """Its failure is the call's; one that nobody awaits is abandoned."""

    async def fails():
        raise ConnectionError

    async def main():
        await tracked_usage(lambda: fails())()

    with captured() as seen:
        with pytest.raises(ConnectionError):
            asyncio.run(main())
        assert seen.event["outcome"] == "error"

    with captured() as seen:
        tracked_usage(lambda: answered())().close()
        assert seen.event["outcome"] == "abandoned"


def test_python_tells_once_of_a_coroutine_that_is_never_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without us: one warning, which names the coroutine."""
    told: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", lambda message, *_: told.append(str(message)))
        with captured() as seen:
            tracked_usage(lambda: answered())()  # type: ignore[unused-coroutine]
            gc.collect()

            assert seen.event["outcome"] == "abandoned"
    assert told == ["coroutine 'answered' was never awaited"]
