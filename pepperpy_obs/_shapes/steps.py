"""The methods of a followed stream object: each step, each end and each `with` is seen by its watch."""

from __future__ import annotations

from collections.abc import Callable
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs._guard import unread
from pepperpy_obs._shapes.handles import handle_of, is_raw
from pepperpy_obs._shapes.tracking import instrument, track, watch_of
from pepperpy_obs._shapes.watch import Step

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Generator

    from pepperpy_obs._shapes.watch import Watch

__all__ = ["follow"]

_Method = Callable[..., Any]


def follow(handle: Any, watching: Callable[[], Watch]) -> bool:
    """Let a new watch see what passes through a stream object; False if that is not possible, or done already."""
    if watch_of(handle) is not None:
        return False
    kind: Any = type(handle)
    try:
        instrument(kind, _RESPONSE if is_raw(kind) else _STREAM)
        track(handle, watching)
    except (TypeError, AttributeError):  # a class that cannot be changed, or objects that nothing can refer to weakly
        return False
    return True


def _next(original: _Method) -> _Method:
    def step(self: Any) -> Any:
        watch = watch_of(self)
        return original(self) if watch is None else _step(watch, original, self)

    return step


def _iter(original: _Method) -> _Method:
    def iterate(self: Any, *args: Any, **given: Any) -> Any:
        inner = original(self, *args, **given)
        watch = watch_of(self)
        return inner if watch is None or watch.ended or inner is self else _iterated(watch, inner)

    return iterate


def _iterated(watch: Watch, inner: Any) -> Any:
    """Let a watch see what is iterated in place of its object, and return that: the same, unless it is a generator."""
    if type(inner) is GeneratorType:
        return _stepwise(watch, inner)
    if type(inner) is AsyncGeneratorType:
        return _async_stepwise(watch, inner)
    _follow_on(watch, inner)
    return inner


def _stepwise(watch: Watch, inner: Any) -> Generator[Any]:
    while True:
        try:
            item = _step(watch, next, inner)
        except StopIteration:
            return
        yield item


def _step(watch: Watch, original: _Method, source: Any) -> Any:
    """Take one step; one within another (an `__iter__` that calls `__next__`) is the same step."""
    if watch.busy or watch.ended:
        return original(source)
    with Step(watch):
        item = original(source)
    watch.item(item)
    return item


def _anext(original: _Method) -> _Method:
    def step(self: Any) -> Any:
        watch = watch_of(self)
        return original(self) if watch is None else _async_step(watch, original, self)

    return step


async def _async_stepwise(watch: Watch, inner: Any) -> AsyncGenerator[Any]:
    while True:
        try:
            item = await _async_step(watch, anext, inner)
        except StopAsyncIteration:
            return
        yield item


async def _async_step(watch: Watch, original: _Method, source: Any) -> Any:
    if watch.busy or watch.ended:
        return await original(source)
    with Step(watch):
        item = await original(source)
    watch.item(item)
    return item


def _close(original: _Method) -> _Method:
    def close(self: Any, *args: Any, **given: Any) -> Any:
        watch = watch_of(self)
        if watch is not None and not watch.busy:  # litellm's streams close themselves in their last step
            watch.left()
        return original(self, *args, **given)

    return close


def _enter(original: _Method) -> _Method:
    def enter(self: Any) -> Any:
        watch = watch_of(self)
        if watch is None or watch.busy or watch.ended:
            return original(self)
        with Step(watch):
            entered = original(self)
        return _entered(watch, self, entered)

    return enter


def _aenter(original: _Method) -> _Method:
    def enter(self: Any) -> Any:
        watch = watch_of(self)
        return original(self) if watch is None or watch.busy or watch.ended else _async_enter(watch, original, self)

    return enter


async def _async_enter(watch: Watch, original: _Method, manager: Any) -> Any:
    with Step(watch):
        entered = await original(manager)
    return _entered(watch, manager, entered)


def _entered(watch: Watch, manager: Any, entered: Any) -> Any:
    """Watch the stream that a manager gives, too."""
    if entered is not manager:
        _follow_on(watch, entered)
    return entered


def _follow_on(watch: Watch, further: Any) -> bool:
    """Let a watch see what passes through a further object, if that is a stream."""
    try:
        return handle_of(further) is further and follow(further, lambda: watch)
    except BaseException as error:
        unread(error)
        return False


def _read(original: _Method) -> _Method:
    """Return a method of a raw response that gives what came: an answer, a stream of it, or a coroutine of either."""

    def read(self: Any, *args: Any, **given: Any) -> Any:
        watch = watch_of(self)
        if watch is None or watch.busy or watch.ended:
            return original(self, *args, **given)
        with Step(watch):
            result = original(self, *args, **given)
        if hasattr(type(result), "__await__"):
            return _async_read(watch, self, result)
        return _came(watch, self, result)

    return read


async def _async_read(watch: Watch, response: Any, reading: Awaitable[Any]) -> Any:
    with Step(watch):
        result = await reading
    return _came(watch, response, result)


def _came(watch: Watch, response: Any, result: Any) -> Any:
    """Note what a raw response was read as, and return it."""
    if not _follow_on(watch, result):
        watch.answered(result, response)
    return result


_STREAM: Final[dict[str, Callable[[_Method], _Method]]] = {
    "__next__": _next,
    "__iter__": _iter,
    "__anext__": _anext,
    "__aiter__": _iter,
    "close": _close,
    "aclose": _close,
    "__exit__": _close,
    "__aexit__": _close,
    "__enter__": _enter,
    "__aenter__": _aenter,
}
_RESPONSE: Final[dict[str, Callable[[_Method], _Method]]] = {
    "parse": _read,
    "json": _read,
    "read": _read,
    "text": _read,
    "iter_bytes": _iter,
    "iter_text": _iter,
    "iter_lines": _iter,
    "close": _close,
}
