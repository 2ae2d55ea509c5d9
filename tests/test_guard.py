"""Failures of ours are counted; what a signal handler of the application raises is passed on."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from pepperpy_obs._guard import failed, failures


class TimeIsUpError(Exception):
    """What a handler raises."""


def handle(number: int, frame: FrameType | None) -> None:
    """Handle a signal as a function of a module does."""
    raise TimeIsUpError


def handle_for(what: str, number: int, frame: FrameType | None) -> None:
    """Handle a signal with an argument of its own."""
    raise TimeIsUpError(what)


class Handler:
    """Handles a signal by a method, and as a callable object."""

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raise."""
        raise TimeIsUpError

    def __call__(self, *given: Any) -> None:
        """Raise, by way of another function."""
        self.handle(given[0], None)


def _raise(*_: object) -> None:
    raise TimeIsUpError


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Put the handler of the test back."""
    before = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize(
    "handler",
    [handle, functools.partial(handle_for, "lunch"), Handler().handle, Handler(), lambda *_: _raise(), _raise],
    ids=["function", "partial", "method", "object", "lambda", "star"],
)
def test_what_a_handler_raises_is_passed_on(handler: Callable[..., None]) -> None:
    """However the handler is written: our guard counts no failure and raises its exception."""
    signal.signal(signal.SIGUSR1, handler)

    def guarded() -> None:
        try:
            os.kill(os.getpid(), signal.SIGUSR1)
            sum(range(1000))
        except Exception as error:
            failed("test", error)

    before = failures()
    with pytest.raises(TimeIsUpError):
        guarded()
    assert failures() == before


def test_a_failure_of_ours_is_counted() -> None:
    """What code that is called in between raises stays ours, even if it was given a number and a frame."""

    def careless(number: int, frame: FrameType) -> None:
        raise TimeIsUpError

    def guarded() -> None:
        try:
            careless(1, _some_frame())
        except Exception as error:
            failed("test", error)

    before = failures().get("test", 0)
    guarded()
    assert failures()["test"] == before + 1


def _some_frame() -> FrameType:
    try:
        _raise()
    except TimeIsUpError as error:
        trace = error.__traceback__
        assert trace is not None
        return trace.tb_frame
    raise AssertionError
