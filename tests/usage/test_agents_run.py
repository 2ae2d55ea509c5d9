from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace as Thing
from typing import Any

import pytest

from pepperpy_obs.usage import capture, read


def agent(name: str, model: Any, *tools: Any) -> Any:
    """Return an agent; tools may be agents, which are called by their names."""
    known = [Thing(name=tool.name, _agent_instance=tool) if hasattr(tool, "model") else tool for tool in tools]
    return Thing(name=name, model=model, tools=known, handoffs=[])


def usage(read_: int, written: int) -> Any:
    """Return the usage of one request."""
    return Thing(requests=1, input_tokens=read_, output_tokens=written, request_usage_entries=[])


class Run:
    """A run as the OpenAI Agents SDK gives it: `answers` are an agent, its tokens, its id and the tools it calls."""

    def __init__(
        self, answers: Sequence[tuple[Any, tuple[int, int], str | None, list[str]]], entries: list[Any]
    ) -> None:
        self.raw_responses: list[Any] = []
        self.new_items: list[Any] = []
        for who, tokens, told, calls in answers:
            output = [Thing(type="function_call", name=name) for name in calls] or [Thing(type="message")]
            self.raw_responses.append(Thing(output=output, usage=usage(*tokens), response_id=told))
            self.new_items += [Thing(agent=who, raw_item=item) for item in output]
        read_, written = sum(each[0] for each in entries), sum(each[1] for each in entries)
        total = usage(read_, written)
        total.requests, total.request_usage_entries = len(entries), [usage(*each) for each in entries]
        self.context_wrapper = Thing(usage=total)


def named(run: Run, model: str | None = None) -> list[tuple[str | None, str | None]]:
    """Return the id and the model of each request."""
    captured = capture(run)
    assert captured is not None
    found = read(captured, model=model)
    assert found is not None
    return [(entry.response_id, entry.model) for entry in found.entries]


def test_agents_that_hand_over() -> None:
    """Each request has its own id, and the model of the agent that made it, whatever the caller says was asked."""
    first, second = agent("first", Thing(model="gpt-4.1")), agent("second", "litellm/anthropic/claude-haiku-4-5")
    run = Run([(first, (10, 1), "resp_1", ["transfer"]), (second, (20, 2), "resp_2", [])], [(10, 1), (20, 2)])
    assert named(run, "gpt-5") == [("resp_1", "gpt-4.1"), ("resp_2", "anthropic/claude-haiku-4-5")]


def test_an_agent_that_is_called_as_a_tool() -> None:
    """Its requests are among the entries, and it is known which model they asked."""
    helper = agent("helper", "gpt-4.1-nano")
    main = agent("main", "gpt-4.1", helper)
    answers = [(main, (10, 1), "resp_1", ["helper"]), (main, (30, 3), "resp_2", [])]
    run = Run(answers, [(10, 1), (5, 1), (6, 1), (30, 3)])
    assert named(run) == [("resp_1", "gpt-4.1"), (None, "gpt-4.1-nano"), (None, "gpt-4.1-nano"), ("resp_2", "gpt-4.1")]


@pytest.mark.parametrize("calls, model", [(["one"], "gpt-4.1-nano"), (["one", "two"], "unknown")])
def test_helpers_of_different_models(calls: list[str], model: str) -> None:
    """Which of several made a request is not known, and so it has no model that has a price."""
    main = agent("main", "gpt-4.1", agent("one", "gpt-4.1-nano"), agent("two", "gpt-4.1-mini"))
    answers = [(main, (10, 1), "resp_1", calls), (main, (30, 3), "resp_2", [])]
    assert named(Run(answers, [(10, 1), (5, 1), (30, 3)]))[1] == (None, model)


def test_an_agent_without_a_model_of_its_own() -> None:
    """Its model is the one that the caller says was asked for; a model that the answer names is better."""
    main = agent("main", None)
    run = Run([(main, (10, 1), "resp_1", ["look"]), (main, (20, 2), None, [])], [(10, 1), (20, 2)])
    run.raw_responses[1].output[0].provider_data = {"model": "gpt-4o", "response_id": "chatcmpl-2"}
    assert named(run, "gpt-4.1") == [("resp_1", "gpt-4.1"), ("chatcmpl-2", "gpt-4o")]


def test_a_run_that_says_less() -> None:
    """Entries without responses keep what they have."""
    run = Run([], [(10, 1), (20, 2)])
    assert named(run, "gpt-4.1") == [(None, "gpt-4.1"), (None, "gpt-4.1")]


def test_requests_without_an_entry_are_one_more() -> None:
    """Those of a run within the run may be in its total only; then it is flagged how much that is."""
    captured = capture({
        "requests": 4, "input_tokens": 100, "output_tokens": 10, "total_tokens": 110,
        "request_usage_entries": [{"input_tokens": 30, "output_tokens": 1}, {"input_tokens": 20, "output_tokens": 2}],
    })  # fmt: skip
    assert captured is not None
    found = read(captured, model="gpt-4o")
    assert found is not None
    assert [(each.input_tokens, each.output_tokens, each.requests) for each in found.entries] == [
        (30, 1, None),
        (20, 2, None),
        (50, 7, 2),
    ]
    assert found.flags == ("entries: -50 input, -7 output tokens beyond the total",)


def test_ids_that_all_chat_completions_share() -> None:
    """The SDK's stand-in for an id names no answer: two requests that are alike stay two."""
    main = agent("main", "gpt-4.1")
    answers = [(main, (10, 1), "__fake_id__", ["look"]), (main, (10, 1), "__fake_id__", [])]
    assert named(Run(answers, [(10, 1), (10, 1)])) == [(None, "gpt-4.1"), (None, "gpt-4.1")]
