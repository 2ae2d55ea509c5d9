# ruff: noqa: ANN201, ANN202, D103 - the callables under test are the users', annotated or not
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# pyright: basic
"""Whose call a stream is that is driven elsewhere than it was called."""

import asyncio
import inspect
import threading
from typing import Any

from pepperpy_obs import agent, attributes, measure, measured
from pepperpy_obs.testing import captured


@measured
def tool():
    return 1


@measured
def words():
    tool()
    yield "a"


@measured
async def async_words():
    tool()
    yield "a"


def drive(stream: Any) -> list[Any]:
    """Read a stream of either kind in a thread without any call, as a server may."""

    async def collect():
        return [item async for item in stream]

    read: list[Any] = []
    work = (lambda: asyncio.run(collect())) if inspect.isasyncgen(stream) else (lambda: list(stream))
    thread = threading.Thread(target=lambda: read.extend(work()))
    thread.start()
    thread.join()
    return read


def by_operation(events: Any) -> dict[str, Any]:
    return {event["operation"]: event for event in events}


def test_a_stream_that_is_sent_after_its_handler_has_returned() -> None:
    """It is a call of the handler that called it, in its trace, for its agent, with the fields of the blocks around."""
    for stream in (words, async_words):

        @measured(operation="handler", agent="writer")
        def handler(stream: Any = stream):
            with attributes(customer="acme"):
                return stream()

        with captured() as seen:
            assert drive(handler()) == ["a"]
            events = by_operation(seen.events)
            made = events[stream.__name__]
            assert made["parent_span_id"] == events["handler"]["span_id"]
            for event in (made, events["tool"]):
                assert event["trace_id"] == events["handler"]["trace_id"]
                assert (event["agent"], event["customer"]) == ("writer", "acme")


def test_a_stream_that_is_called_in_an_agents_block() -> None:
    """Without a call the block is enough."""
    with captured() as seen:
        with agent("writer"):
            stream = words()
        assert drive(stream) == ["a"]
        assert {event["agent"] for event in seen.events} == {"writer"}


def test_a_stream_that_another_call_drives_is_that_calls() -> None:
    """Where a call is current at the first step it is the caller, unless it is the caller's own, as a middleware is."""
    with captured() as seen:
        with measure("maker"):
            stream = words()
        with measure("reader"):
            assert list(stream) == ["a"]
        events = by_operation(seen.events)
        assert events["words"]["parent_span_id"] == events["reader"]["span_id"]
    for named in (False, True):
        with captured() as seen:
            with measure("middleware") as around:
                assert not named or around.trace_id
                with measure("handler") as call:
                    assert not named or call.span_id
                    stream = words()
                assert list(stream) == ["a"]
            events = by_operation(seen.events)
            assert events["words"]["parent_span_id"] == events["handler"]["span_id"]


def test_what_is_called_passes_for_a_generator_function() -> None:
    """Libraries ask what a function gives, and its streams have its name, wherever they are looked at."""
    assert inspect.isgeneratorfunction(words)
    assert not inspect.isasyncgenfunction(words)
    assert inspect.isasyncgenfunction(async_words)
    assert not inspect.iscoroutinefunction(async_words)
    names = (getattr(words(), "__name__", None), getattr(async_words(), "__qualname__", None))
    assert names == ("words", "async_words")
    assert inspect.getgeneratorstate(words()) == inspect.GEN_CREATED
