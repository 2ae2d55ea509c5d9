"""The model that a call asks for is read from the call's own argument."""

from __future__ import annotations

import asyncio
import enum
import functools
import inspect
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pepperpy_obs import SetupError, costed, current_call, measure, measured, record_usage, tracked_usage
from pepperpy_obs.testing import captured

ANSWER = {"model": "gpt-4o-2024-08-06", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


class Model(enum.Enum):
    SMALL = "gpt-4o-mini"


def _refused(*args: Any, **kwargs: Any) -> Any:
    raise TimeoutError


def _foreign(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def _by_place(prompt: str, model: str = "gpt-4o") -> Any:
    return ANSWER


def _by_name(*, model_id: str, prompt: str = "") -> Any:
    return ANSWER


def _aws(modelId: str) -> Any:  # noqa: N803 - boto3 spells it so
    return ANSWER


def _others(prompt: str, **options: Any) -> Any:
    return ANSWER


def _rest(*args: Any) -> Any:
    return ANSWER


CALLS: dict[str, Any] = {
    "by position": lambda: costed(_by_place)("hi", "o3"),
    "by keyword": lambda: costed(_by_place)("hi", model="o3"),
    "keyword only": lambda: costed(_by_name)(model_id="o3"),
    "as boto3 spells it": lambda: costed(_aws)("o3"),
    "among all others": lambda: costed(_others)("hi", model_name="o3"),
    "below a foreign wrapper, by position": lambda: costed(_foreign(_by_place))("hi", "o3"),
    "below a foreign wrapper, by keyword": lambda: costed(_foreign(_by_place))("hi", model="o3"),
    "bound by a partial": lambda: costed(functools.partial(_by_place, model="o3"))("hi"),
    "by a function of the arguments": lambda: costed(model=lambda *args: args[-1])(_rest)("hi", "o3"),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_model_asked_for_is_read_from_the_argument(name: str) -> None:
    """However the argument is given, `model` says what was asked and `response_model` what answered."""
    with captured() as seen:
        CALLS[name]()

    assert (seen.event["model"], seen.event["response_model"]) == ("o3", "gpt-4o-2024-08-06")


def test_a_default_is_asked_for_too() -> None:
    """An argument that was not given has its default."""
    with captured() as seen:
        costed(_by_place)("hi")

    assert seen.event["model"] == "gpt-4o"


def test_all_shapes_know_the_model_when_they_fail() -> None:
    """A function, coroutine, generator and async generator that fail name the model, so that errors can be told."""

    @tracked_usage(provider="openai")
    def function(model: str) -> Any:
        raise TimeoutError

    @tracked_usage(provider="openai")
    async def coroutine(model: str) -> Any:
        raise TimeoutError

    @tracked_usage(provider="openai")
    def generator(model: str) -> Any:
        yield 1
        raise TimeoutError

    @tracked_usage(provider="openai")
    async def async_generator(model: str) -> AsyncIterator[int]:
        yield 1
        raise TimeoutError

    async def read() -> None:
        async for _ in async_generator("d"):
            pass

    with captured() as seen:
        for attempt in (
            lambda: function("a"),
            lambda: asyncio.run(coroutine("b")),
            lambda: list(generator("c")),
            lambda: asyncio.run(read()),
        ):
            with pytest.raises(TimeoutError):
                attempt()

    assert [(event["model"], event["outcome"]) for event in seen.events] == [
        ("a", "error"),
        ("b", "error"),
        ("c", "error"),
        ("d", "error"),
    ]


def test_errors_by_model_can_be_told_in_stats() -> None:
    """A model whose calls all fail stands in the report under its own name."""
    ask = costed(provider="openai")(_refused)

    with captured() as seen:
        for model in ("o3", "o3", "gpt-4o"):
            with pytest.raises(TimeoutError):
                ask("hi", model=model)

    assert {event["model"] for event in seen.events} == {"o3", "gpt-4o"}


def test_the_option_wins_over_the_argument() -> None:
    """`model=` as a text is what was meant."""
    with captured() as seen:
        costed(model="mine")(_by_place)("hi", "o3")

    assert seen.event["model"] == "mine"


def test_what_is_no_text_is_left_alone() -> None:
    """A network or a client in the argument `model` is not looked into; an Enum's text will do."""

    class Lazy:
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

    with captured() as seen:
        costed(_by_place)("hi", Lazy())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        costed(_by_place)("hi", Model.SMALL)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    assert [event["model"] for event in seen.events] == ["gpt-4o-2024-08-06", "gpt-4o-mini"]


def test_a_reader_that_fails_is_nothing_to_the_call() -> None:
    """The call gives its answer; the failure is ours, and counted."""
    from pepperpy_obs._guard import failures, forget

    def reader(*args: Any) -> str:
        raise KeyError

    try:
        with captured() as seen:
            assert costed(model=reader)(_by_place)("hi") == ANSWER

        assert seen.event["model"] == "gpt-4o-2024-08-06"
        assert failures() == {"model": 1}
    finally:
        forget()


def test_who_only_hands_a_name_on_makes_no_request() -> None:
    """A task or an agent with such a parameter is no request to a language model."""

    @measured
    def train(model: str) -> None: ...

    @costed(kind="agent")
    def solve(model: str) -> None:
        costed(_by_place)("hi", model)

    with captured() as seen:
        train("resnet")
        solve("o3")

    assert [(event["operation"], event.get("model")) for event in seen.events] == [
        (train.__qualname__, None),
        ("_by_place", "o3"),
        (solve.__qualname__, None),
    ]


def test_wrappers_without_such_a_parameter_pay_nothing() -> None:
    """It is settled when the wrapper is written: its source asks for no model."""

    def ask(prompt: str) -> None: ...

    def train(model: str) -> None: ...

    wrappers: list[Any] = [costed(ask), measured(train)]
    for wrapper in wrappers:
        assert "asked" not in inspect.getsource(wrapper.__code__)


def test_the_code_inside_knows_better() -> None:
    """What the call says of itself wins over its argument."""

    @costed(provider="openai")
    def ask(model: str) -> None:
        current_call().add(model="o3")

    @costed(provider="openai")
    def tell(model: str) -> None:
        record_usage(ANSWER, model="o1")

    with captured() as seen:
        ask("fast")
        tell("fast")

    assert [event["model"] for event in seen.events] == ["o3", "o1"]


def test_a_block_has_no_arguments() -> None:
    """A function in place of a block's model is refused."""
    with pytest.raises(SetupError, match="model=<function"):
        measure("ask", model=lambda: "o3")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
