"""The state of a graph holds the whole conversation; the requests of this call are counted, or it is flagged."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

from pepperpy_obs import costed
from pepperpy_obs.testing import captured

PRICE = Decimal("0.00021")
HUMAN = {"type": "human", "content": "a question"}


def answer(told: str, age: float | None = None) -> dict[str, Any]:
    """Return an answer as LangChain has it, whose own id tells since when it is there, in seconds, if that is given."""
    made = None if age is None else f"{round((time.time() - age) * 1000):012x}"
    return {
        "type": "ai",
        "id": None if made is None else f"lc_run--{made[:8]}-{made[8:]}-7735-820f-55636a09212c",
        "usage_metadata": {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100},
        "response_metadata": {"id": told, "model_name": "gpt-4o-mini"},
    }


@costed(operation="run", provider="openai")
def run(*messages: Any) -> dict[str, Any]:
    """Return the state; a message that is a function is made now."""
    return {"messages": [each() if callable(each) else each for each in messages]}


def test_a_graph_that_asks_itself() -> None:
    """Answers between the questions of one run are the run's, as the time in their ids says."""
    with captured() as seen:
        run(HUMAN, lambda: answer("1", 0), HUMAN, lambda: answer("2", 0), HUMAN, lambda: answer("3", 0))
        event, cost = seen.event, seen.stats.cost

    assert (event["input_tokens"], event["output_tokens"], event["requests"]) == (3000, 300, 3)
    assert [entry["response_id"] for entry in event["usage_entries"]] == ["1", "2", "3"]
    assert (cost.total_cost, "usage_flags" in event, "response_id" in event) == (3 * PRICE, False, False)


def test_a_question_at_the_end() -> None:
    """A graph may end with a question to itself: the answers before it count all the same."""
    with captured() as seen:
        run(HUMAN, lambda: answer("1", 0), HUMAN)
        assert (seen.stats.usage.total_tokens, seen.stats.cost.total_cost) == (1100, PRICE)
        assert "usage_flags" not in seen.event


def test_a_conversation_that_goes_on() -> None:
    """What earlier calls have counted, here or in another process, is not counted again."""
    with captured() as seen:
        run(HUMAN, answer("1"))
        run(HUMAN, answer("1"), HUMAN, answer("2"))
        run(HUMAN, answer("0", age=60), HUMAN, answer("1"), HUMAN, answer("2"), HUMAN, answer("3"))
        events, usage = seen.events, seen.stats.usage

    assert (usage.total_tokens, usage.odd_usage_calls) == (3300, 0)
    assert [event["response_id"] for event in events] == ["1", "2", "3"]


def test_answers_of_which_it_is_not_known_when_they_were_made() -> None:
    """They may be of another process, so they are not counted, and the event says how many there are."""
    with captured() as seen:
        run(HUMAN, answer("1"), answer("2"), HUMAN, answer("3"))
        event = seen.event

    assert event["input_tokens"] == 1000
    assert event["usage_flags"] == ["messages: 2 before the last question not counted, may be of earlier calls"]


def test_answers_that_calls_below_have_counted() -> None:
    """With its requests instrumented, a graph has nothing to flag and nothing to add."""
    ask = costed(operation="ask", provider="openai")(answer)
    with captured() as seen:
        run(HUMAN, lambda: ask("1"), HUMAN, lambda: ask("2", 0), HUMAN, lambda: answer("3", 0))
        event, usage = seen.events[-1], seen.stats.usage

    assert usage.total_tokens == 3300
    assert (event["input_tokens"], event.get("requests_before"), "usage_flags" in event) == (1000, 1, False)
