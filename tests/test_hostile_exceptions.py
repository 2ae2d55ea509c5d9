# ruff: noqa: ANN202, ANN204, D103, N818, PLW0108 - the exceptions under test are the users'
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# pyright: basic
"""Exceptions that refuse to be looked at reach their user as they are, and end the record of their call."""

from contextlib import suppress
from typing import Any

import pytest

from pepperpy_obs import _guard, current_call, measure, measured, tracked_usage
from pepperpy_obs.testing import captured

pytestmark = pytest.mark.hostile


class ClassRaises(Exception):
    @property  # type: ignore[misc]
    def __class__(self):
        msg = "asked for its class"
        raise RuntimeError(msg)


class EverythingRaises(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class Unhashable(type):
    """A metaclass that answers nothing."""

    def __hash__(cls):
        msg = "hashed"
        raise RuntimeError(msg)

    def __eq__(cls, other: object) -> bool:
        msg = "compared"
        raise RuntimeError(msg)

    def __getattribute__(cls, name: str) -> Any:
        raise RuntimeError(name)

    def __instancecheck__(cls, instance: object) -> bool:
        msg = "checked"
        raise RuntimeError(msg)


def meta_raises() -> Any:
    """Make the class where pytest, which looks at what a module has, does not meet it."""

    class MetaRaises(Exception, metaclass=Unhashable):
        pass

    return MetaRaises()


class Base(BaseException):
    @property  # type: ignore[misc]
    def __class__(self):
        raise SystemExit


HOSTILE: dict[str, Any] = {
    "ClassRaises": ClassRaises,
    "EverythingRaises": EverythingRaises,
    "MetaRaises": meta_raises,
    "Base": Base,
}


def call(error: Any) -> None:
    def work() -> None:
        raise error

    measured(work)()


def block(error: Any) -> None:
    with measure("work"):
        raise error


def coroutine(error: Any) -> None:
    async def work() -> None:
        raise error

    measured(work)().send(None)  # by hand: asyncio asks each exception for its class, again and again


def stream(error: Any) -> None:
    def work():
        yield 1
        raise error

    list(measured(work)())


def thrown(error: Any) -> None:
    def work():
        try:
            yield 1
        except BaseException as got:
            if got is not error:
                raise AssertionError from got
            raise

    running = measured(work)()
    next(running)
    running.throw(error)


def async_stream(error: Any) -> None:
    async def work():
        yield 1
        raise error

    running = measured(work)()
    with suppress(StopIteration):
        running.asend(None).send(None)
    running.asend(None).send(None)


def returned(error: Any) -> None:
    class Items:
        def __iter__(self):
            return self

        def __next__(self):
            raise error

    list(tracked_usage(lambda: Items())())


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("how", [call, block, coroutine, stream, thrown, async_stream, returned])
def test_it_reaches_its_user(how: Any, name: str) -> None:
    """The very exception comes out, the event names its class, and no call is current afterwards."""
    error = HOSTILE[name]()
    with captured() as seen:
        try:
            how(error)
        except BaseException as got:
            assert got is error  # noqa: PT017
        else:
            pytest.fail("nothing was raised")

        assert not current_call()
        assert (seen.event["outcome"], seen.event["error_type"].split(".")[-1]) == ("error", name)
    assert _guard.failures() == {}
