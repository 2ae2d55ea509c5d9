"""Results that hold the usage of several requests: by model, or by message."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from pepperpy_obs import costed, usage
from pepperpy_obs.testing import captured
from tests.usage.test_answers import as_objects

PRICE = Decimal("0.00021")
"""Of one request of gpt-4o-mini."""


def used(requests: int) -> dict[str, Any]:
    """Return what so many requests used, as a chat spells it."""
    return {
        "prompt_tokens": 1000 * requests,
        "completion_tokens": 100 * requests,
        "total_tokens": 1100 * requests,
        "prompt_tokens_details": None,
    }


def as_tokens(requests: int) -> dict[str, Any]:
    """Return the same as LangChain spells it."""
    return {"input_tokens": 1000 * requests, "output_tokens": 100 * requests, "total_tokens": 1100 * requests}


class Prediction:
    """Answers to the names of its fields, as a prediction of DSPy does, and keeps its usage apart."""

    def __init__(self, lm_usage: Any) -> None:
        self._store = {"answer": "hi"}
        self._lm_usage = lm_usage

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("_store", {}):
            return self._store[name]
        raise AttributeError(name)


def told(answer: object, **asked: str) -> dict[str, Any] | None:
    """Return the event fields that an answer gives."""
    found = usage.capture(answer)
    return None if found is None else usage.usage_fields(found, **asked)


ONE: dict[str, Any] = {
    "input_tokens": 2000,
    "output_tokens": 200,
    "provider": "openai",
    "model": "gpt-4o-mini",
    "response_model": "gpt-4o-mini",
    "usage_aggregate": True,
}


@pytest.mark.parametrize("spell", [used, as_tokens])
@pytest.mark.parametrize("hold", [lambda by_model: by_model, Prediction])
def test_what_each_model_used(spell: Callable[[int], Any], hold: Callable[[Any], Any]) -> None:
    """One model's usage is a total of an unknown number of requests, that of several has an entry for each."""
    assert told(hold({"gpt-4o-mini": spell(2)})) == ONE
    both = told(hold({"gpt-4o-mini": spell(2), "cached": {}, "claude-haiku-4-5": spell(1)}))
    assert both is not None
    assert (both["input_tokens"], both["output_tokens"], both["usage_aggregate"]) == (3000, 300, True)
    assert "requests" not in both
    assert [(entry["model"], entry["provider"], entry["input_tokens"]) for entry in both["usage_entries"]] == [
        ("gpt-4o-mini", "openai", 2000),
        ("claude-haiku-4-5", "anthropic", 1000),
    ]


class Result(Prediction):
    """One that says so by its method, as DSPy's do."""

    def get_lm_usage(self) -> Any:  # noqa: D102 - its class has it
        return self._lm_usage


def test_a_result_at_the_end_of_a_stream() -> None:
    """It has what all requests of the stream used, of which pieces came before; two results have both."""
    piece = {"id": None, "model": "gpt-4o-mini", "choices": [{"index": 0, "delta": {"content": "hi"}}]}
    stream = usage.Stream()
    for item in (piece, piece, Result({"gpt-4o-mini": used(2)})):
        stream.feed(item)
    found = stream.captured()
    assert found is not None
    assert usage.usage_fields(found) == ONE
    stream.feed(Result({"gpt-4o-mini": used(1)}))
    found = stream.captured()
    assert found is not None
    assert (usage.usage_fields(found) or {})["input_tokens"] == 3000


def test_dicts_of_something_else_are_left_alone() -> None:
    """Only if all values are usage is a dict one by model: others are somebody's data."""
    others: list[Any] = [
        {},
        {"gpt-4o": {}},
        {"a": {"prompt_tokens": 1}, "b": 2},
        {"a": {"prompt_tokens": 1}, "b": {"x": 1}},
        {1: {"prompt_tokens": 1}},
        {"a": {"usage": used(1)}},
        {str(n): used(1) for n in range(100)},
        Prediction(None),
    ]
    for other in others:
        assert told(other) is None, other


MESSAGES: list[dict[str, Any]] = [
    {"id": "f1", "source": "user", "content": "hi", "models_usage": None},
    {"id": "f2", "source": "a", "content": "x", "models_usage": {"prompt_tokens": 100, "completion_tokens": 10}},
    {"id": "f3", "source": "b", "content": "y", "models_usage": {"prompt_tokens": 200, "completion_tokens": 20}},
]
RUN: dict[str, Any] = {
    "input_tokens": 300,
    "output_tokens": 30,
    "provider": "openai",
    "model": "gpt-4o",
    "usage_aggregate": True,
    "usage_entries": [
        {"input_tokens": 100, "output_tokens": 10, "provider": "openai", "model": "gpt-4o"},
        {"input_tokens": 200, "output_tokens": 20, "provider": "openai", "model": "gpt-4o"},
    ],
}


@pytest.mark.parametrize("make", [dict, SimpleNamespace])
def test_messages_of_autogen(make: Callable[..., Any]) -> None:
    """The result of a run, a reply with the messages before it, and one message: their ids are no provider's."""
    asked = {"provider": "openai", "model": "gpt-4o"}
    result = as_objects({"messages": MESSAGES, "stop_reason": "done"}, make)
    assert told(result, **asked) == {**RUN, "requests": 2}
    reply = as_objects({"chat_message": MESSAGES[2], "inner_messages": MESSAGES[:2]}, make)
    assert told(reply, **asked) == RUN
    assert told(as_objects(MESSAGES[1], make), **asked) == {**RUN["usage_entries"][0], "usage_aggregate": True}


def test_all_attempts_at_an_answer() -> None:
    """What instructor has parsed keeps the last answer alone, and beside it the total of all attempts."""
    answer = {"id": "answer-1", "model": "gpt-4o-mini", "usage": used(1)}
    parsed = SimpleNamespace(name="x", _raw_response=answer, _total_usage=used(2))
    assert told(parsed) == ONE
    once = SimpleNamespace(name="x", _raw_response=answer, _total_usage=used(1))
    odd = SimpleNamespace(name="x", _raw_response=answer, _total_usage={"prompt_tokens": "many"})
    for each in (once, odd, SimpleNamespace(_raw_response=answer)):
        assert told(each) == told(answer)


RESULTS: dict[str, Any] = {
    "by model": {"gpt-4o-mini": used(2)},
    "by models": {"gpt-4o-mini": used(2), "gpt-4o": used(1)},
    "by message": {"messages": [{"id": "f", "models_usage": used(1)}] * 2},
}


@pytest.mark.parametrize("name", RESULTS)
def test_requests_that_were_counted_below_are_not_counted_again(name: str) -> None:
    """A result that tells again what the calls below it have told costs nothing; alone it costs what they would."""
    models = ["gpt-4o-mini", "gpt-4o-mini", *(["gpt-4o"] if name == "by models" else [])]

    @costed(operation="ask", provider="openai")
    def ask(number: int) -> dict[str, Any]:
        return {"id": f"{name}-{number}", "model": models[number], "usage": used(1)}

    @costed(operation="run", provider="openai", model="gpt-4o-mini")
    def run(*, asks: bool) -> Any:
        for number in range(len(models) if asks else 0):
            ask(number)
        return RESULTS[name]

    with captured() as seen:
        run(asks=True)
        spent = seen.stats.cost.total_cost
        duplicate = seen.events[-1].get("usage_duplicate")
    with captured() as seen:
        run(asks=False)
        alone = seen.stats.cost.total_cost

    assert duplicate is True
    assert spent == alone == 2 * PRICE + (Decimal("0.0035") if name == "by models" else 0)


def test_a_stream_of_a_run_whose_answers_have_no_ids() -> None:
    """openai-agents gives each answer of a chat the same id that is none, and says where each begins."""
    response = {"id": "__fake_id__", "object": "response", "model": "gpt-4o-mini"}
    stream = usage.Stream()
    for _ in range(3):
        for kind, more in (("response.created", {}), ("response.completed", {"usage": as_tokens(1)})):
            event = {"type": kind, "response": {**response, **more}}
            stream.feed(SimpleNamespace(type="raw_response_event", data=as_objects(event, SimpleNamespace)))
    found = stream.captured()
    assert found is not None
    fields = usage.usage_fields(found)
    assert fields is not None
    assert (fields["input_tokens"], fields["output_tokens"], fields["requests"]) == (3000, 300, 3)
    assert "usage_incomplete" not in fields
