# ruff: noqa: D103 - the functions under test are the users'
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# pyright: basic
"""`record_usage` of each chunk of a stream: together they are one answer."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from typing import Any

import pytest

from pepperpy_obs import agent, attributes, costed, current_call, measure, record_usage
from pepperpy_obs.testing import captured
from pepperpy_obs.usage import is_piece
from tests.usage.streams import ANTHROPIC, CHAT_USAGE, STREAMS, Items, chat, gemini


def recorded(items: Items) -> dict[str, Any]:
    """Return the event of a call that records each chunk, and yields text only."""

    @costed(operation="talk")
    def talk() -> Iterator[str]:
        for item in items:
            current_call().record_usage(item)
            yield "text"

    with captured() as seen:
        assert list(talk()) == ["text"] * len(items)
        return seen.event


def facts(event: dict[str, Any]) -> dict[str, Any]:
    names = ("outcome", "input_tokens", "output_tokens", "usage_flags", "usage_incomplete", "requests")
    return {name: event[name] for name in names if name in event}


ONE_BY_ONE = [name for name in STREAMS if not name.startswith(("langchain", "langgraph", "watsonx", "bedrock titan"))]


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_chunks_are_one_answer(name: str) -> None:
    """Whosever stream it is: the call has the usage that the whole stream tells, and no other event is left."""
    items, expected = STREAMS[name]
    told: dict[str, Any] = {
        "outcome": "ok",
        "input_tokens": expected.input_tokens,
        "output_tokens": expected.output_tokens,
    }
    if expected.flags:
        told["usage_flags"] = [*expected.flags]
    assert facts(recorded(items)) == told


def test_lines_of_the_body() -> None:
    """So are the lines of an event stream, cut anywhere."""
    body = "".join(f"event: {item['type']}\ndata: {json.dumps(item)}\n\n" for item in ANTHROPIC)
    for lazy_steps in (body.splitlines(keepends=True), [body[at : at + 40] for at in range(0, len(body), 40)]):
        first = {"outcome": "ok", "input_tokens": 105, "output_tokens": 30}
        assert facts(recorded(lazy_steps)) == first


def test_two_streams_in_one_call() -> None:
    """The chunks of a second stream are a second answer of the call."""
    items = STREAMS["gemini: the last of many"][0]
    event = recorded([*items, *({**item, "responseId": "g2"} for item in items)])
    assert facts(event) == {"outcome": "ok", "input_tokens": 18, "output_tokens": 14, "requests": 2}


def test_a_stream_after_an_answer() -> None:
    """An answer that came whole stays, and what is streamed after it is another one."""
    whole = {"id": "a", "model": "gpt-4o", "usage": CHAT_USAGE}
    event = recorded([whole, *STREAMS["openai chat: a last chunk without choices"][0]])
    assert facts(event) == {"outcome": "ok", "input_tokens": 40, "output_tokens": 8, "requests": 2}


def test_a_stream_without_usage() -> None:
    """Chunks that tell no usage make the answer incomplete; it is not missing, for it was seen."""
    assert facts(recorded([chat(None), chat("stop")])) == {"outcome": "ok", "usage_incomplete": True}


def test_whole_answers_are_calls_of_their_own() -> None:
    """The first is the call's, each further one leaves an event, as before."""
    with captured() as seen:
        with measure("work"):
            for number in range(3):
                record_usage({"id": f"a{number}", "model": "gpt-4o", "usage": CHAT_USAGE})
        assert [event.get("input_tokens") for event in seen.events] == [20] * 3


def record_all(items: Items) -> None:
    for item in items:
        record_usage(item)


PLACES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "no call": nullcontext,
    "an agent's block": lambda: agent("writer"),
    "a block of attributes": lambda: attributes(customer="acme"),
}


TOLD_ONCE = [
    name
    for name in ONE_BY_ONE
    if name
    not in {"bedrock agent: a trace for each call of a model", "bedrock invoke: what it bills, in the last chunk"}
]
"""Others tell of usage more than once, and without a call nothing says when an answer is over but its usage."""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", TOLD_ONCE)
def test_chunks_without_a_call(name: str, place: str) -> None:
    """Where no call is to keep them, chunks are one answer too, which has one event."""
    items, expected = STREAMS[name]
    told: dict[str, Any] = {"input_tokens": expected.input_tokens, "output_tokens": expected.output_tokens}
    if expected.flags:
        told["usage_flags"] = [*expected.flags]
    with captured() as seen:
        for _ in range(2):
            with PLACES[place]():
                for item in items:
                    record_usage(item)
        assert [facts(event) for event in seen.events if not event.get("usage_duplicate")][:1] == [told]
        assert len(seen.events) == 2


def test_chunks_of_an_answer_that_is_not_read_to_its_end() -> None:
    """It has an event without usage as soon as another begins, or with the end of its task or thread."""
    begun = [chat(None), chat(None)]
    other = [{**item, "id": "c2"} for item in STREAMS["openai chat: a last chunk without choices"][0]]
    with captured() as seen:
        copy_context().run(record_all, begun)
        assert [facts(event) for event in seen.events] == [{"usage_incomplete": True}]
        for item in [*begun, *other]:
            record_usage(item)
        unread, read = seen.events[1:]
        assert facts(unread) == {"usage_incomplete": True}
        assert facts(read) == {"input_tokens": 20, "output_tokens": 4}


@pytest.mark.parametrize(
    "whole",
    [
        {"id": "a", "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": CHAT_USAGE},
        {"type": "message", "usage": {"input_tokens": 1, "output_tokens": 2}},
        {"object": "response", "status": "completed", "usage": {"input_tokens": 1, "output_tokens": 2}},
        {"model": "llama3", "done": True, "eval_count": 3},
        {"output": {"message": {}}, "usage": {"inputTokens": 1}, "metrics": {}},
        gemini(3, "STOP"),
        json.dumps({"usage": CHAT_USAGE}),
        b"{}",
        None,
        3,
    ],
)
def test_a_whole_answer_is_no_piece(whole: Any) -> None:
    """Answers that come in one piece are taken as such."""
    assert not is_piece(whole)
