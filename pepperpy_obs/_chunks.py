"""Chunks of a stream that are recorded where no call is to keep them: put together, they are one answer."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from pepperpy_obs._guard import unread
from pepperpy_obs._record import Notes, Record
from pepperpy_obs.usage import Captured, Stream
from pepperpy_obs.usage.boundaries import opens, writes
from pepperpy_obs.usage.extract import extract

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["awaits", "record_chunk"]


class _Unfinished:
    """An answer of which some chunks have come; left once it has told its usage, another begins, or it is let go."""

    __slots__ = ("before", "leave", "notes", "place", "stream")

    def __init__(self, place: Record | None, leave: Callable[[Notes], None], before: str | None = None) -> None:
        self.place = place
        self.before = before
        """The id of the answer that was complete before: what is still told of it is no other answer."""
        self.leave = leave
        self.notes: Notes | None = None
        """None as long as nothing in it was like a provider's, and again when it is left."""
        self.stream = Stream()

    def learn(self, chunk: object, fields: dict[str, str]) -> bool:
        """Learn from a chunk; return whether the answer is complete now."""
        self.stream.feed(chunk)
        captured = self.stream.captured(ended=False)
        if captured is None:
            return False
        if self.notes is None:
            self.notes = Notes()
        self.notes.captured = captured
        self.notes.fields.update(fields)
        return not captured.countless and not captured.incomplete

    def end(self) -> None:
        """Leave what is known of the answer, once."""
        notes, self.notes = self.notes, None
        if notes is not None:
            self.leave(notes)

    def __del__(self) -> None:
        """Leave what is known of an answer that was not read to its end."""
        try:
            self.end()
        except BaseException as error:
            unread(error)


_UNFINISHED: Final[ContextVar[_Unfinished | None]] = ContextVar("pepperpy_obs_chunks", default=None)


def awaits(answer: object, place: Record | None) -> bool:
    """Return whether an answer may go on with chunks that were recorded before it, in the same place."""
    unfinished = _UNFINISHED.get()
    return unfinished is not None and unfinished.place is place and unfinished.stream.awaits(answer)


def record_chunk(chunk: object, fields: dict[str, str], place: Record | None, leave: Callable[[Notes], None]) -> None:
    """Learn from a chunk, and have `leave` make a record of the answer once it is complete."""
    unfinished, told = _UNFINISHED.get(), extract(chunk)[0].response_id
    if unfinished is not None and told is not None and told == unfinished.before and _adds_nothing(chunk):
        return
    if unfinished is None or unfinished.place is not place or _begins(chunk, told, unfinished.notes):
        if unfinished is not None:
            unfinished.end()
        unfinished = _Unfinished(place, leave)
    if unfinished.learn(chunk, fields):
        told = _id_of(unfinished.notes)
        unfinished.end()
        unfinished = _Unfinished(place, leave, told)
    _UNFINISHED.set(unfinished)


def _begins(chunk: object, told: str | None, notes: Notes | None) -> bool:
    """Tell whether another answer begins with a chunk: by its id, or because it says so."""
    known = _id_of(notes)
    return notes is not None and (opens(chunk) if told is None or known is None else told != known)


def _adds_nothing(chunk: object) -> bool:
    """Tell whether a chunk is but a word after the end: some servers give every answer one id."""
    return extract(chunk)[1] is None and not opens(chunk) and not writes(chunk)


def _id_of(notes: Notes | None) -> str | None:
    known = notes.captured if notes is not None else None
    return known.response_id if isinstance(known, Captured) else None
