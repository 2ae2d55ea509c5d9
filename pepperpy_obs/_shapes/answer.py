"""What a tracked call gives back: an answer, whose usage is taken, or something that the answer is yet to come of."""

from __future__ import annotations

from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any

from pepperpy_obs import _clock
from pepperpy_obs._guard import unread
from pepperpy_obs._record import END, identity_of, notes_of
from pepperpy_obs._shapes.capture import note_carried
from pepperpy_obs._shapes.returned_runs import record_run
from pepperpy_obs._shapes.sdk_streams import sdk_stream_of
from pepperpy_obs._shapes.source import is_generated
from pepperpy_obs._shapes.steps import record_stream
from pepperpy_obs._shapes.stream_recorder import CANNOT_LEAVE, Awaited, StreamRecorder
from pepperpy_obs._shapes.streams import named_as, relayed, relayed_async
from pepperpy_obs.context import CURRENT, reset

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_obs._record import Record, Spec

    Take = Callable[[Record, Any, int], Any]

__all__ = ["taker"]


def taker(spec: Spec) -> Take | None:
    """Return what ends the record of a call that has returned, or None if the operation tracks no usage.

    It is given the record, what was returned and when, and returns what the caller gets: that very
    object, or a generator or coroutine in its place that behaves as it does. The record of a call
    that returned a stream or a coroutine ends when that does.
    """
    if not spec.tracked:
        return None
    from pepperpy_obs.usage import capture  # noqa: PLC0415 - `@measured` alone does not load it

    read = spec.usage

    def take(record: Record, answer: Any, end: int) -> Any:
        try:
            later = _later(record, answer, spec, take)
            if later is not None:
                return later
            notes = notes_of(record)
            if notes.untold:  # `record_usage` inside the call is more explicit
                notes.captured = capture(answer if read is None else read(answer)) or notes.captured
                notes.answer = identity_of(answer)
        except BaseException as error:
            unread(error)
        record[END] = end
        return answer

    return take


def _later(record: Record, answer: Any, spec: Spec, take: Take) -> Any:
    """Return what to give the caller if the answer is yet to come, else None."""
    kind = type(answer)
    if kind is CoroutineType:
        return (
            None if is_generated(answer.cr_code) else named_as(answer, _awaited(Awaited(record, answer).armed(), take))
        )
    if kind is GeneratorType:
        return None if is_generated(answer.gi_code) else relayed(answer, StreamRecorder(record, spec))
    if kind is AsyncGeneratorType:
        return None if is_generated(answer.ag_code) else relayed_async(answer, StreamRecorder(record, spec))
    if spec.usage is None and record_run(record, answer):
        return answer
    stream = sdk_stream_of(answer)
    return (
        answer if stream is not None and record_stream(stream, lambda: StreamRecorder(record, spec).armed()) else None
    )


async def _awaited(guard: Awaited, take: Take) -> Any:
    """Await what a function has returned, as a part of its call."""
    token: Any = CURRENT.get()
    before = token
    try:
        guard.disarm()
        token = CURRENT.set(guard.record)
        answer = await guard.coroutine
        reset(token)
        return take(guard.record, answer, _clock.perf_counter_ns())
    except BaseException as error:
        try:
            CURRENT.reset(token)
        except TypeError:
            CURRENT.set(before)
        except CANNOT_LEAVE:
            pass
        if not guard.ended:
            note_carried(guard.record, error)
            guard.end(error)
        raise
