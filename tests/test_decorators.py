"""The decorators: facets that compose into one wrapper, options that are checked at once, types that stay."""

import functools
import itertools
import pickle
from decimal import Decimal
from typing import Any

import pytest

import pepperpy_obs
from pepperpy_obs import SetupError, costed, measured, tracked_usage
from pepperpy_obs.testing import captured

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "42"}}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
}


@pytest.mark.parametrize("order", list(itertools.permutations([measured, tracked_usage, costed])))
def test_any_order_makes_one_event_with_all_facets(order: Any) -> None:
    """However the three are stacked, a call leaves one event with duration, tokens and cost."""

    def ask() -> dict[str, Any]:
        return ANSWER

    for decorator in order:
        ask = decorator(ask)

    with captured() as seen:
        assert ask() is ANSWER
        event = seen.event

    facts = (
        "kind",
        "outcome",
        "provider",
        "response_model",
        "input_tokens",
        "output_tokens",
        "cost_usd",
        "cost_source",
    )
    assert {key: event.get(key) for key in facts} == {
        "kind": "llm",
        "outcome": "ok",
        "provider": "openai",
        "response_model": "gpt-4o-2024-08-06",
        "input_tokens": 1000,
        "output_tokens": 100,
        "cost_usd": Decimal("0.0035"),
        "cost_source": "genai-prices",
    }


def test_each_decorator_adds_its_facet_only() -> None:
    """`@measured` reads no usage, and `@tracked_usage` asks no price."""
    with captured() as seen:
        measured(operation="m")(lambda: ANSWER)()
        tracked_usage(operation="t")(lambda: ANSWER)()
        plain, tracked = seen.events

    assert "input_tokens" not in plain
    assert plain["kind"] == "task"
    assert tracked["input_tokens"] == 1000
    assert not {"cost_usd", "cost_source"} & tracked.keys()


def test_stacked_above_and_below_classmethod() -> None:
    """Facets meet through classmethod and staticmethod too."""

    class Client:
        @costed
        @classmethod
        @measured(operation="ask")
        def ask(cls) -> dict[str, Any]:
            return ANSWER

    with captured() as seen:
        Client.ask()

        assert (seen.event["operation"], seen.event["input_tokens"]) == ("ask", 1000)


def test_the_outer_option_wins() -> None:
    """An option given twice is the outermost one's; others are kept."""
    with captured() as seen:
        measured(operation="outer")(measured(operation="inner", kind="tool", attributes={"team": "a"})(lambda: 1))()
        event = seen.event

    assert (event["operation"], event["kind"], event["team"]) == ("outer", "tool", "a")


def test_a_foreign_wrapper_in_between_is_a_call_of_its_own() -> None:
    """functools.wraps copies our mark; around a foreign wrapper there is still a second wrapper."""

    def retry(function: Any) -> Any:
        @functools.wraps(function)
        def twice() -> Any:
            function()
            return function()

        return twice

    with captured() as seen:
        attempt = measured(operation="attempt")(lambda: 1)
        measured(operation="outer")(retry(attempt))()

        assert [event["operation"] for event in seen.events] == ["attempt", "attempt", "outer"]


def test_the_default_operation_is_the_qualified_name() -> None:
    """Functions, methods, partials and callable objects are named by what they are."""

    class Tool:
        def __call__(self) -> int:
            return 1

    with captured() as seen:
        measured(Tool())()
        measured(functools.partial(divmod, 7))(2)

        prefix = "test_the_default_operation_is_the_qualified_name.<locals>."
        assert [event["operation"] for event in seen.events] == [prefix + "Tool", "divmod"]


UNTYPED: Any = pepperpy_obs
"""The same decorators for those who use no type checker."""

MISUSE = [
    (lambda: UNTYPED.measured("name"), r"was put on 'name'.*@measured\(operation=...\)"),
    (lambda: UNTYPED.measured(operaton="x"), "unknown option operaton='x'.*did you mean operation="),
    (lambda: UNTYPED.measured(kind="robot"), "kind='robot'; accepted are agent, llm, tool, task"),
    (lambda: UNTYPED.measured(level="loud"), "level='loud'; accepted are debug, info, warning, error"),
    (lambda: UNTYPED.measured(operation=""), "operation=''; give a text"),
    (lambda: UNTYPED.measured(operation=3), "operation=3; give a text"),
    (lambda: UNTYPED.measured(budget=0.5), "budget=0.5; give US dollars"),
    (lambda: UNTYPED.measured(budget="-1"), "budget='-1'; give US dollars"),
    (lambda: UNTYPED.costed(usage=3), "usage=3; give a function"),
    (lambda: UNTYPED.measured(attributes={"outcome": 1}), "attributes outcome would overwrite"),
    (lambda: UNTYPED.measured(attributes=3), "attributes=3; give a mapping"),
    (lambda: UNTYPED.measured(type("Thing", (), {})), "decorate its methods"),
    (lambda: UNTYPED.measured(property(lambda _: 1)), "below @property"),
    (lambda: UNTYPED.measure("x", kind="robot"), "kind='robot'"),
    (lambda: UNTYPED.measure(""), "give a text that is not empty"),
    (lambda: UNTYPED.agent(""), "give the agent.s name"),
]


@pytest.mark.parametrize("misuse,message", MISUSE)
def test_misuse_is_refused_at_once(misuse: Any, message: str) -> None:
    """A wrong option or target raises SetupError when it is written, saying what is accepted."""
    with pytest.raises(SetupError, match=message):
        misuse()


def test_attributes_are_on_every_event() -> None:
    """Static fields are there, and a call may still add to them."""
    with captured() as seen:
        measured(operation="x", attributes={"team": "search"})(lambda: 1)()

        assert seen.event["team"] == "search"


def test_a_level_of_ones_own() -> None:
    """`level=` replaces the level that the outcome would give."""

    @measured(level="debug")
    def fails() -> None:
        raise KeyError

    with captured() as seen:
        with pytest.raises(KeyError):
            fails()

        assert (seen.event["level"], seen.event["outcome"]) == ("debug", "error")


def test_a_budget_counts_what_is_spent_below() -> None:
    """A call that costs more than its budget, with its children, says so; one within it does not."""
    ask = costed(operation="ask")(lambda i: {**ANSWER, "id": f"answer-{i}"})

    @measured(operation="within", budget="0.0105")
    def within() -> None:
        for i in range(3):
            ask(i)

    @measured(operation="beyond", budget="0.0104")
    def beyond() -> None:
        for i in range(3, 6):
            ask(i)

    with captured() as seen:
        within()
        beyond()
        events = {event["operation"]: event for event in seen.events}

    assert "over_budget" not in events["within"]
    assert events["beyond"]["over_budget"] is True
    assert events["beyond"]["budget_usd"] == Decimal("0.0104")


def test_a_usage_reader_of_ones_own() -> None:
    """`usage=` reads the usage from a result that is no provider's answer; what it raises stays inside."""
    reads = costed(operation="reads", usage=lambda result: result["raw"])(lambda: {"raw": ANSWER})
    breaks = costed(operation="breaks", usage=lambda result: result["none"])(lambda: {"raw": ANSWER})

    with captured() as seen:
        reads()
        breaks()

        assert [event.get("input_tokens") for event in seen.events] == [1000, None]


@measured
def _top_level(x: int) -> int:
    return x + 1


def test_a_decorated_function_pickles_by_name() -> None:
    """It is found again where it was defined, so it may be sent to a pool of processes."""
    assert pickle.loads(pickle.dumps(_top_level)) is _top_level


def test_an_answer_that_is_returned_further_is_counted_once() -> None:
    """Without a response id, the very answer that a call below returned is not counted again; siblings all are."""
    answer = {key: value for key, value in ANSWER.items() if key != "id"}
    inner = costed(operation="inner")(lambda: answer)

    @costed(operation="outer")
    def outer() -> dict[str, Any]:
        inner()
        return inner()

    with captured() as seen:
        outer()
        events = seen.events

        assert [event.get("usage_duplicate") for event in events] == [None, None, True]
        assert seen.stats.usage.total_tokens == 2200
        assert seen.stats.cost.total_cost == Decimal("0.0070")
