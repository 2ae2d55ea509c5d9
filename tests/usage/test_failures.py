"""The usage that exceptions carry: those of OpenAI, instructor, openai-agents, pydantic-ai, and an application."""

from __future__ import annotations

import json
from collections.abc import Callable
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
    return None if found is None else usage.usage_fields(found[0])


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
    "two causes away": (from_cause(from_cause(CarryingError(completion=CHAT), KeyError("k")), TimeoutError()), WHOLE),
    "one of a group": (ExceptionGroup("several", [ValueError(), CarryingError(completion=CHAT)]), WHOLE),
}


@pytest.mark.parametrize("name", CASES)
def test_what_an_exception_carries_is_read(name: str) -> None:
    """Wherever an exception keeps it, the usage is that of the answer or of the run."""
    error, expected = CASES[name]
    assert carried(error) == expected


def test_attempts_without_a_total_are_read_one_by_one() -> None:
    """Of some providers' answers instructor makes no total, but keeps them."""
    nothing = SimpleNamespace(prompt_tokens=0, completion_tokens=0, total_tokens=0)
    attempts = [SimpleNamespace(completion=each) for each in (CHAT, None, {**CHAT, "id": "chatcmpl-9"})]
    found = carried(CarryingError(total_usage=nothing, last_completion=CHAT, failed_attempts=attempts))
    assert found is not None
    assert (found["input_tokens"], found["output_tokens"], found["requests"]) == (60, 8, 2)


def test_an_attempt_that_was_never_answered_used_nothing() -> None:
    """A total of zeros says that no answer came, not that one came for nothing."""
    nothing = SimpleNamespace(prompt_tokens=0, completion_tokens=0, total_tokens=0)
    assert carried(CarryingError(total_usage=nothing, last_completion=None, n_attempts=1)) is None


def fail(answer: Any = CHAT) -> None:
    """Fail after an answer."""
    raise CarryingError(completion=answer)


def fail_handling_a_failure(*, hides: bool) -> None:
    """Fail while another failure is being handled."""
    try:
        fail()
    except CarryingError:
        if hides:
            raise ValueError from None
        raise ValueError  # noqa: B904 - as it is often written


def test_what_is_raised_while_a_failure_is_handled() -> None:
    """It follows a request that was paid for, though nothing says that it was raised from its failure."""
    for hides in (False, True):
        with pytest.raises(ValueError, match=r"^$") as caught:
            fail_handling_a_failure(hides=hides)
        assert carried(caught.value) == WHOLE


def test_what_was_being_handled_before_is_an_earlier_calls() -> None:
    """Where no frame that the exception has passed through has handled the other, that was before."""
    error = ValueError()
    try:
        fail()
    except CarryingError as earlier:
        error.__context__ = earlier
    assert error.__traceback__ is None
    assert carried(error) is None


OTHER: dict[str, Any] = {**CHAT, "id": "chatcmpl-8", "usage": {"prompt_tokens": 7, "completion_tokens": 1}}


def test_every_answer_of_a_chain_and_of_a_group_is_counted() -> None:
    """A second try that failed was paid for, as the first was; an answer that two of them hold was one."""
    same = CarryingError(completion=dict(CHAT))
    chained = from_cause(from_cause(same, CarryingError(completion=OTHER)), CarryingError(response=CHAT))
    group = ExceptionGroup("", [CarryingError(completion=OTHER), ValueError(), CarryingError(completion=CHAT)])
    for error in (chained, group):
        found = carried(error)
        assert found is not None
        assert (found["input_tokens"], found["output_tokens"], found["requests"]) == (37, 5, 2)
        assert {entry["response_id"] for entry in found["usage_entries"]} == {"chatcmpl-7", "chatcmpl-8"}


def test_the_total_of_a_run_contains_what_it_was_raised_from() -> None:
    """Instructor's last answer is one of its attempts."""
    error = CarryingError(total_usage=TOTAL, last_completion=CHAT, n_attempts=2)
    error.__cause__ = CarryingError(last_completion=CHAT)
    assert carried(error) == CASES["the total of all attempts"][1]


def as_of(module: str, **names: str) -> Callable[..., Any]:
    """Return a function of a library's module, which has what it is given under this name and calls on."""
    (given,) = names.values()
    space: dict[str, Any] = {"__name__": module}
    exec(f"def work({given}, go_on):\n    return go_on()", space)
    made: Callable[..., Any] = space["work"]
    return made


def reject() -> None:
    """Raise what tells nothing of the answer that it is about."""
    raise ValueError


RUNS = SimpleNamespace(usage=SimpleNamespace(requests=2, tool_calls=1, input_tokens=60, output_tokens=8))
HELD: dict[str, tuple[str, str, Any, dict[str, Any]]] = {
    "openai: chat": ("openai.lib._parsing._completions", "chat_completion", CHAT, WHOLE),
    "openai: responses": ("openai.lib._parsing._responses", "response", CHAT, WHOLE),
    "anthropic": ("anthropic.lib._parse._response", "response", CHAT, WHOLE),
    "pydantic-ai": (
        "pydantic_ai.agent.abstract",
        "agent_run",
        RUNS,
        {"input_tokens": 60, "output_tokens": 8, "usage_aggregate": True, "requests": 2},
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_the_frames_of_libraries_hold_what_an_exception_does_not_tell(name: str) -> None:
    """An answer that was rejected, and what a run asked before it ended, were paid for; no other frame is read."""
    module, given, answer, expected = HELD[name]
    for asked, outcome in ((module, expected), ("somebody.else", None)):
        with pytest.raises(ValueError, match=r"^$") as caught:
            as_of(asked, given=given)(answer, reject)
        assert carried(caught.value) == outcome


def test_a_tool_that_fails_after_an_answer_of_its_own() -> None:
    """The run around it has asked, and so has the tool: both are counted, the same answer once."""
    agent, parse = (as_of(module, given=given) for module, given, *_ in (HELD["pydantic-ai"], HELD["openai: chat"]))
    with pytest.raises(CarryingError) as caught:
        agent(RUNS, lambda: parse(CHAT, fail))
    found = carried(caught.value)
    assert found is not None
    assert (found["input_tokens"], found["output_tokens"]) == (90, 12)
    assert [entry.get("response_id") for entry in found["usage_entries"]] == ["chatcmpl-7", None]


def test_a_run_that_has_not_asked_yet_used_nothing() -> None:
    """Its total is there from the start, and says nothing."""
    nothing = SimpleNamespace(usage=SimpleNamespace(requests=0, tool_calls=0, input_tokens=0, output_tokens=0))
    with pytest.raises(ValueError, match=r"^$") as caught:
        as_of("pydantic_ai.agent.abstract", given="agent_run")(nothing, reject)
    assert carried(caught.value) is None


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
