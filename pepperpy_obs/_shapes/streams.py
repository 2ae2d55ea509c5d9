"""Generators and async generators: the full protocol, one step at a time.

The record starts with the first step and ends with the last, however the stream ends. Each
step runs with the call as the current one; between steps the consumer has its own context
back (a variable left set across a `yield` leaks into the consumer and cannot be reset from
another task: open-telemetry/opentelemetry-python#2606). No item is kept.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pepperpy_obs import _clock
from pepperpy_obs._dispatch import HUB
from pepperpy_obs._guard import failed
from pepperpy_obs._record import END, START, blank, notes_of
from pepperpy_obs._shapes.capture import fail
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
        if self.record[END]:
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


class _Blind:
    """Stands for a watch while recording is off."""

    def enter(self) -> None:
        """Leave the context as it is."""

    def leave(self, token: object) -> None:
        """Leave it so."""

    def item(self, item: object) -> None:
        """Learn nothing."""

    def end(self, error: BaseException | None) -> None:
        """Note nothing."""


def wrap_stream(target: Callable[..., Generator[Any, Any, Any]], spec: Spec) -> Callable[..., Any]:
    """Return a generator function that records each stream of `target`.

    It drives the inner generator as `yield from` does (PEP 380), but by hand: only so is the
    call current in each step and not between them.
    """

    def measured_stream(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inner = target(*args, **kwargs)
        if HUB.off:
            return (yield from inner)
        watch = _Watch(spec)
        sent: Any = None
        thrown: BaseException | None = None
        try:
            while True:
                token = watch.enter()
                try:
                    item = inner.send(sent) if thrown is None else inner.throw(thrown)
                except StopIteration as stop:
                    watch.end(None)
                    return stop.value
                finally:
                    watch.leave(token)
                watch.item(item)
                sent = thrown = None
                try:
                    sent = yield item
                except GeneratorExit as left:
                    closed = _close(inner, watch)
                    watch.end(left)
                    if closed is None:
                        raise
                    return closed
                except BaseException as error:
                    thrown = error
        except BaseException as error:
            watch.end(error)
            raise

    return measured_stream


def _close(inner: Generator[Any, Any, Any], watch: _Watch) -> Any:
    """Close `inner`; since Python 3.13 that may give a value, which belongs to who closed the stream."""
    token = watch.enter()
    try:
        return inner.close()
    finally:
        watch.leave(token)


def wrap_async_stream(target: Callable[..., AsyncGenerator[Any, Any]], spec: Spec) -> Callable[..., Any]:
    """Return an async generator function that records each stream of `target`."""

    async def measured_stream(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inner = target(*args, **kwargs)
        watch = _Blind() if HUB.off else _Watch(spec)
        step = _first_step(inner)
        sent: Any = None
        thrown: BaseException | None = None
        try:
            while True:
                token = watch.enter()
                try:
                    item = await step
                except StopAsyncIteration:
                    break
                finally:
                    watch.leave(token)
                watch.item(item)
                sent = thrown = None
                try:
                    sent = yield item
                except GeneratorExit:
                    await _aclose(inner, watch)
                    raise
                except BaseException as error:
                    thrown = error
                step = inner.asend(sent) if thrown is None else inner.athrow(thrown)
        except BaseException as error:
            watch.end(error)
            raise
        watch.end(None)

    return measured_stream


async def _aclose(inner: AsyncGenerator[Any, Any], watch: _Watch | _Blind) -> None:
    """Close `inner`, so that its `finally` has run when the consumer's `aclose()` returns."""
    token = watch.enter()
    try:
        await inner.aclose()
    finally:
        watch.leave(token)


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
