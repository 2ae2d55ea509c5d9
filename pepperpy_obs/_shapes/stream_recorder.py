"""The recorder of one stream: its record, and the usage that is read from its items as they pass.

Theory. A stream is *open* until its record has an END: it was read to its end, closed, left by an error, or let go of.
Between two steps nothing of ours is current. `enter` and `reset` put the call around each step; a step may be entered
in one context and left in another, so `reset` tolerates a foreign token. An end is written once: the first one counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs import _clock
from pepperpy_obs._guard import unread
from pepperpy_obs._record import END, identity_of, notes_of
from pepperpy_obs._shapes.capture import fail, note_carried
from pepperpy_obs.context import CURRENT, reset

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextvars import Token
    from types import TracebackType

    from pepperpy_obs._record import Record, Spec

__all__ = ["Awaited", "NullRecorder", "Step", "StreamRecorder"]

_ENDS: Final = (StopIteration, StopAsyncIteration)


class CallFinalizer:
    """Ends the record of a call that goes on after its function has returned, at the latest when it is let go of."""

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

    def __del__(self) -> None:
        """Complete the record of what was let go before it was awaited, read to its end or closed."""
        self.abandoned()


class Awaited(CallFinalizer):
    """Ends a call that ends with a coroutine, and closes the coroutine if it was never awaited."""

    __slots__ = ("answered", "coroutine")

    def __init__(self, record: Record, coroutine: Coroutine[Any, Any, Any]) -> None:
        super().__init__(record)
        self.coroutine = coroutine
        self.answered = False

    def __del__(self) -> None:
        """Close the coroutine: Python warns of the one that drives it if that was never awaited."""
        self.coroutine.close()
        if not self.answered:
            super().__del__()


class StreamRecorder(CallFinalizer):
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

    def enter(self) -> Token[Record | None]:
        """Make the call current for one step: the stream's, or that of a block which it had open at its last yield."""
        return CURRENT.set(self.inside)

    def reset(self, token: Token[Record | None] | None) -> None:
        """Give the consumer its context back."""
        self.inside = CURRENT.get() or self.record
        if token is not None:
            reset(token)

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

    def returned(self, thrown: BaseException | None) -> None:
        """Complete the record of a stream that came to its end by itself, or because it was closed."""
        # By its class: an exception may have an attribute `__class__` of its own making, which `isinstance` asks.
        self.end(thrown if issubclass(type(thrown), GeneratorExit) else None)


class Step:
    """One step of a stream, for a `with`: the call is current in it, and an exception ends it."""

    __slots__ = ("recorder", "token")

    def __init__(self, recorder: StreamRecorder) -> None:
        self.recorder = recorder
        self.token: Token[Record | None] | None = None

    def __enter__(self) -> None:
        self.token = self.recorder.enter()
        self.recorder.busy = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        recorder = self.recorder
        recorder.busy = False
        recorder.reset(self.token)
        if kind is not None:
            recorder.end(None if issubclass(kind, _ENDS) else error)


class NullRecorder:
    """Stands for a recorder while recording is off."""

    def enter(self) -> None:
        """Leave the context as it is."""

    def reset(self, token: object) -> None:
        """Leave it so."""

    def item(self, item: object) -> None:
        """Learn nothing."""

    def returned(self, thrown: BaseException | None) -> None:
        """Note nothing."""

    def end(self, error: BaseException | None) -> None:
        """Note nothing."""
