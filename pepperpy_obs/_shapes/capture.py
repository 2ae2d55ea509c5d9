"""How a call that failed is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed, unread
from pepperpy_obs._record import END, ERROR, identity_of, notes_of

if TYPE_CHECKING:
    from pepperpy_obs._record import Record

__all__ = ["fail", "lost", "note_carried"]


def fail(record: Record, error: BaseException) -> None:
    """End a record with the class of `error`: never the error itself, which holds on to frames."""
    record[ERROR] = type(error)
    record[END] = _clock.perf_counter_ns()


def lost() -> None:
    """Count a call that ran unrecorded, for want of memory."""
    try:
        failed("call", MemoryError("no memory for the record of a call; the call ran, and is counted nowhere else"))
    except MemoryError:  # not even for that
        return


def note_carried(record: Record, error: BaseException) -> None:
    """Note the usage that `error` carries, if the call has none yet: what failed after an answer was paid for."""
    try:
        from pepperpy_obs.usage import capture_error  # noqa: PLC0415 - `@measured` alone does not load it

        carried = capture_error(error)
        if carried is not None:
            notes = notes_of(record)
            # `record_usage` inside the call is more explicit, and so is a stream that has told its usage.
            if notes.untold:
                notes.captured, notes.answer = carried[0], identity_of(carried[1])
    except BaseException as ours:
        unread(ours)
