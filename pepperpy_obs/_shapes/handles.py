"""Stream objects that the SDKs of providers hand out: OpenAI's `Stream`, Anthropic's `MessageStream` and their like.

Such an object is iterated by its user, by its own helpers (`get_final_message`, `text_stream`) and
closed by a `with`; a stand-in in its place would see the user only. So the object itself stays, and
gets a subclass of its class that tells a watch of what passes: identity, attributes and `isinstance`
are as before. What cannot be watched so is left alone.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from functools import lru_cache
from io import IOBase
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs._guard import failed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Generator

    from pepperpy_obs._shapes.watch import Watch

__all__ = ["follow", "handle_of"]

_WATCH: Final = "_pepperpy_obs_watch"
_HEAP_TYPE: Final = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: a class made by Python code, whose objects may change their class."""


def handle_of(answer: Any) -> Any:
    """Return the stream object that an answer is or, as Amazon's SDK answers, holds; None if there is none."""
    kind: Any = type(answer)
    if kind is dict:
        answer = answer.get("stream")
        kind = type(answer)
        return answer if _is_closeable(kind) else None
    return answer if _is_stream(kind) else None


@lru_cache(512)
def _is_stream(kind: type) -> bool:
    """Whether objects of a class are iterators, or managers whose `with` gives one; files are none."""
    if not kind.__flags__ & _HEAP_TYPE or issubclass(kind, IOBase):
        return False
    return hasattr(kind, "__next__") or hasattr(kind, "__anext__") or kind.__name__.endswith("StreamManager")


@lru_cache(512)
def _is_closeable(kind: type) -> bool:
    return bool(kind.__flags__ & _HEAP_TYPE) and hasattr(kind, "__iter__") and hasattr(kind, "close")


def follow(handle: Any, watching: Callable[[], Watch]) -> bool:
    """Let a new watch see what passes through a stream object; False if that is not possible, or done already."""
    kind: Any = type(handle)
    if hasattr(kind, _WATCH):
        return False
    try:
        object.__setattr__(handle, _WATCH, None)
        object.__setattr__(handle, "__class__", _watched(kind))
    except (TypeError, AttributeError):  # slots, or a layout of its own
        return False
    object.__setattr__(handle, _WATCH, watching())
    return True


@lru_cache(512)
def _watched(kind: type) -> type:
    """Return a subclass of a stream's class that tells the object's watch of each step and of its end."""
    members: dict[str, Any] = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, _WATCH: None}
    for name, make in _MAKERS.items():
        original = getattr(kind, name, None)
        if original is not None:
            members[name] = functools.wraps(original)(make(original))
    return types.new_class(kind.__name__, (kind,), exec_body=lambda body: body.update(members))


def _watch_of(handle: Any) -> Watch:
    watch: Watch = handle.__dict__[_WATCH]
    return watch


def _next(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def step(self: Any) -> Any:
        return _step(_watch_of(self), original, self)

    return step


def _iter(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def iterate(self: Any) -> Any:
        inner = original(self)
        return inner if inner is self else _iterated(_watch_of(self), inner)

    return iterate


def _iterated(watch: Watch, inner: Any) -> Generator[Any]:
    while True:
        try:
            item = _step(watch, next, inner)
        except StopIteration:
            return
        yield item


def _step(watch: Watch, original: Callable[[Any], Any], source: Any) -> Any:
    """Take one step; one within another (an `__iter__` that calls `__next__`) is the same step."""
    if watch.busy or watch.ended:
        return original(source)
    token = watch.enter()
    watch.busy = True
    try:
        item = original(source)
    except StopIteration:
        watch.end(None)
        raise
    except BaseException as error:
        watch.end(error)
        raise
    finally:
        watch.busy = False
        watch.leave(token)
    watch.item(item)
    return item


def _anext(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def step(self: Any) -> Any:
        return _async_step(_watch_of(self), original, self)

    return step


def _aiter(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def iterate(self: Any) -> Any:
        inner = original(self)
        return inner if inner is self else _async_iterated(_watch_of(self), inner)

    return iterate


async def _async_iterated(watch: Watch, inner: Any) -> AsyncGenerator[Any]:
    while True:
        try:
            item = await _async_step(watch, anext, inner)
        except StopAsyncIteration:
            return
        yield item


async def _async_step(watch: Watch, original: Callable[[Any], Awaitable[Any]], source: Any) -> Any:
    if watch.busy or watch.ended:
        return await original(source)
    token = watch.enter()
    watch.busy = True
    try:
        item = await original(source)
    except StopAsyncIteration:
        watch.end(None)
        raise
    except BaseException as error:
        watch.end(error)
        raise
    finally:
        watch.busy = False
        watch.leave(token)
    watch.item(item)
    return item


def _close(original: Callable[..., Any]) -> Callable[..., Any]:
    def close(self: Any, *args: Any) -> Any:
        _watch_of(self).left()
        return original(self, *args)

    return close


def _enter(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def enter(self: Any) -> Any:
        watch = _watch_of(self)
        token = watch.enter()
        try:
            return _entered(watch, self, original(self))
        except BaseException as error:
            watch.end(error)
            raise
        finally:
            watch.leave(token)

    return enter


def _aenter(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    async def enter(self: Any) -> Any:
        watch = _watch_of(self)
        token = watch.enter()
        try:
            return _entered(watch, self, await original(self))
        except BaseException as error:
            watch.end(error)
            raise
        finally:
            watch.leave(token)

    return enter


def _entered(watch: Watch, manager: Any, stream: Any) -> Any:
    """Watch the stream that a manager gives, too."""
    if stream is not manager and handle_of(stream) is stream:
        try:
            follow(stream, lambda: watch)
        except Exception as error:
            failed("usage", error)
    return stream


_MAKERS: Final[dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]]] = {
    "__next__": _next,
    "__iter__": _iter,
    "__anext__": _anext,
    "__aiter__": _aiter,
    "close": _close,
    "aclose": _close,
    "__exit__": _close,
    "__aexit__": _close,
    "__enter__": _enter,
    "__aenter__": _aenter,
}
