# ruff: noqa: ANN202 - the callables under test are the users', annotated or not
# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment"
# pyright: basic, reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false
"""Shapes x outcomes: every kind of callable, every way in which a call can end."""

import asyncio
import functools
import inspect
import sys
import types
from collections.abc import Callable
from contextlib import aclosing, closing, suppress
from typing import Any

import pytest

from pepperpy_obs import measured
from pepperpy_obs.testing import captured


class BoomError(Exception):
    pass


def _function(end: str = "ok") -> str:
    if end == "error":
        raise BoomError
    if end == "cancelled":
        raise asyncio.CancelledError
    return "done"


async def _coroutine(end: str = "ok") -> str:
    if end == "error":
        raise BoomError
    await asyncio.sleep(3600 if end in ("cancelled", "abandoned") else 0)
    return "done"


def _generator(end: str = "ok"):
    yield 1
    if end == "error":
        raise BoomError
    if end == "cancelled":
        raise asyncio.CancelledError
    yield 2
    return "done"


async def _async_generator(end: str = "ok"):
    yield 1
    if end == "error":
        raise BoomError
    await asyncio.sleep(3600 if end == "cancelled" else 0)
    yield 2


class _Service:
    @measured(operation="op")
    def method(self, end: str = "ok") -> str:
        return _function(end)

    @measured(operation="op")
    async def async_method(self, end: str = "ok") -> str:
        return await _coroutine(end)

    @measured(operation="op")
    @classmethod
    def above_classmethod(cls, end: str = "ok") -> str:
        return _function(end)

    @classmethod
    @measured(operation="op")
    def below_classmethod(cls, end: str = "ok") -> str:
        return _function(end)

    @measured(operation="op")
    @staticmethod
    def above_staticmethod(end: str = "ok") -> str:
        return _function(end)

    @staticmethod
    @measured(operation="op")
    async def below_staticmethod(end: str = "ok") -> str:
        return await _coroutine(end)

    @measured(operation="op")
    def stream(self, end: str = "ok"):
        return (yield from _generator(end))

    @measured(operation="op")
    async def async_stream(self, end: str = "ok"):
        async for item in _async_generator(end):
            yield item


class _CallableObject:
    def __call__(self, end: str = "ok") -> str:
        return _function(end)


class _AsyncCallableObject:
    async def __call__(self, end: str = "ok") -> str:
        return await _coroutine(end)


def _on(target: Callable[..., Any]) -> Any:
    return measured(operation="op")(target)


SHAPES: dict[str, tuple[str, Callable[..., Any]]] = {
    "function": ("function", _on(_function)),
    "lambda": ("function", _on(lambda end="ok": _function(end))),
    "method": ("function", _Service().method),
    "classmethod below": ("function", _Service.above_classmethod),
    "classmethod above": ("function", _Service.below_classmethod),
    "staticmethod below": ("function", _Service().above_staticmethod),
    "partial": ("function", _on(functools.partial(_function))),
    "callable object": ("function", _on(_CallableObject())),
    "bound method": ("function", _on(_CallableObject().__call__)),
    "coroutine": ("coroutine", _on(_coroutine)),
    "async method": ("coroutine", _Service().async_method),
    "async staticmethod": ("coroutine", _Service.below_staticmethod),
    "partial of a coroutine": ("coroutine", _on(functools.partial(_coroutine))),
    "async callable object": ("coroutine", _on(_AsyncCallableObject())),
    "generator": ("generator", _on(_generator)),
    "generator method": ("generator", _Service().stream),
    "partial of a generator": ("generator", _on(functools.partial(_generator))),
    "async generator": ("async generator", _on(_async_generator)),
    "async generator method": ("async generator", _Service().async_stream),
}


def _play_function(call: Callable[..., Any], end: str) -> None:
    with suppress(BoomError, asyncio.CancelledError):
        assert call(end) == "done"


async def _play_coroutine(call: Callable[..., Any], end: str) -> None:
    if end == "abandoned":
        started = call(end)
        started.send(None)
        started.close()
        return
    task = asyncio.ensure_future(call(end))
    await asyncio.sleep(0)
    if end == "cancelled":
        task.cancel()
    with suppress(BoomError, asyncio.CancelledError):
        assert await task == "done"


def _play_generator(call: Callable[..., Any], end: str) -> None:
    with suppress(BoomError, asyncio.CancelledError), closing(call(end)) as stream:
        for item in stream:
            if end == "abandoned":
                break
            assert item in (1, 2)


async def _play_async_generator(call: Callable[..., Any], end: str) -> None:
    async def consume() -> None:
        async with aclosing(call(end)) as stream:
            async for item in stream:
                if end == "abandoned":
                    break
                assert item in (1, 2)

    task = asyncio.ensure_future(consume())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if end == "cancelled":
        task.cancel()
    with suppress(BoomError, asyncio.CancelledError):
        await task


PLAYERS: dict[str, Callable[[Callable[..., Any], str], Any]] = {
    "function": _play_function,
    "coroutine": _play_coroutine,
    "generator": _play_generator,
    "async generator": _play_async_generator,
}

LEVEL = {"ok": "info", "error": "error", "cancelled": "warning", "abandoned": "warning"}
ENDS = {
    "function": ("ok", "error", "cancelled"),
    "coroutine": ("ok", "error", "cancelled", "abandoned"),
    "generator": ("ok", "error", "cancelled", "abandoned"),
    "async generator": ("ok", "error", "cancelled", "abandoned"),
}
CASES = [(name, end) for name, (shape, _) in SHAPES.items() for end in ENDS[shape]]


@pytest.mark.parametrize("name,end", CASES)
def test_one_call_makes_one_event_with_its_outcome(name: str, end: str) -> None:
    """Whatever the shape, one call leaves one event, and its outcome tells how the call ended."""
    shape, call = SHAPES[name]
    with captured() as seen:
        played = PLAYERS[shape](call, end)
        if played is not None:
            asyncio.run(played)
        event = seen.event

    items = {"ok": 2, "error": 1, "cancelled": 1, "abandoned": 1}[end] if "generator" in shape else None
    variable = {"timestamp", "event_id", "trace_id", "span_id", "duration_seconds", "time_to_first_item_seconds"}
    expected = {
        "event": "operation.finished",
        "operation": "op",
        "kind": "task",
        "outcome": end,
        "level": LEVEL[end],
    }
    if end == "error":
        expected["error_type"] = "BoomError"
    if items is not None:
        expected["items"] = items
        assert 0 <= event["time_to_first_item_seconds"] <= event["duration_seconds"]
    assert expected == {key: value for key, value in event.items() if key not in variable}
    assert event["duration_seconds"] >= 0


@pytest.mark.parametrize("name", SHAPES)
def test_wrapping_is_invisible_to_inspect(name: str) -> None:
    """The wrapper is of the kind that it wraps, with the same signature and name."""
    shape, call = SHAPES[name]

    assert {
        "function": (False, False, False),
        "coroutine": (True, False, False),
        "generator": (False, True, False),
        "async generator": (False, False, True),
    }[shape] == (
        inspect.iscoroutinefunction(call),
        inspect.isgeneratorfunction(call),
        inspect.isasyncgenfunction(call),
    )
    assert [p.name for p in inspect.signature(call).parameters.values()] == ["end"]


def test_recording_switched_off_changes_nothing_but_the_record() -> None:
    """With recording off every shape still runs, and leaves nothing."""
    from pepperpy_obs import Config

    with captured(Config(metrics_enabled=False, config_file=None)) as seen:
        for shape, call in SHAPES.values():
            played = PLAYERS[shape](call, "ok")
            if played is not None:
                asyncio.run(played)

        assert seen.events == []


def test_parameters_may_be_called_what_the_wrapper_itself_uses() -> None:
    """A parameter named as a builtin hides it from the wrapped function, never from the wrapper."""

    @measured
    def call(len: int, BaseException: int = 2):  # noqa: A002, N803
        return len, BaseException

    @measured
    async def coroutine(ValueError: int, len: int = 4):  # noqa: A002, N803
        return ValueError, len

    assert (call(1), asyncio.run(coroutine(3))) == ((1, 2), (3, 4))


def test_a_killed_greenlet_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends a greenlet from outside is no error of its code; the library is looked for where it would be loaded."""
    greenlet: Any = types.ModuleType("greenlet")
    greenlet.GreenletExit = type("GreenletExit", (BaseException,), {})
    monkeypatch.setitem(sys.modules, "greenlet", greenlet)

    @measured
    def work():
        raise greenlet.GreenletExit

    with captured() as seen:
        with suppress(greenlet.GreenletExit):
            work()

        assert (seen.event["outcome"], seen.event["level"]) == ("cancelled", "warning")
        assert "error_type" not in seen.event
