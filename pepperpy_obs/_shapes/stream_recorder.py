"""The recorder of one stream: its record, and the usage that is read from its items as they pass.

Theory. A stream is *open* until its record has an END: it was read to its end, closed, left by an error, or let go of.
Between two steps nothing of ours is current. A step is entered and left by one call of C code each: a signal handler
may raise before and after these, but not in them. Both stand inside of the `try`; until the variable is set, its value
from before stands where the token will. A step may be entered in one context and left in another, where the token is of
no use. An end is written once: the first one counts.

Python prints what a signal handler raises in a `__del__`. So a recorder has one only while it is *armed*: from when the
stream is handed out to its end. It changes its class for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs import _clock
from pepperpy_obs._guard import unread
from pepperpy_obs._record import END, identity_of, notes_of
from pepperpy_obs._shapes.capture import fail, note_carried
from pepperpy_obs.context import CURRENT, reset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from contextvars import Token

    from pepperpy_obs._record import Record, Spec

__all__ = ["CANNOT_LEAVE", "Awaited", "CallFinalizer", "NullRecorder", "StreamRecorder"]

_ENDS: Final = (StopIteration, StopAsyncIteration)
CANNOT_LEAVE: Final = (ValueError, RuntimeError)
"""What a token raises in another context, or when it was used before a signal handler raised."""


class _Ending:
    """Ends the record of a call that goes on after its function has returned."""

    __slots__ = ("record",)

    def __init__(self, record: Record) -> None:
        self.record = record

    @property
    def ended(self) -> bool:
        """Whether the record is complete: nothing may be written into it any more."""
        return self.record[END] is not None

    def end(self, error: BaseException | None) -> None:
        """Complete the record; the first ending counts."""
        if self.ended:
            return
        if error is None:
            self.record[END] = _clock.perf_counter_ns()
        else:
            fail(self.record, error)

    def abandoned(self) -> None:
        """Complete the record as abandoned, if it has not ended."""
        if not self.ended:
            self.end(GeneratorExit())


class CallFinalizer(_Ending):
    """Ends the record of such a call at the latest when it is let go of."""

    __slots__ = ()

    def __del__(self) -> None:
        """Complete the record of what was let go before it was awaited, read to its end or closed."""
        self.abandoned()


class Awaited(_Ending):
    """Ends a call that ends with a coroutine, and closes the coroutine if it was never awaited."""

    __slots__ = ("coroutine",)

    def __init__(self, record: Record, coroutine: Coroutine[Any, Any, Any]) -> None:
        super().__init__(record)
        self.coroutine = coroutine

    def armed(self) -> Awaited:
        """Have the coroutine closed if nothing refers to this any more."""
        object.__setattr__(self, "__class__", _ArmedAwaited)
        return self

    def disarm(self) -> None:
        """The coroutine is being awaited: it ends its call by itself."""
        object.__setattr__(self, "__class__", Awaited)


class _ArmedAwaited(Awaited, CallFinalizer):
    __slots__ = ()

    def __del__(self) -> None:
        """Close the coroutine: Python warns of the one that drives it if that was never awaited."""
        self.coroutine.close()
        self.abandoned()


class StreamRecorder(_Ending):
    """The record of one stream, and what is learnt from its items as they pass."""

    __slots__ = ("busy", "inside", "notes", "spec", "usage")

    def __init__(self, record: Record, spec: Spec) -> None:
        super().__init__(record)
        self.busy = False
        """Whether a step is being taken."""
        self.notes = notes_of(record)
        self.notes.items = 0
        self.inside = record
        self.spec = spec
        self.usage = None
        if spec.tracked:
            from pepperpy_obs.usage import Stream  # noqa: PLC0415 - `@measured` alone does not load it

            self.usage = Stream() if spec.usage is None else Stream(spec.usage)

    def armed(self) -> StreamRecorder:
        """Have the record end as abandoned if nothing refers to this any more."""
        object.__setattr__(self, "__class__", _ArmedRecorder)
        return self

    def leave(self, token: Token[Record | None]) -> None:
        """Give the consumer its context back after a step; a block that the stream has open is current in its next."""
        self.busy = False
        self.inside = CURRENT.get() or self.record
        reset(token)

    def step(self, call: Callable[..., Any], *args: Any, **given: Any) -> Any:
        """Return what `call` returns, as one step of the stream; an exception ends it."""
        token: Any = CURRENT.get()
        before = token
        try:
            token = CURRENT.set(self.inside)
            self.busy = True
            result = call(*args, **given)
            self.leave(token)
        except BaseException as error:
            try:
                CURRENT.reset(token)
            except TypeError:
                CURRENT.set(before)
            except CANNOT_LEAVE:
                pass
            self.busy = False
            self.end(None if issubclass(type(error), _ENDS) else error)
            raise
        return result

    async def async_step(self, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """Return what `call` returns, awaited, as one step of the stream; an exception ends it."""
        token: Any = CURRENT.get()
        before = token
        try:
            token = CURRENT.set(self.inside)
            self.busy = True
            result = await call(*args)
            self.leave(token)
        except BaseException as error:
            try:
                CURRENT.reset(token)
            except TypeError:
                CURRENT.set(before)
            except CANNOT_LEAVE:
                pass
            self.busy = False
            self.end(None if issubclass(type(error), _ENDS) else error)
            raise
        return result

    def item(self, item: object) -> None:
        """Note that an item passes; what usage it carries is taken, the item is not kept."""
        notes = self.notes
        if notes.first is None:
            notes.first = _clock.perf_counter_ns()
        notes.items = (notes.items or 0) + 1
        if self.usage is not None:
            try:
                self.usage.feed(item)
            except BaseException as error:
                unread(error)

    def end(self, error: BaseException | None) -> None:
        """Complete the record with what usage was seen; the first ending counts."""
        if self.ended:
            return
        if self.usage is not None and self.notes.untold:
            try:
                self.notes.captured = self.usage.captured() or self.notes.captured
            except BaseException as ours:
                unread(ours)
        if error is not None and self.usage is not None:
            note_carried(self.record, error)
        super().end(error)
        object.__setattr__(self, "__class__", StreamRecorder)

    def answered(self, answer: object, response: object) -> None:
        """Complete the record with an answer that came whole or, if that says nothing, with the response it came in."""
        notes = self.notes
        if self.ended:
            return
        notes.items = None
        try:
            from pepperpy_obs.usage import capture  # noqa: PLC0415 - it is loaded by now

            read = self.spec.usage
            if notes.untold:
                notes.captured = capture(answer if read is None else read(answer)) or capture(response)
                notes.answer = identity_of(answer)
        except BaseException as error:
            unread(error)
        super().end(None)
        object.__setattr__(self, "__class__", StreamRecorder)

    def returned(self, thrown: BaseException | None) -> None:
        """Complete the record of a stream that came to its end by itself, or because it was closed."""
        # By its class: an exception may have an attribute `__class__` of its own making, which `isinstance` asks.
        self.end(thrown if issubclass(type(thrown), GeneratorExit) else None)


class _ArmedRecorder(StreamRecorder, CallFinalizer):
    __slots__ = ()


class NullRecorder:
    """Stands for a recorder while recording is off."""

    @property
    def inside(self) -> Record | None:
        """What is current anyway."""
        return CURRENT.get()

    def leave(self, token: Token[Record | None]) -> None:
        """Leave the context as it was."""
        reset(token)

    def item(self, item: object) -> None:
        """Learn nothing."""

    def returned(self, thrown: BaseException | None) -> None:
        """Note nothing."""

    def end(self, error: BaseException | None) -> None:
        """Note nothing."""
