"""What a wrapper does besides timing: note a failure, take from an answer what its usage needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed
from pepperpy_obs._record import END, ERROR, notes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_obs._record import Record, Spec

__all__ = ["fail", "taker"]


def fail(record: Record, error: BaseException) -> None:
    """End a record with the class of `error`: never the error itself, which holds on to frames."""
    record[ERROR] = error.__class__
    record[END] = _clock.perf_counter_ns()


def taker(spec: Spec) -> Callable[[Record, object], None] | None:
    """Return what keeps the usage part of an answer in its record, or None if the operation tracks none."""
    if not spec.tracked:
        return None
    from pepperpy_obs.usage import capture  # noqa: PLC0415 - who only measures does not load it

    read = spec.usage

    def take(record: Record, answer: Any) -> None:
        notes = notes_of(record)
        if notes.captured is not None:
            return  # `record_usage` inside the call was more explicit
        try:
            notes.captured = capture(answer if read is None else read(answer))
            notes.answer = id(answer)
        except Exception as error:
            failed("usage", error)

    return take
