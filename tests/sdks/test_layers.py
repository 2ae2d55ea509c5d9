# mypy: ignore-errors
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false
"""Two layers at once: a decorated function around a framework, and the hook of the client below. Each request once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pepperpy_obs import costed, instrument, uninstrument
from pepperpy_obs.testing import assert_requests_at_most, captured
from tests.sdks.bodies import CHAT, CHUNKS, EVENTS, MESSAGE
from tests.sdks.test_usage import (
    ASKS,
    QUESTION,
    Server,
    anthropic,
    openai,
    read,
    run_of_langchain,
    run_of_openai_agents,
    run_of_pydantic_ai,
    server,
    watched,
)

__all__ = ["server"]

COUNTED = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


@pytest.fixture(autouse=True)
def _hooked() -> Iterator[None]:
    instrument()
    yield
    uninstrument()


def totals(calls: Any) -> dict[str, int]:
    """Return the sums of the events that say that they count."""
    counted = [event for event in calls.events if not event.get("usage_duplicate")]
    return {name: sum(event.get(name) or 0 for event in counted) for name in COUNTED}


def times(fields: dict[str, Any], requests: int) -> dict[str, int]:
    return {name: requests * (fields.get(name) or 0) for name in COUNTED}


def langchain(url: str) -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model="gpt-4o", base_url=f"{url}/v1", api_key="k", max_retries=0, stream_usage=True)


def langchain_anthropic(url: str) -> Any:
    from langchain_anthropic import ChatAnthropic

    return ChatAnthropic(model="claude-sonnet-5", base_url=url, api_key="k", max_retries=0)


async def collected(stream: Any) -> list[Any]:
    return [item async for item in stream]


def litellm_stream(url: str) -> list[Any]:
    import litellm

    asked = {"model": "openai/gpt-4o", "messages": QUESTION, "api_base": f"{url}/v1", "api_key": "k"}
    return list(litellm.completion(**asked, stream=True, stream_options={"include_usage": True}))


def fresh(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {**body, "id": f"{body['id']}-{name}"}


@pytest.mark.parametrize("run", [run_of_pydantic_ai, run_of_openai_agents, run_of_langchain])
def test_a_run_of_a_framework(run: Callable[[str], Any], server: Server) -> None:
    """Two requests of a run, seen by the client's hook and told again by the framework's result, are two."""
    server.answer(fresh(ASKS, run.__name__), fresh(CHAT, run.__name__))
    with captured() as calls:
        costed(run)(server.url)
    assert totals(calls) == times(read(CHAT), 2)
    assert_requests_at_most(calls, 2)


ANSWERS: dict[str, tuple[Callable[[str], Any], dict[str, Any]]] = {
    "openai": (lambda url: openai(url).chat.completions.create(model="gpt-4o", messages=QUESTION), CHAT),
    "anthropic": (
        lambda url: anthropic(url).messages.create(model="claude-sonnet-5", messages=QUESTION, max_tokens=9),
        MESSAGE,
    ),
    "langchain": (lambda url: langchain(url).invoke("Hello?"), CHAT),
    "langchain async": (lambda url: asyncio.run(langchain(url).ainvoke("Hello?")), CHAT),
    "langchain anthropic": (lambda url: langchain_anthropic(url).invoke("Hello?"), MESSAGE),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer(name: str, server: Server) -> None:
    """A decorated function that returns what a framework made of the answer counts nothing again."""
    call, body = ANSWERS[name]
    server.answer(fresh(body, f"layer {name}"))
    with captured() as calls:
        costed(call)(server.url)
    assert totals(calls) == times(read(body), 1)
    assert_requests_at_most(calls, 1)


STREAMS: dict[str, tuple[Callable[[str], Any], list[Any]]] = {
    "langchain": (lambda url: langchain(url).stream("Hello?"), CHUNKS),
    "langchain anthropic": (lambda url: langchain_anthropic(url).stream("Hello?"), EVENTS),
    "litellm": (litellm_stream, CHUNKS),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream(name: str, server: Server) -> None:
    """A decorated generator over a framework's stream counts nothing again."""
    call, items = STREAMS[name]
    server.stream(items)

    @costed
    def told() -> Iterator[Any]:
        yield from call(server.url)

    with captured() as calls:
        list(told())
    assert totals(calls) == times(watched(items), 1)
    assert_requests_at_most(calls, 1)


def test_agents_and_tools_of_frameworks(server: Server) -> None:
    """A run is one tree: the agent by its name, its requests below it, each counted once and credited to it."""
    server.answer(fresh(ASKS, "tree"), fresh(CHAT, "tree"))
    with captured() as calls:
        run_of_openai_agents(server.url)
    *requests, agent = calls.events
    assert (agent["operation"], agent["kind"], agent["usage_duplicate"]) == ("a", "agent", True)
    told = [(event["operation"], event["agent"], event["parent_span_id"]) for event in requests]
    assert told == [("openai.chat.completions", "a", agent["span_id"])] * 2
    assert totals(calls) == times(read(CHAT), 2)


def test_an_agent_of_pydantic_ai(server: Server) -> None:
    """Its run is the caller of its requests, and counts nothing again."""
    server.answer(fresh(ASKS, "pydantic tree"), fresh(CHAT, "pydantic tree"))
    with captured() as calls:
        run_of_pydantic_ai(server.url)
    agent = calls.events[-1]
    assert agent["kind"] == "agent"
    assert {event["parent_span_id"] for event in calls.events[:-1]} == {agent["span_id"]}
    assert totals(calls) == times(read(CHAT), 2)


def test_tools_of_langchain() -> None:
    """A tool is a call under its name; it asks no model."""
    from langchain_core.tools import tool

    @tool
    def look(place: str) -> str:
        """Look."""
        return place

    with captured() as calls:
        assert look.invoke({"place": "here"}) == "here"
        assert asyncio.run(look.ainvoke({"place": "there"})) == "there"
    told = [(event["operation"], event["kind"], event["outcome"]) for event in calls.events]
    assert told == [("look", "tool", "ok")] * 2


def test_tools_of_mcp() -> None:
    """A tool that a client's session calls is a call under its name."""
    from mcp.client.session import ClientSession

    async def call() -> None:
        await ClientSession.call_tool(object(), "look", {})

    with captured() as calls, pytest.raises(AttributeError):
        asyncio.run(call())
    assert [(event["operation"], event["kind"], event["outcome"]) for event in calls.events] == [
        ("look", "tool", "error")
    ]
