"""What was no request is not counted as one, and costs nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs import costed
from pepperpy_obs.testing import captured

PRICE = Decimal("0.00021")
USED = {"prompt_tokens": 1000, "completion_tokens": 100}


def message(told: str, **usage: Any) -> dict[str, Any]:
    """Return an answer as LangChain has it."""
    return {
        "type": "ai",
        "usage_metadata": {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100, **usage},
        "response_metadata": {"id": told, "model_name": "gpt-4o-mini"},
    }


@pytest.mark.parametrize(
    "answer, again",
    [
        (message("1"), message("1", total_cost=0)),
        (message("1"), message("2", total_cost=0)),
        ({"usage": USED, "cached": False}, {"usage": USED, "cached": True}),
        (
            {"usage": USED, "_hidden_params": {"cache_hit": None}},
            {"usage": USED, "_hidden_params": {"cache_hit": True}},
        ),
    ],
    ids=["langchain", "langchain, another id", "autogen", "litellm"],
)
def test_an_answer_of_a_librarys_own_cache(answer: dict[str, Any], again: dict[str, Any]) -> None:
    """The answer says so itself; what it would have cost is saved."""
    ask = costed(operation="ask", provider="openai", model="gpt-4o-mini")(lambda given: given)
    with captured() as seen:
        ask(answer)
        ask(again)
        cost, usage = seen.stats.cost, seen.stats.usage

    assert (cost.total_cost, cost.cached_calls, cost.savings_by_cause) == (PRICE, 1, {"local_cache": PRICE})
    assert (usage.request_volume, usage.total_tokens) == (1, 1100)
    assert seen.stats.cache.caches == {}


def test_a_conversation_in_which_some_answers_came_from_the_cache() -> None:
    """Only the others are counted."""
    state = {"messages": [{"type": "human"}, message("1"), message("2", total_cost=0), message("3")]}
    run = costed(operation="run", provider="openai")(lambda: state)
    with captured() as seen:
        run()
        event, cost = seen.event, seen.stats.cost

    assert (event["input_tokens"], event["requests"], event["requests_before"]) == (2000, 2, 1)
    assert cost.total_cost == 2 * PRICE


@pytest.mark.parametrize("kind", ["response", "thread.run"])
def test_an_answer_that_is_asked_for_until_it_is_done(kind: str) -> None:
    """It is one request, that of the event which has its usage; until then nothing is missing."""

    @costed(operation="poll", provider="openai")
    def poll(status: str) -> dict[str, Any]:
        usage = {"input_tokens": 1000, "output_tokens": 100} if status == "completed" else None
        return {"id": "resp_1", "object": kind, "status": status, "model": "gpt-4o-mini", "usage": usage}

    with captured() as seen:
        for status in ("queued", "in_progress", "in_progress", "completed", "completed"):
            poll(status)
        cost, usage = seen.stats.cost, seen.stats.usage

    assert (usage.request_volume, usage.total_tokens, cost.calls_without_usage) == (1, 1100, 0)
    assert (cost.total_cost, cost.unpriced_calls) == (PRICE, 0)
    assert [event.get("response_id") for event in seen.events] == ["resp_1"] * 5
    assert [event.get("usage_duplicate") for event in seen.events] == [True, True, True, None, True]


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_an_answer_that_never_comes(status: str) -> None:
    """What a failed response used is unknown, not nothing."""
    poll = costed(operation="poll", provider="openai")(
        lambda: {"id": "resp_1", "object": "response", "status": status, "model": "gpt-4o-mini", "usage": None}
    )
    with captured() as seen:
        poll()
        assert (seen.stats.usage.request_volume, seen.stats.cost.calls_without_usage) == (1, 1)


def test_a_total_that_tells_nothing_yet() -> None:
    """A run that goes on after it was returned is missing, not free; one that has told a part is incomplete."""
    totals: list[dict[str, Any]] = [
        {"requests": requests, "input_tokens": 1000 * requests, "output_tokens": 0, "request_usage_entries": []}
        for requests in (0, 1)
    ]
    run = costed(operation="run", provider="openai", model="gpt-4o-mini")(
        lambda total: {"context_wrapper": {"usage": total}, "is_complete": False}
    )
    with captured() as seen:
        run(totals[0])
        assert (seen.stats.cost.priced_calls, seen.stats.cost.calls_without_usage) == (0, 1)
    with captured() as seen:
        run(totals[1])
        assert (seen.event["input_tokens"], seen.event["usage_incomplete"]) == (1000, True)
