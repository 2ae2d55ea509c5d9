# mypy: ignore-errors
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
"""The SDKs themselves, hooked with one line, in all the ways in which their users ask and read."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pepperpy_obs import costed, instrument, uninstrument
from pepperpy_obs.testing import captured
from tests.sdks.bodies import CHAT, CHUNKS, EVENTS, MESSAGE, RESPONSE
from tests.sdks.test_usage import CALLS, QUESTION, STREAMS, Server, anthropic, asked, openai, read, server, watched

__all__ = ["server"]

CLAUDE = {"model": "claude-sonnet-5", "messages": QUESTION, "max_tokens": 9}
COMPLETED = [
    {"type": "response.created", "sequence_number": 0, "response": {**RESPONSE, "usage": None}},
    {"type": "response.completed", "sequence_number": 1, "response": RESPONSE},
]
IN_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")


@pytest.fixture(autouse=True)
def _hooked() -> Iterator[None]:
    instrument()
    yield
    uninstrument()


def tokens(fields: Any) -> dict[str, Any]:
    return {name: fields[name] for name in IN_TOKENS if fields.get(name)}


def async_openai(url: str) -> Any:
    import openai

    return openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0)


def async_anthropic(url: str) -> Any:
    import anthropic

    return anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0)


def drained(stream: Any) -> None:
    for _ in stream:
        pass


async def adrained(stream: Any) -> None:
    async for _ in stream:
        pass


def with_response(manager: Any, *, stream: bool = False) -> None:
    with manager as response:
        answer = response.parse()
        if stream:
            drained(answer)


def helped(manager: Any) -> None:
    with manager as stream:
        drained(stream)


async def ahelped(manager: Any) -> None:
    async with manager as stream:
        await adrained(stream)


async def openai_stream(url: str) -> None:
    await adrained(await async_openai(url).chat.completions.create(**asked("gpt-4o", stream=True)))


async def openai_raw_stream(url: str) -> None:
    raw = await async_openai(url).chat.completions.with_raw_response.create(**asked("gpt-4o", stream=True))
    await adrained(raw.parse())


async def anthropic_stream(url: str) -> None:
    await adrained(await async_anthropic(url).messages.create(**CLAUDE, stream=True))


async def aresponse(url: str) -> None:
    async with async_openai(url).chat.completions.with_streaming_response.create(**asked("gpt-4o")) as response:
        await response.parse()


def chat(url: str) -> Any:
    return openai(url).chat.completions


UNARY: dict[str, tuple[Callable[[str], Any], dict[str, Any], str]] = {
    "create": (lambda url: chat(url).create(**asked("gpt-4o")), CHAT, "openai.chat.completions"),
    "parse": (lambda url: chat(url).parse(**asked("gpt-4o")), CHAT, "openai.chat.completions"),
    "async": (
        lambda url: asyncio.run(async_openai(url).chat.completions.create(**asked("gpt-4o"))),
        CHAT,
        "openai.chat.completions",
    ),
    "raw": (
        lambda url: chat(url).with_raw_response.create(**asked("gpt-4o")).parse(),
        CHAT,
        "openai.chat.completions",
    ),
    "streaming response": (
        lambda url: with_response(chat(url).with_streaming_response.create(**asked("gpt-4o"))),
        CHAT,
        "openai.chat.completions",
    ),
    "async streaming response": (lambda url: asyncio.run(aresponse(url)), CHAT, "openai.chat.completions"),
    "responses": (
        lambda url: openai(url).responses.create(model="gpt-4o", input="Hello?"),
        RESPONSE,
        "openai.responses",
    ),
    "responses parse": (
        lambda url: openai(url).responses.parse(model="gpt-4o", input="Hello?"),
        RESPONSE,
        "openai.responses",
    ),
    "embeddings": (
        lambda url: openai(url).embeddings.create(model="gpt-4o", input="Hello?"),
        {
            "object": "list",
            "model": "text-embedding-3-small",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
            "usage": {"prompt_tokens": 5, "total_tokens": 5},
        },
        "openai.embeddings",
    ),
    "messages": (lambda url: anthropic(url).messages.create(**CLAUDE), MESSAGE, "anthropic.messages"),
    "messages async": (
        lambda url: asyncio.run(async_anthropic(url).messages.create(**CLAUDE)),
        MESSAGE,
        "anthropic.messages",
    ),
    "messages beta": (lambda url: anthropic(url).beta.messages.create(**CLAUDE), MESSAGE, "anthropic.messages"),
    "messages raw": (
        lambda url: anthropic(url).messages.with_raw_response.create(**CLAUDE).parse(),
        MESSAGE,
        "anthropic.messages",
    ),
    "messages streaming response": (
        lambda url: with_response(anthropic(url).messages.with_streaming_response.create(**CLAUDE)),
        MESSAGE,
        "anthropic.messages",
    ),
}


@pytest.mark.parametrize("name", UNARY)
def test_a_request(name: str, server: Server) -> None:
    """One event, with the model asked, and the tokens that the provider's body has."""
    call, body, operation = UNARY[name]
    server.answer(body)
    with captured() as calls:
        call(server.url)
    (event,) = calls.events
    model = CLAUDE["model"] if body is MESSAGE else "gpt-4o"
    assert (event["operation"], event["outcome"], event["model"]) == (operation, "ok", model)
    assert tokens(event) == tokens(read(body))
    assert "usage_flags" not in event


STREAMED: dict[str, tuple[Callable[[str], Any], list[Any]]] = {
    "create": (lambda url: drained(chat(url).create(**asked("gpt-4o", stream=True))), CHUNKS),
    "async": (lambda url: asyncio.run(openai_stream(url)), CHUNKS),
    "raw": (lambda url: drained(chat(url).with_raw_response.create(**asked("gpt-4o", stream=True)).parse()), CHUNKS),
    "async raw": (lambda url: asyncio.run(openai_raw_stream(url)), CHUNKS),
    "streaming response": (
        lambda url: with_response(chat(url).with_streaming_response.create(**asked("m", stream=True)), stream=True),
        CHUNKS,
    ),
    "helper": (lambda url: helped(chat(url).stream(**asked("gpt-4o"))), CHUNKS),
    "async helper": (lambda url: asyncio.run(ahelped(async_openai(url).chat.completions.stream(**asked("m")))), CHUNKS),
    "responses": (
        lambda url: drained(openai(url).responses.create(model="gpt-5-mini", input="Hello?", stream=True)),
        COMPLETED,
    ),
    "messages": (lambda url: drained(anthropic(url).messages.create(**CLAUDE, stream=True)), EVENTS),
    "messages async": (lambda url: asyncio.run(anthropic_stream(url)), EVENTS),
    "messages helper": (lambda url: helped(anthropic(url).messages.stream(**CLAUDE)), EVENTS),
    "messages async helper": (lambda url: asyncio.run(ahelped(async_anthropic(url).messages.stream(**CLAUDE))), EVENTS),
    "messages beta helper": (lambda url: helped(anthropic(url).beta.messages.stream(**CLAUDE)), EVENTS),
}


@pytest.mark.parametrize("name", STREAMED)
def test_a_stream(name: str, server: Server) -> None:
    """One event when the stream has been read, with its usage and the time to its first item."""
    call, items = STREAMED[name]
    server.stream(items)
    with captured() as calls:
        call(server.url)
    (event,) = calls.events
    assert (event["outcome"], tokens(event)) == ("ok", tokens(watched(items)))
    assert event["time_to_first_item_seconds"] <= event["duration_seconds"]


def closed_early(stream: Any) -> None:
    next(iter(stream))
    stream.close()


def let_go(stream: Any) -> None:
    next(iter(stream))
    del stream
    gc.collect()


@pytest.mark.parametrize("leave", [closed_early, let_go])
@pytest.mark.parametrize(
    "make, items",
    [
        (lambda url: chat(url).create(**asked("gpt-4o", stream=True)), CHUNKS),
        (lambda url: anthropic(url).messages.create(**CLAUDE, stream=True), EVENTS),
    ],
)
def test_a_stream_that_is_left(make: Callable[[str], Any], items: list[Any], leave: Any, server: Server) -> None:
    """It is one event that says so, and that its usage is incomplete."""
    server.stream(items)
    with captured() as calls:
        leave(make(server.url))
        gc.collect()
    (event,) = calls.events
    assert (event["outcome"], event["usage_incomplete"]) == ("abandoned", True)


@pytest.mark.parametrize("make", [openai, anthropic])
def test_a_request_that_fails(make: Callable[[str], Any], server: Server) -> None:
    """The error is the SDK's own; its event has the model that was asked."""
    client = make("http://127.0.0.1:9")
    with captured() as calls, pytest.raises(Exception, match="Connection error"):
        client.messages.create(**CLAUDE) if make is anthropic else client.chat.completions.create(**asked("gpt-4o"))
    (event,) = calls.events
    model = CLAUDE["model"] if make is anthropic else "gpt-4o"
    assert (event["outcome"], event["error_type"], event["model"]) == ("error", "APIConnectionError", model)


def test_what_asks_no_model(server: Server) -> None:
    """To fetch an answer again and to count tokens are no requests."""
    server.answer({**RESPONSE, "input_tokens": 400})
    with captured() as calls:
        openai(server.url).responses.retrieve("resp_1")
        anthropic(server.url).messages.count_tokens(model="m", messages=QUESTION)
    assert not calls.events


def test_a_decorated_function_above(server: Server) -> None:
    """The request is counted below it, once."""
    server.answer({**CHAT, "id": "above"})

    @costed
    def ask() -> Any:
        return chat(server.url).create(**asked("gpt-4o"))

    with captured() as calls:
        ask()
    assert [bool(event.get("usage_duplicate")) for event in calls.events] == [False, True]
    assert calls.stats.usage.total_calls == 1


OTHERS = [name for name in CALLS if not name.startswith(("openai", "anthropic", "boto3 invoke"))]


@pytest.mark.parametrize("name", OTHERS)
def test_other_clients(name: str, server: Server) -> None:
    """Each is one event with the tokens of the body, a provider and a model."""
    call, body = CALLS[name]
    server.answer(body)
    with captured() as calls:
        call(server.url)
    (event,) = calls.events
    assert (event["outcome"], tokens(event)) == ("ok", tokens(read(body)))
    assert event["provider"]
    assert event["model"]


@pytest.mark.parametrize("name", [name for name in STREAMS if not name.startswith(("openai", "anthropic"))])
def test_streams_of_other_clients(name: str, server: Server) -> None:
    """Each is one event with the tokens of its items."""
    call, items = STREAMS[name]
    server.stream(items)
    with captured() as calls:
        drained(call(server.url))
    (event,) = calls.events
    assert (event["outcome"], tokens(event)) == ("ok", tokens(watched(items)))


@pytest.mark.parametrize("way", ["sync", "async"])
@pytest.mark.parametrize(
    "model, base, body",
    [("openai/gpt-4o", "/v1", {**CHAT, "id": "lite"}), ("anthropic/claude-sonnet-5", "", MESSAGE)],
)
def test_litellm(way: str, model: str, base: str, body: dict[str, Any], server: Server) -> None:
    """Counted once, where OpenAI's client is below it, and where it sends the request itself."""
    import litellm

    litellm.suppress_debug_info = True
    server.answer({**body, "id": f"{body['id']}-{way}"})
    given = {"model": model, "messages": QUESTION, "api_base": server.url + base, "api_key": "k"}
    with captured() as calls:
        litellm.completion(**given) if way == "sync" else asyncio.run(litellm.acompletion(**given))
    counted = [event for event in calls.events if not event.get("usage_duplicate")]
    assert len(counted) == 1
    assert {**tokens(counted[0]), "reasoning_tokens": None} == {**tokens(read(body)), "reasoning_tokens": None}
