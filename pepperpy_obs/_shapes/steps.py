"""The methods of a stream object of an SDK: each step, each end and each `with` is seen by its recorder."""

from __future__ import annotations

from collections.abc import Callable
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs._guard import unread
from pepperpy_obs._shapes.patching import patch_methods, record_on, recorder_of
from pepperpy_obs._shapes.sdk_streams import is_raw, sdk_stream_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Generator

    from pepperpy_obs._shapes.stream_recorder import StreamRecorder

__all__ = ["record_stream"]

_Method = Callable[..., Any]


def record_stream(stream: Any, recording: Callable[[], StreamRecorder]) -> bool:
    """Have a new recorder see the items of a stream object; False if that is not possible, or done already."""
    if recorder_of(stream) is not None:
        return False
    kind: Any = type(stream)
    try:
        patch_methods(kind, _RESPONSE if is_raw(kind) else _STREAM)
        record_on(stream, recording)
    except (TypeError, AttributeError):  # a class that cannot be changed, or objects that nothing can refer to weakly
        return False
    return True


def _next(original: _Method) -> _Method:
    def step(self: Any) -> Any:
        recorder = recorder_of(self)
        return original(self) if recorder is None else _step(recorder, original, self)

    return step


def _iter(original: _Method) -> _Method:
    def iterate(self: Any, *args: Any, **given: Any) -> Any:
        inner = original(self, *args, **given)
        recorder = recorder_of(self)
        return inner if recorder is None or recorder.ended or inner is self else _iterated(recorder, inner)

    return iterate


def _iterated(recorder: StreamRecorder, inner: Any) -> Any:
    """Have a recorder see what is iterated in place of its stream; return that, wrapped if it is a generator."""
    if type(inner) is GeneratorType:
        return _stepwise(recorder, inner)
    if type(inner) is AsyncGeneratorType:
        return _async_stepwise(recorder, inner)
    _record_further(recorder, inner)
    return inner


def _stepwise(recorder: StreamRecorder, inner: Any) -> Generator[Any]:
    while True:
        try:
            item = _step(recorder, next, inner)
        except StopIteration:
            return
        yield item


def _step(recorder: StreamRecorder, original: _Method, source: Any) -> Any:
    """Take one step; one within another (an `__iter__` that calls `__next__`) is the same step."""
    if recorder.busy or recorder.ended:
        return original(source)
    item = recorder.step(original, source)
    recorder.item(item)
    return item


def _anext(original: _Method) -> _Method:
    def step(self: Any) -> Any:
        recorder = recorder_of(self)
        return original(self) if recorder is None else _async_step(recorder, original, self)

    return step


async def _async_stepwise(recorder: StreamRecorder, inner: Any) -> AsyncGenerator[Any]:
    while True:
        try:
            item = await _async_step(recorder, anext, inner)
        except StopAsyncIteration:
            return
        yield item


async def _async_step(recorder: StreamRecorder, original: _Method, source: Any) -> Any:
    if recorder.busy or recorder.ended:
        return await original(source)
    item = await recorder.async_step(original, source)
    recorder.item(item)
    return item


def _close(original: _Method) -> _Method:
    def close(self: Any, *args: Any, **given: Any) -> Any:
        recorder = recorder_of(self)
        if recorder is not None and not recorder.busy:  # litellm's streams close themselves in their last step
            recorder.abandoned()
        return original(self, *args, **given)

    return close


def _enter(original: _Method) -> _Method:
    def enter(self: Any) -> Any:
        recorder = recorder_of(self)
        if recorder is None or recorder.busy or recorder.ended:
            return original(self)
        return _entered(recorder, self, recorder.step(original, self))

    return enter


def _aenter(original: _Method) -> _Method:
    def enter(self: Any) -> Any:
        recorder = recorder_of(self)
        return (
            original(self)
            if recorder is None or recorder.busy or recorder.ended
            else _async_enter(recorder, original, self)
        )

    return enter


async def _async_enter(recorder: StreamRecorder, original: _Method, manager: Any) -> Any:
    return _entered(recorder, manager, await recorder.async_step(original, manager))


def _entered(recorder: StreamRecorder, manager: Any, entered: Any) -> Any:
    """Watch the stream that a manager gives, too."""
    if entered is not manager:
        _record_further(recorder, entered)
    return entered


def _record_further(recorder: StreamRecorder, further: Any) -> bool:
    """Let a recorder see what passes through a further object, if that is a stream."""
    try:
        return sdk_stream_of(further) is further and record_stream(further, lambda: recorder)
    except BaseException as error:
        unread(error)
        return False


def _read(original: _Method) -> _Method:
    """Return a method of a raw response that gives what came: an answer, a stream of it, or a coroutine of either."""

    def read(self: Any, *args: Any, **given: Any) -> Any:
        recorder = recorder_of(self)
        if recorder is None or recorder.busy or recorder.ended:
            return original(self, *args, **given)
        result = recorder.step(original, self, *args, **given)
        if hasattr(type(result), "__await__"):
            return _async_read(recorder, self, result)
        return _came(recorder, self, result)

    return read


async def _async_read(recorder: StreamRecorder, response: Any, reading: Awaitable[Any]) -> Any:
    return _came(recorder, response, await recorder.async_step(lambda: reading))


def _came(recorder: StreamRecorder, response: Any, result: Any) -> Any:
    """Note what a raw response was read as, and return it."""
    if not _record_further(recorder, result):
        recorder.answered(result, response)
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
