"""One stream under observation: its record, and what is learnt from its items as they pass."""

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

__all__ = ["Awaited", "Blind", "Step", "Watch"]

_ENDS: Final = (StopIteration, StopAsyncIteration)


class Guard:
    """Sees to it that a call which goes on after its function has returned ends, if only by being let go."""

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

    def left(self) -> None:
        """Complete the record of what nobody will read further, if it has not ended."""
        if not self.ended:
            self.end(GeneratorExit())

    def __del__(self) -> None:
        """Complete the record of what was let go before it was awaited, read to its end or closed."""
        self.left()


class Awaited(Guard):
    """Guards a call that ends with a coroutine, which nobody else may be left to close."""

    __slots__ = ("answered", "coroutine")

    def __init__(self, record: Record, coroutine: Coroutine[Any, Any, Any]) -> None:
        super().__init__(record)
        self.coroutine = coroutine
        self.answered = False

    def __del__(self) -> None:
        """Close the coroutine: that it was never awaited is told of the one that drives it."""
        self.coroutine.close()
        if not self.answered:
            super().__del__()


class Watch(Guard):
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
            from pepperpy_obs.usage import Stream  # noqa: PLC0415 - who only measures does not load it

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

    __slots__ = ("token", "watch")

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.token: Token[Record | None] | None = None

    def __enter__(self) -> None:
        self.token = self.watch.enter()
        self.watch.busy = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        watch = self.watch
        watch.busy = False
        watch.reset(self.token)
        if kind is not None:
            watch.end(None if issubclass(kind, _ENDS) else error)


class Blind:
    """Stands for a watch while recording is off."""

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
