"""Generators and async generators: the full protocol, one step at a time.

The record starts with the first step and ends with the last, however the stream ends. Each
step runs with the call as the current one; between steps the consumer has its own context
back (a variable left set across a `yield` leaks into the consumer and cannot be reset from
another task: open-telemetry/opentelemetry-python#2606). No item is kept.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs import _clock
from pepperpy_obs._dispatch import HUB
from pepperpy_obs._guard import failed
from pepperpy_obs._record import END, START, blank, notes_of
from pepperpy_obs._shapes.capture import fail
from pepperpy_obs._shapes.source import generated
from pepperpy_obs.context import CURRENT, leave

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
    from contextvars import Token

    from pepperpy_obs._record import Record, Spec

__all__ = ["wrap_async_stream", "wrap_stream"]


class _Watch:
    """The record of one stream, and what is learnt from its items as they pass."""

    __slots__ = ("inside", "notes", "record", "usage")

    def __init__(self, spec: Spec) -> None:
        if len(HUB.buffer) >= HUB.limit:
            HUB.relieve()
        self.record = blank(spec, CURRENT.get())
        self.notes = notes_of(self.record)
        self.notes.items = 0
        self.inside = self.record
        self.usage = None
        if spec.tracked:
            from pepperpy_obs.usage import Stream  # noqa: PLC0415 - who only measures does not load it

            self.usage = Stream() if spec.usage is None else Stream(spec.usage)
        HUB.append(self.record)
        self.record[START] = _clock.perf_counter_ns()

    def enter(self) -> Token[Record | None]:
        """Make the call current for one step: the stream's, or that of a block which it had open at its last yield."""
        return CURRENT.set(self.inside)

    def leave(self, token: Token[Record | None] | None) -> None:
        """Give the consumer its context back."""
        self.inside = CURRENT.get() or self.record
        if token is not None:
            leave(token)

    def item(self, item: object) -> None:
        """Note that an item passes; what usage it carries is taken, the item is not kept."""
        notes = self.notes
        if notes.first is None:
            notes.first = _clock.perf_counter_ns()
        notes.items = (notes.items or 0) + 1
        if self.usage is not None:
            try:
                self.usage.feed(item)
            except Exception as error:
                failed("usage", error)

    def end(self, error: BaseException | None) -> None:
        """Complete the record; the first ending counts."""
        if self.record[END] is not None:
            return
        if self.usage is not None and self.notes.captured is None:
            try:
                self.notes.captured = self.usage.captured()
            except Exception as ours:
                failed("usage", ours)
        if error is None:
            self.record[END] = _clock.perf_counter_ns()
        else:
            fail(self.record, error)

    def returned(self, thrown: BaseException | None) -> None:
        """Complete the record of a stream that came to its end by itself, or because it was closed."""
        self.end(thrown if isinstance(thrown, GeneratorExit) else None)

    def __del__(self) -> None:
        """Complete the record of a stream that refused to be closed and was then let go."""
        if self.record[END] is None:
            self.end(GeneratorExit())


class _Blind:
    """Stands for a watch while recording is off."""

    def enter(self) -> None:
        """Leave the context as it is."""

    def leave(self, token: object) -> None:
        """Leave it so."""

    def item(self, item: object) -> None:
        """Learn nothing."""

    def returned(self, thrown: BaseException | None) -> None:
        """Note nothing."""

    def end(self, error: BaseException | None) -> None:
        """Note nothing."""


def _watching(spec: Spec) -> _Watch | _Blind:
    return _Blind() if HUB.off else _Watch(spec)


_pp_watching = _watching
_pp_any_error = BaseException
_pp_returned = StopIteration
_pp_ended = StopAsyncIteration

# As `yield from` drives a generator (PEP 380), but by hand: only so is the call current in each step
# and not between them. A close() passes on as the GeneratorExit that it is: an answer to that, or an
# item in spite of it, is the generator's to give.
_SOURCE: Final = """\
def _pp_make(_pp_target, _pp_spec):
    def measured_stream({parameters}):
        _pp_inner = _pp_target({arguments})
        {forget}
        _pp_watch = _pp_watching(_pp_spec)
        _pp_sent = _pp_thrown = None
        try:
            while True:
                _pp_token = _pp_watch.enter()
                try:
                    _pp_item = _pp_inner.send(_pp_sent) if _pp_thrown is None else _pp_inner.throw(_pp_thrown)
                except _pp_returned as _pp_stop:
                    _pp_watch.returned(_pp_thrown)
                    return _pp_stop.value
                finally:
                    _pp_watch.leave(_pp_token)
                    _pp_sent = _pp_thrown = None
                _pp_watch.item(_pp_item)
                try:
                    _pp_sent = yield _pp_item
                except _pp_any_error as _pp_error:
                    _pp_thrown = _pp_error
        except _pp_any_error as _pp_error:
            _pp_watch.end(_pp_error)
            raise
    return measured_stream
"""

_ASYNC_SOURCE: Final = """\
def _pp_make(_pp_target, _pp_spec):
    async def measured_stream({parameters}):
        _pp_inner = _pp_target({arguments})
        {forget}
        _pp_watch = _pp_watching(_pp_spec)
        _pp_step = _pp_first_step(_pp_inner)
        _pp_sent = _pp_thrown = None
        try:
            while True:
                _pp_token = _pp_watch.enter()
                try:
                    _pp_item = await _pp_step
                except _pp_ended:
                    _pp_watch.returned(_pp_thrown)
                    return
                finally:
                    _pp_watch.leave(_pp_token)
                    _pp_step = _pp_sent = _pp_thrown = None
                _pp_watch.item(_pp_item)
                try:
                    _pp_sent = yield _pp_item
                except _pp_any_error as _pp_error:
                    _pp_thrown = _pp_error
                _pp_step = _pp_inner.asend(_pp_sent) if _pp_thrown is None else _pp_inner.athrow(_pp_thrown)
        except _pp_any_error as _pp_error:
            _pp_watch.end(_pp_error)
            raise
    return measured_stream
"""


def wrap_stream(target: Callable[..., Generator[Any, Any, Any]], spec: Spec) -> Callable[..., Any]:
    """Return a generator function that records each stream of `target`."""
    return generated(_SOURCE, target, (spec,), globals())


def wrap_async_stream(target: Callable[..., AsyncGenerator[Any, Any]], spec: Spec) -> Callable[..., Any]:
    """Return an async generator function that records each stream of `target`."""
    return generated(_ASYNC_SOURCE, target, (spec,), globals())


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
