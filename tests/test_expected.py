"""Exceptions that are no errors, of an operation or everywhere; and context into threads."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest

from pepperpy_obs import Config, SetupError, agent, costed, measure, measured
from pepperpy_obs.context import executor
from pepperpy_obs.testing import captured


class RetryError(Exception):
    """Says to come again."""


class LaterError(RetryError):
    """Likewise."""


def said(event: dict[str, Any]) -> dict[str, Any]:
    """Return what an event says of its end."""
    return {name: event[name] for name in ("outcome", "level", "error_type", "raised") if name in event}


@pytest.mark.parametrize("expected", [RetryError, (KeyError, RetryError)])
def test_an_expected_exception_is_no_error(expected: Any) -> None:
    """The call is `ok` and its event names the class; it is raised all the same, and others are errors."""

    @measured(expected=expected)
    def work(error: Exception) -> None:
        raise error

    with captured() as seen:
        for error in (LaterError(), ValueError()):
            with pytest.raises(type(error)):
                work(error)
    assert [said(event) for event in seen.events] == [
        {"outcome": "ok", "level": "info", "raised": "LaterError"},
        {"outcome": "error", "level": "error", "error_type": "ValueError"},
    ]
    assert seen.stats.performance.error_rate == 0.5


def test_some_are_expected_everywhere() -> None:
    """By the full name of the class, or of one that it is made of."""
    name = f"{RetryError.__module__}.RetryError"
    with captured(Config(config_file=None, expected_errors=(name,))) as seen:
        with pytest.raises(LaterError), measure("work"):
            raise LaterError
        with pytest.raises(ValueError), measure("work"):
            raise ValueError
    assert [said(event).get("raised", "-") for event in seen.events] == ["LaterError", "-"]


def test_a_request_that_ended_so_still_lacks_its_usage() -> None:
    """The provider may bill it."""

    @costed(provider="openai", expected=RetryError)
    def ask() -> None:
        raise RetryError

    with captured() as seen, pytest.raises(RetryError):
        ask()
    assert (seen.event["outcome"], seen.event["usage_flags"]) == ("ok", ["missing"])


@pytest.mark.parametrize("wrong", ["RetryError", 3, (RetryError, "x"), int])
def test_what_is_no_exception_is_refused(wrong: Any) -> None:
    """At once, with what to give."""
    with pytest.raises(SetupError, match="give a class of exceptions"):
        measured(expected=wrong)(print)


def test_functions_in_a_pool_belong_to_the_call_that_submits_them() -> None:
    """They are its children and for its agent; results, exceptions and `map` are the pool's."""

    @measured(operation="below")
    def below(number: int) -> int:
        return 10 // number

    with ThreadPoolExecutor(2) as threads, captured() as seen:
        pool = executor(threads)
        with agent("planner"), measure("run") as run:
            assert list(pool.map(below, [1, 2])) == [10, 5]
            assert isinstance(pool.submit(below, 0).exception(), ZeroDivisionError)
        pool.shutdown()
        with pytest.raises(RuntimeError):
            threads.submit(print)
    children = [event for event in seen.events if event["operation"] == "below"]
    assert [(event["parent_span_id"], event["agent"]) for event in children] == [(run.span_id, "planner")] * 3


def test_a_pool_of_processes_is_refused() -> None:
    """It says what to do instead."""
    with ProcessPoolExecutor(1) as pool, pytest.raises(SetupError, match="continue_trace"):
        executor(pool)
