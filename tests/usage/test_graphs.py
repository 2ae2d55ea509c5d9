"""What a graph streams, in all of its modes: each reply of a model counts once, those of earlier runs do not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pepperpy_obs import usage
from tests.usage.streams import Items, merged

Message = dict[str, Any]


def human(number: int) -> Message:
    """Return a question."""
    return {"type": "human", "id": f"h{number}", "content": "?", "usage_metadata": None}


def tool(number: int) -> Message:
    """Return the result of a tool."""
    return {"type": "tool", "id": f"t{number}", "content": "42", "tool_call_id": "c"}


def reply(number: int, read: int, model: str = "gpt-4o") -> Message:
    """Return a whole reply of a model."""
    told = {"input_tokens": read, "output_tokens": 3, "total_tokens": read + 3}
    return {
        "type": "ai",
        "id": f"lc_run--{number}",
        "usage_metadata": told,
        "response_metadata": {"model_name": model, "finish_reason": "stop"},
    }


def pieces(number: int, read: int, model: str = "gpt-4o") -> list[Message]:
    """Return the same reply in pieces: the model's name comes before the usage, in pieces of their own."""
    whole = reply(number, read, model)
    empty = {"type": "AIMessageChunk", "id": whole["id"], "usage_metadata": None, "response_metadata": {}}
    return [
        empty,
        {**empty, "response_metadata": whole["response_metadata"]},
        {**empty, "usage_metadata": whole["usage_metadata"]},
    ]


def states(*messages: Message, given: int = 1) -> list[dict[str, Any]]:
    """Return the states of a graph: first what it was given, then with one message more each time."""
    return [{"messages": list(messages[:end])} for end in range(given, len(messages) + 1)]


META = {"langgraph_node": "agent", "langgraph_step": 1}
CHUNKS = [(piece, META) for piece in [*pieces(1, 100), *pieces(2, 200)]]
EVENTS: Items = [
    {"event": "on_chain_start", "run_id": "r", "data": {"input": {"messages": [human(1)]}}},
    *({"event": "on_chat_model_stream", "run_id": "1", "data": {"chunk": piece}} for piece in pieces(1, 100)),
    {"event": "on_chat_model_end", "run_id": "1", "data": {"output": reply(1, 100)}},
    {"event": "on_tool_end", "run_id": "t", "data": {"output": tool(1)}},
    {"event": "on_chat_model_end", "run_id": "2", "data": {"output": reply(2, 200)}},
    {
        "event": "on_chain_end",
        "run_id": "r",
        "data": {"output": {"messages": [human(1), reply(1, 100), reply(2, 200)]}},
    },
]
UPDATES: Items = [
    {"agent": {"messages": [reply(1, 100)]}},
    {"tools": {"messages": [tool(1)]}, "memory": None},
    {"agent": [{"messages": reply(2, 200)}, {"steps": 2}]},
]
VALUES: Items = states(human(1), reply(1, 100), tool(1), reply(2, 200))
STREAMED: dict[str, Items] = {
    "values": VALUES,
    "values of objects": [SimpleNamespace(**state) for state in VALUES],
    "updates": UPDATES,
    "messages": CHUNKS,
    "events": EVENTS,
    "pieces of a model": [*pieces(1, 100), *pieces(2, 200)],
    "whole messages": [reply(1, 100), reply(2, 200)],
    "two at once": [pair for both in zip(pieces(1, 100), pieces(2, 200), strict=True) for pair in both],
    "with the mode's name": [("values", VALUES[0]), *(("updates", item) for item in UPDATES), ("values", VALUES[-1])],
    "messages by mode": [("messages", item) for item in CHUNKS],
    "with subgraphs": [*(((), item) for item in UPDATES), (("agent:1",), {"model": {"messages": [reply(2, 200)]}})],
    "with subgraphs and modes": [(("agent:1",), "messages", item) for item in CHUNKS],
    "parts": [{"type": "updates", "ns": (), "data": item} for item in UPDATES],
    "all ways at once": [*CHUNKS, *UPDATES, *EVENTS, *VALUES],
}


@pytest.mark.parametrize("way", STREAMED)
def test_each_reply_counts_once(way: str) -> None:
    """Two replies are two requests of their model, by whichever way their messages come."""
    found = merged(STREAMED[way])
    assert found is not None
    assert (found.input_tokens, found.output_tokens, found.requests, found.incomplete) == (300, 6, 2, False)
    assert [(each.response_id, each.model, each.input_tokens) for each in found.entries] == [
        ("lc_run--1", "gpt-4o", 100),
        ("lc_run--2", "gpt-4o", 200),
    ]


def test_earlier_runs_do_not_count() -> None:
    """What the first state holds before its last question belongs to a run before."""
    found = merged(states(human(1), reply(1, 100), human(2), reply(2, 200), given=3))
    assert found is not None
    assert (found.input_tokens, found.response_id, found.aggregate) == (200, "lc_run--2", True)


def test_questions_of_the_graph_itself() -> None:
    """A graph that reflects asks itself: all that comes after the first state is of this run."""
    found = merged(states(human(1), reply(1, 100), human(2), reply(2, 200), human(3), reply(3, 300)))
    assert found is not None
    assert found.input_tokens == 600


def test_only_the_last_state() -> None:
    """Of a single state the replies to its last question count, as they do of a result."""
    found = merged(states(human(1), reply(1, 100), human(2), reply(2, 200), given=4))
    assert found is not None
    assert found.input_tokens == 200


def test_a_reply_without_usage() -> None:
    """A reply of a model that tells no usage makes the run incomplete; one that the application wrote does not."""
    silent = {**reply(2, 200), "usage_metadata": None}
    found = merged(states(human(1), reply(1, 100), silent))
    assert found is not None
    assert (found.input_tokens, found.incomplete) == (100, True)
    found = merged(states(human(1), reply(1, 100), {**silent, "response_metadata": {}}))
    assert found is not None
    assert (found.input_tokens, found.incomplete) == (100, False)


def test_messages_without_ids() -> None:
    """They are known by their place in the conversation."""
    messages = [{key: value for key, value in each.items() if key != "id"} for each in VALUES[-1]["messages"]]
    found = merged(states(*messages))
    assert found is not None
    assert (found.input_tokens, found.requests) == (300, 2)


@pytest.mark.parametrize(
    "item", [("a", {"x": 1}), {"messages": [1, "x"]}, {"event": "on_x", "data": 1}, (1, 2), ("values", 3)]
)
def test_what_only_looks_like_it(item: Any) -> None:
    """Pairs, states and events of something else say nothing."""
    stream = usage.Stream()
    stream.feed(item)
    assert stream.captured() is None
