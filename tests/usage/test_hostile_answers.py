# ruff: noqa: ANN202, ANN204, D103, PLW0108 - the answers under test are the users'
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# pyright: basic
"""Answers whose attributes raise what is no Exception: their user gets them all the same."""

from collections.abc import Callable
from typing import Any

import pytest

from pepperpy_obs import _guard, record_usage, tracked_usage
from pepperpy_obs.testing import captured


class TimeoutOfALibrary(BaseException):
    """As gevent's Timeout and pytest's failures."""


def raising(kind: type[BaseException]) -> Any:
    class Answer:
        @property
        def usage(self):
            raise kind

        @property
        def __dict__(self):  # type: ignore[override]
            raise kind

    return Answer()


def call(answer: Any) -> Any:
    return tracked_usage(lambda: answer)()


def own_reader(answer: Any) -> Any:
    return tracked_usage(usage=lambda each: each.usage)(lambda: answer)()


def stream(answer: Any) -> Any:
    def work():
        yield answer

    [item] = tracked_usage(work)()
    return item


def recorded(answer: Any) -> Any:
    record_usage(answer)
    return answer


def error_with_it(answer: Any) -> Any:
    error = ValueError()
    vars(error)["response"] = answer

    def work():
        raise error

    with pytest.raises(ValueError) as caught:
        tracked_usage(lambda: work())()
    assert caught.value is error
    return answer


@pytest.mark.parametrize("kind", [TimeoutOfALibrary, SystemExit, pytest.fail.Exception, RuntimeError])
@pytest.mark.parametrize("how", [call, own_reader, stream, recorded, error_with_it])
def test_an_attribute_that_raises_does_not_lose_the_answer(
    how: Callable[[Any], Any], kind: type[BaseException]
) -> None:
    """What reading it raised stays with us, and the answer, or the user's own error, comes out."""
    answer = raising(kind)
    with captured():
        assert how(answer) is answer


def test_ctrl_c_is_the_users() -> None:
    """An interrupt that arrives while an answer is read is not swallowed, and the record of the call is complete."""
    with captured() as seen:
        with pytest.raises(KeyboardInterrupt):
            call(raising(KeyboardInterrupt))

        assert (seen.event["outcome"], seen.event["error_type"]) == ("error", "KeyboardInterrupt")
    assert _guard.failures() == {}
