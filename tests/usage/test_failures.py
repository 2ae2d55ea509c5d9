"""The usage that exceptions carry: those of OpenAI, instructor, openai-agents, pydantic-ai, and an application."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from pepperpy_obs import usage

CHAT: dict[str, Any] = {
    "id": "chatcmpl-7",
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "finish_reason": "length", "message": {"content": "{"}}],
    "usage": {"prompt_tokens": 30, "completion_tokens": 4, "total_tokens": 34},
}
COUNTED = {"input_tokens": 30, "output_tokens": 4}
NAMED = {**COUNTED, "provider": "openai", "model": "gpt-4o-mini", "response_model": "gpt-4o-mini"}
WHOLE = {**NAMED, "response_id": "chatcmpl-7"}


class CarryingError(Exception):
    """Keeps what it is given as its attributes."""

    def __init__(self, **given: Any) -> None:
        super().__init__("failed")
        self.__dict__.update(given)


class TellingError(Exception):
    """Tells its usage by a property, as a cancelled run of pydantic-ai does."""

    @property
    def usage(self) -> SimpleNamespace:
        """Tell it."""
        return SimpleNamespace(requests=2, tool_calls=0, input_tokens=30, output_tokens=4)


def carried(error: BaseException) -> dict[str, Any] | None:
    """Return the event fields of the usage that an error carries."""
    found = usage.capture_error(error)
    return None if found is None else usage.told(found[0])


def from_cause(cause: BaseException, error: BaseException) -> BaseException:
    """Return `error` as raised from `cause`."""
    error.__cause__ = cause
    return error


RUN = SimpleNamespace(requests=2, input_tokens=60, output_tokens=8, request_usage_entries=[])
TOTAL = SimpleNamespace(prompt_tokens=60, completion_tokens=8, total_tokens=68)
CASES: dict[str, tuple[BaseException, dict[str, Any]]] = {
    "the answer that could not be parsed": (CarryingError(completion=CHAT), WHOLE),
    "the last of several answers": (CarryingError(last_completion=CHAT, n_attempts=1), WHOLE),
    "a message of a framework": (
        CarryingError(ai_message={"id": "run-1", "usage_metadata": {"input_tokens": 30, "output_tokens": 4}}),
        {**COUNTED, "response_id": "run-1"},
    ),
    "a body": (CarryingError(body=json.dumps(CHAT)), WHOLE),
    "usage of its own": (CarryingError(usage=CHAT["usage"]), COUNTED),
    "the total of all attempts": (
        CarryingError(total_usage=TOTAL, last_completion=CHAT, n_attempts=2),
        {**NAMED, "input_tokens": 60, "output_tokens": 8, "usage_aggregate": True, "requests": 2},
    ),
    "a total, by the model that was asked for": (
        CarryingError(total_usage=TOTAL, last_completion=None, create_kwargs={"model": "gpt-4o-mini"}, n_attempts=2),
        {**NAMED, "input_tokens": 60, "output_tokens": 8, "usage_aggregate": True, "requests": 2},
    ),
    "all that a run has done": (
        CarryingError(run_data=SimpleNamespace(context_wrapper=SimpleNamespace(usage=RUN), raw_responses=[])),
        {"input_tokens": 60, "output_tokens": 8, "usage_aggregate": True, "requests": 2},
    ),
    "a property": (TellingError(), {**COUNTED, "usage_aggregate": True, "requests": 2}),
    "what it was raised from": (from_cause(CarryingError(completion=CHAT), ValueError("ours")), WHOLE),
    "two causes away": (
        from_cause(from_cause(CarryingError(completion=CHAT), KeyError("k")), TimeoutError()),
        WHOLE,
    ),
    "one of a group": (ExceptionGroup("several", [ValueError(), CarryingError(completion=CHAT)]), WHOLE),
}


@pytest.mark.parametrize("name", CASES)
def test_what_an_exception_carries_is_read(name: str) -> None:
    """Wherever an exception keeps it, the usage is that of the answer or of the run."""
    error, expected = CASES[name]
    assert carried(error) == expected


def test_an_attempt_that_was_never_answered_used_nothing() -> None:
    """A total of zeros says that no answer came, not that one came for nothing."""
    nothing = SimpleNamespace(prompt_tokens=0, completion_tokens=0, total_tokens=0)
    assert carried(CarryingError(total_usage=nothing, last_completion=None, n_attempts=1)) is None


def test_what_was_only_being_handled_is_left_alone() -> None:
    """The usage of an exception that happened to be handled meanwhile may be an earlier call's."""
    error = ValueError("ours")
    error.__context__ = CarryingError(completion=CHAT)
    assert carried(error) is None


def test_exceptions_that_carry_no_usage_give_none() -> None:
    """Plain ones, those with texts and answers without usage, and a chain that ends in itself."""
    round_and_round = ValueError()
    round_and_round.__cause__ = round_and_round
    for error in (ValueError("{}"), KeyError(), CarryingError(response=404, body={"error": "no"}), round_and_round):
        assert carried(error) is None


def test_an_exception_that_refuses_to_be_read_gives_none() -> None:
    """Its attributes may raise, and its class may answer to any name."""

    class HostileError(Exception):
        @property
        def completion(self) -> object:
            raise RuntimeError

        def __getattr__(self, name: str) -> object:
            raise RuntimeError(name)

    assert carried(HostileError()) is None
