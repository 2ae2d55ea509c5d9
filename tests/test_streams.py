# ruff: noqa: ANN202 - the callables under test are the users', annotated or not
# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment"
# pyright: basic, reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false
"""Streams: the full generator protocol, and no context, item or ending that gets lost."""

import asyncio
import contextvars
import sys
import types
from typing import Any

import pytest

from pepperpy_obs import agent, current_call, measured
from pepperpy_obs.testing import captured


class BoomError(Exception):
    pass


def test_a_generator_keeps_its_full_protocol() -> None:
    """send, throw and the return value reach the generator and come back."""

    @measured
    def echo():
        got = yield "first"
        try:
            got = yield got
        except BoomError as error:
            yield error
        return "result"

    stream = echo()
    boom = BoomError()

    assert next(stream) == "first"
    assert stream.send("sent") == "sent"
    assert stream.throw(boom) is boom
    with pytest.raises(StopIteration) as stop:
        next(stream)
    assert stop.value.value == "result"


def test_an_async_generator_keeps_its_full_protocol() -> None:
    """Asend and athrow reach the async generator, and its finally has run when aclose() returns."""
    closed = []

    @measured
    async def echo():
        try:
            got = yield "first"
            try:
                yield got
            except BoomError as error:
                yield error
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    async def main() -> None:
        stream, boom = echo(), BoomError()
        assert await anext(stream) == "first"
        assert await stream.asend("sent") == "sent"
        assert await stream.athrow(boom) is boom
        await stream.aclose()
        assert closed == [True]

    asyncio.run(main())


def test_close_gives_the_generators_value() -> None:
    """What a generator returns when it is closed reaches who closed it, on Pythons that hand it out (3.13)."""

    @measured
    def stubborn():
        try:
            yield 1
        except GeneratorExit:
            return "value"

    with captured() as seen:
        stream = stubborn()
        next(stream)
        assert stream.close() == ("value" if sys.version_info >= (3, 13) else None)

        assert seen.event["outcome"] == "abandoned"


def test_a_stream_that_refuses_to_be_closed_ends_when_it_is_let_go() -> None:
    """No call stays active for ever."""

    @measured
    async def stubborn():
        try:
            yield 1
        finally:
            yield 2

    async def main() -> None:
        stream = stubborn()
        await anext(stream)
        with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
            await stream.aclose()

    with captured() as seen:
        asyncio.run(main())

        assert seen.event["outcome"] == "abandoned"


def test_no_context_leaks_between_yields() -> None:
    """A stream is the current call while it runs, and never in its consumer."""
    inside: list[Any] = []

    @measured
    def stream():
        inside.append(current_call().operation)
        yield 1
        inside.append(current_call().operation)

    for _ in stream():
        assert not current_call()

    assert [stream.__qualname__] * 2 == inside


def test_a_stream_may_be_stepped_and_closed_from_different_contexts() -> None:
    """Each step may run in another task's context, as may the close."""

    @measured
    async def stream():
        for i in range(9):
            yield i

    async def main() -> None:
        one = stream()
        assert await asyncio.create_task(anext(one)) == 0
        assert await asyncio.create_task(anext(one)) == 1
        await asyncio.create_task(one.aclose())

    with captured() as seen:
        asyncio.run(main())

        assert (seen.event["outcome"], seen.event["items"]) == ("abandoned", 2)


def test_an_abandoned_coroutine_may_be_closed_in_a_foreign_context() -> None:
    """A coroutine that the collector closes elsewhere ends as abandoned and raises nothing."""

    @types.coroutine
    def pause():
        yield

    @measured
    async def waits() -> None:
        await pause()

    with captured() as seen:
        started = waits()
        contextvars.copy_context().run(started.send, None)
        contextvars.copy_context().run(started.close)

        assert seen.event["outcome"] == "abandoned"


def test_a_stream_keeps_no_items() -> None:
    """An item that the consumer lets go is gone."""
    import weakref

    class Item:
        pass

    @measured
    def stream():
        for _ in range(3):
            yield Item()

    refs = [weakref.ref(item) for item in stream()]

    assert [ref() for ref in refs[:2]] == [None, None]


def test_a_block_inside_a_stream_stays_open_between_items() -> None:
    """What a stream calls after a yield belongs to the block that it had open then, also when tasks step it in turn."""

    @measured(operation="child")
    def child() -> None:
        pass

    @measured(operation="stream")
    async def stream():
        with agent("writer"):
            yield 1
            child()
            yield 2
        child()
        yield 3

    async def main() -> None:
        one = stream()
        for _ in range(3):
            await asyncio.create_task(anext(one))
            assert not current_call()
        await one.aclose()

    with captured() as seen:
        asyncio.run(main())

        assert [event.get("agent") for event in seen.events if event["operation"] == "child"] == ["writer", None]


def test_a_loop_can_close_a_stream_that_somebody_left() -> None:
    """`shutdown_asyncgens` closes the wrapper, which closes the generator: neither is in the other's way."""
    closed, left = [], []

    @measured
    async def stream():
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            closed.append(True)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: left.append(context))
        kept.append(stream())
        await anext(kept[0])

    kept: list[Any] = []
    asyncio.run(main())

    assert (closed, left) == ([True], [])
