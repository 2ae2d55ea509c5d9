"""Generators and async generators: the full protocol, one step at a time.

The record starts with the first step and ends with the last, however the stream ends; its caller is that of the
first step or, where there is none any more, that of the call of the generator function. Each
step runs with the call as the current one; between steps the consumer has its own context
back (a variable left set across a `yield` leaks into the consumer and cannot be reset from
another task: open-telemetry/opentelemetry-python#2606). No item is kept.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pepperpy_obs import _clock
from pepperpy_obs._dispatch import RECORDS
from pepperpy_obs._record import START, blank
from pepperpy_obs._shapes.asked import asked_by, candidates, note_asked
from pepperpy_obs._shapes.capture import lost
from pepperpy_obs._shapes.source import generated
from pepperpy_obs._shapes.stream_recorder import CANNOT_LEAVE, NullRecorder, StreamRecorder
from pepperpy_obs.context import CURRENT, is_above

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
    from inspect import Signature
    from types import CodeType

    from pepperpy_obs._record import Record, Spec

__all__ = ["named_as", "relayed", "relayed_async", "wrap_async_stream", "wrap_stream"]


_GENERATORS: Final = CO_GENERATOR | CO_ASYNC_GENERATOR
_REMEMBERED: Final = 1024
Running = TypeVar("Running")


def _recording(spec: Spec, caller: Record | None, *asked: object) -> StreamRecorder | NullRecorder:
    if RECORDS.off:
        return NullRecorder()
    if len(RECORDS.records) >= RECORDS.threshold:
        RECORDS.drain_some()
    try:
        return _new_recorder(spec, caller, *asked)
    except MemoryError:
        lost()
        return NullRecorder()


def _new_recorder(spec: Spec, caller: Record | None, *asked: object) -> StreamRecorder:
    here = CURRENT.get()
    # A web framework sends a response when the route that made its stream has returned, often in another task.
    if here is not caller and caller is not None and (here is None or is_above(here, caller)):
        here = caller
    record = blank(spec, here)
    recorder = StreamRecorder(record, spec).armed()
    if asked:
        note_asked(record, *asked)
    record[START] = _clock.perf_counter_ns()  # before it enters the buffer: the drain relies on it
    RECORDS.append(record)
    return recorder


_pp_any_error = BaseException
_pp_returned = StopIteration
_pp_ended = StopAsyncIteration

# What is called is a plain function, so that the call which it happens in is known: a generator's own code begins
# with its first step only. It bears the flag of the generator function that it stands for (`_named`).
#
# As `yield from` drives a generator (PEP 380), but by hand: only so is the call current in each step
# and not between them. A close() passes on as the GeneratorExit that it is: an answer to that, or an
# item in spite of it, is the generator's to give.
_SOURCE: Final = """\
def _pp_make(_pp_target, _pp_given, _pp_recording):
    def _pp_stream(_pp_caller, {parameters}):
        _pp_inner = _pp_target({arguments})
        _pp_recorder = _pp_recording(_pp_given, _pp_caller{asked})
        {forget}
        _pp_sent = _pp_thrown = None
        try:
            while True:
                _pp_token = _pp_before = _pp_current()
                try:
                    try:
                        _pp_token = _pp_enter(_pp_recorder.inside)
                        _pp_item = _pp_inner.send(_pp_sent) if _pp_thrown is None else _pp_inner.throw(_pp_thrown)
                        _pp_recorder.leave(_pp_token)
                    except _pp_any_error:
                        try:
                            _pp_leave(_pp_token)
                        except _pp_no_token:
                            _pp_enter(_pp_before)
                        except _pp_cannot_leave:
                            pass
                        raise
                except _pp_returned as _pp_stop:
                    _pp_recorder.returned(_pp_thrown)
                    return _pp_stop.value
                finally:
                    _pp_sent = _pp_thrown = _pp_token = _pp_before = None
                _pp_recorder.item(_pp_item)
                try:
                    _pp_sent = yield _pp_item
                except _pp_any_error as _pp_error:
                    _pp_thrown = _pp_error
        except _pp_any_error as _pp_error:
            _pp_recorder.end(_pp_error)
            raise
    def measured_stream({parameters}):
        return _pp_stream(_pp_current(), {arguments})
    return _pp_named(measured_stream, _pp_stream, _pp_target)
"""

_ASYNC_SOURCE: Final = """\
def _pp_make(_pp_target, _pp_given, _pp_recording):
    async def _pp_stream(_pp_caller, {parameters}):
        _pp_inner = _pp_target({arguments})
        _pp_recorder = _pp_recording(_pp_given, _pp_caller{asked})
        {forget}
        _pp_step = _pp_first_step(_pp_inner)
        _pp_sent = _pp_thrown = None
        try:
            while True:
                _pp_token = _pp_before = _pp_current()
                try:
                    try:
                        _pp_token = _pp_enter(_pp_recorder.inside)
                        _pp_item = await _pp_step
                        _pp_recorder.leave(_pp_token)
                    except _pp_any_error:
                        try:
                            _pp_leave(_pp_token)
                        except _pp_no_token:
                            _pp_enter(_pp_before)
                        except _pp_cannot_leave:
                            pass
                        raise
                except _pp_ended:
                    _pp_recorder.returned(_pp_thrown)
                    return
                finally:
                    _pp_step = _pp_sent = _pp_thrown = _pp_token = _pp_before = None
                _pp_recorder.item(_pp_item)
                try:
                    _pp_sent = yield _pp_item
                except _pp_any_error as _pp_error:
                    _pp_thrown = _pp_error
                _pp_step = _pp_inner.asend(_pp_sent) if _pp_thrown is None else _pp_inner.athrow(_pp_thrown)
        except _pp_any_error as _pp_error:
            _pp_recorder.end(_pp_error)
            raise
    def measured_stream({parameters}):
        return _pp_stream(_pp_current(), {arguments})
    return _pp_named(measured_stream, _pp_stream, _pp_target)
"""


def wrap_stream(target: Callable[..., Generator[Any, Any, Any]], spec: Spec) -> Callable[..., Any]:
    """Return a generator function that records each stream of `target`."""
    return generated(_SOURCE, target, (spec, _recording), globals(), asked=_asked(target, spec))


def wrap_async_stream(target: Callable[..., AsyncGenerator[Any, Any]], spec: Spec) -> Callable[..., Any]:
    """Return an async generator function that records each stream of `target`."""
    return generated(_ASYNC_SOURCE, target, (spec, _recording), globals(), asked=_asked(target, spec))


def relayed(inner: Generator[Any, Any, Any], recorder: StreamRecorder) -> Generator[Any, Any, Any]:
    """Return a generator that drives `inner`, made elsewhere, under a recorder."""
    relay: Generator[Any, Any, Any] = generated(_SOURCE, lambda: inner, (recorder, _as_given), globals(), asked="")()
    named_as(inner, relay)
    recorder.armed()
    return relay


def relayed_async(inner: AsyncGenerator[Any, Any], recorder: StreamRecorder) -> AsyncGenerator[Any, Any]:
    """Return an async generator that drives `inner`, made elsewhere, under a recorder."""
    relay: AsyncGenerator[Any, Any] = generated(
        _ASYNC_SOURCE, lambda: inner, (recorder, _as_given), globals(), asked=""
    )()
    named_as(inner, relay)
    recorder.armed()
    return relay


def named_as(inner: Any, relay: Running) -> Running:
    """Give a generator or coroutine the name of the one that it drives."""
    named: Any = relay
    named.__name__, named.__qualname__ = inner.__name__, inner.__qualname__
    return relay


def _asked(target: Callable[..., Any], spec: Spec) -> Callable[[Signature | None, str], str]:
    def spelt(signature: Signature | None, arguments: str) -> str:
        found = candidates(target, spec, signature, arguments)
        return f", {found}" if found else ""

    return spelt


def _as_given(recorder: StreamRecorder, _caller: Record | None) -> StreamRecorder:
    return recorder


def _named(wrapper: Callable[..., Any], stream: Callable[..., Any], target: Callable[..., Any]) -> Callable[..., Any]:
    """Return a wrapper that passes for a generator function, as which `inspect`, pytest and FastAPI are to treat it.

    In CPython the flag only says what a call gives: what makes a generator is the opcode RETURN_GENERATOR (3.11).
    Other interpreters may go by the flag; there the wrapper is the plain function that it is.
    """
    made: Any = stream
    for name in ("__name__", "__qualname__"):
        if isinstance(known := getattr(target, name, None), str):
            setattr(made, name, known)
    if sys.implementation.name != "cpython":
        return wrapper
    plain: Any = wrapper
    code = _flagged(plain.__code__, made.__code__.co_flags & _GENERATORS)
    return FunctionType(code, plain.__globals__, plain.__name__, None, plain.__closure__)


@lru_cache(_REMEMBERED)
def _flagged(code: CodeType, flags: int) -> CodeType:
    return code.replace(co_flags=code.co_flags | flags)


def _first_step(inner: AsyncGenerator[Any, Any]) -> Awaitable[Any]:
    """Begin `inner` unseen by the event loop's hooks: the wrapper, which they do see, closes it.

    Otherwise `loop.shutdown_asyncgens` would close both at once, and one of them would be running.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return inner.asend(None)
    finally:
        sys.set_asyncgen_hooks(*hooks)


_pp_first_step = _first_step
_pp_current = CURRENT.get
_pp_enter = CURRENT.set
_pp_leave = CURRENT.reset
_pp_no_token = TypeError
_pp_cannot_leave = CANNOT_LEAVE
_pp_named = _named
_pp_asked_by = asked_by
