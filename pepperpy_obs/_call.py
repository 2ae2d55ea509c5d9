"""One call under observation, as the code inside it sees it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs import _clock
from pepperpy_obs._account import NOTHING, Spent
from pepperpy_obs._dispatch import RECORDS, buffers, runtime
from pepperpy_obs._guard import failed, unread
from pepperpy_obs._record import END, MOVED, NOTES, SPEC, START, Notes, Record, Spec, blank, notes_of
from pepperpy_obs.baggage import format_baggage
from pepperpy_obs.context import CURRENT, account_of, call_of, format_traceparent, own_place, span_context
from pepperpy_obs.events import CACHE_LOOKED_UP, USAGE_RECORDED, VOCABULARY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pepperpy_obs._dispatch import RecordBuffer

__all__ = ["SETTABLE", "Call", "current_call", "leave_record"]

SETTABLE: Final = frozenset({"provider", "model", "response_model", "service_tier"})
"""Keys of ours that a call's own code may know better than its decorator."""


_LONGEST_NAME: Final = 256
_LOOKUP: Final = Spec("", event=CACHE_LOOKED_UP)


def own_names(fields: Mapping[str, Any]) -> dict[str, Any]:
    r"""Return `fields` with every name that is ours by meaning marked, so that no fact of ours is overwritten.

    In the event it becomes `user_<name>`, or `user_user_<name>` where the user has a field of that name, too.
    A model or provider must be a text (an Enum's will do), or what is counted would not be what the log says.

    >>> own_names({"customer": "acme", "model": "gpt-4o", "outcome": "won", "provider": 42})
    {'customer': 'acme', 'model': 'gpt-4o', '\x00outcome': 'won', '\x00provider': 42}
    """
    return dict(_own(name, value) for name, value in fields.items() if value is not None or name not in SETTABLE)


def _own(name: str, value: Any) -> tuple[str, Any]:
    """Mark a name that has a meaning: a key of the event, or (with _ before it) a note of the chain to itself."""
    if name in SETTABLE and (text := as_text(value)) is not None:
        return name, text
    return (f"{MOVED}{name}" if name in VOCABULARY or name.startswith(("_", MOVED)) else name), value


def as_text(value: object) -> str | None:
    """Return a name as the log will have it, or None if it is no text."""
    text = value.value if isinstance(value, Enum) else value
    if not isinstance(text, str):
        return None
    text = str.__str__(text)[:_LONGEST_NAME]
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Call:
    """The call that is running: add fields to its event, name it to others, give it its usage.

    Made by `current_call()` and by the `with` blocks. Without a call around, everything is
    accepted and goes nowhere (usage is still counted), so library code need not ask. What is
    added after the call has ended is lost. To be used by the code of the call, in any thread.
    """

    __slots__ = ("_buffer", "_place", "_record")

    def __init__(self, record: Record | None, buffer: RecordBuffer = RECORDS, place: Record | None = None) -> None:
        self._record = record
        self._buffer = buffer
        self._place = record if place is None else place
        """Where what happens now belongs: the call, or a block of attributes in it."""

    def __bool__(self) -> bool:
        """Tell whether there is a call."""
        return self._record is not None

    def add(self, /, **fields: Any) -> Call:
        """Add fields to the call's event.

        A name that is ours by meaning (`outcome`), or begins with an underscore (`_id`), becomes `user_<name>`
        (`user_outcome`, `user_id`); where another field has that name, `user_user_<name>`.
        Values are made fit for JSON later, and redacted, away from the call. Do not change
        a list or dict after handing it over.
        """
        if self._record is not None:
            notes_of(self._record).fields.update(own_names(fields))
        return self

    def record_usage(self, answer: object, *, provider: str | None = None, model: str | None = None) -> Call:
        """Count the tokens of a provider's answer: an SDK object, a dict, raw JSON, or a `Usage`.

        The first answer becomes the call's own; each further one, and one without a call
        around, leaves an event `usage.recorded` of its own below it. The chunks of a stream may be
        given one by one: together they are an answer, or several, of the call. Without a call around, an answer of
        which no chunk tells its usage is counted when the next one begins, or with the end of the task or thread.
        """
        if self._buffer.off:
            return self
        try:
            self._take(answer, provider, model)
        except BaseException as error:
            unread(error)
        return self

    def _take(self, answer: object, provider: str | None, model: str | None) -> None:
        from pepperpy_obs.usage import capture, is_piece  # noqa: PLC0415 - `@measured` alone does not load it

        record, place = self._record, self._place
        given = own_names({"provider": provider, "model": model})
        # Within a block of attributes it is not the call's own, or the cost would lack the block's fields.
        own = record is not None and record is place and not record[SPEC].silent
        notes = notes_of(record) if record is not None and own else None
        piece = is_piece(answer) or _awaited(answer, notes, place)
        if piece and notes is not None:
            _put_together(notes, answer)
            notes.fields.update(given)
            return
        operation = record[SPEC].operation if record is not None and record[SPEC] is not None else ""
        spec = Spec(operation, kind="llm", event=USAGE_RECORDED, tracked=True, priced=True)
        if piece:
            from pepperpy_obs._chunks import record_chunk  # noqa: PLC0415 - `@measured` alone does not load it

            buffer = self._buffer
            record_chunk(answer, given, place, lambda notes: leave_record(spec, place, notes, buffer=buffer))
            return
        captured = capture(answer)
        if captured is None:
            given["usage_flags"] = ["missing"]
        if notes is not None and (captured is None or notes.captured is None):
            notes.captured = notes.captured or captured
            notes.fields.update(given)
            return
        notes = Notes()
        notes.captured, notes.fields = captured, given
        leave_record(spec, place, notes, buffer=self._buffer)

    def cache_lookup(self, name: str, *, hit: bool, answer: bool = True) -> Call:
        """Count that a cache was asked within this call, and whether it knew the answer.

        `answer=False`: what was looked up is not the call's answer, which is charged all the same.
        """
        record = self._record
        name = as_text(name) or type(name).__name__
        if answer and record is not None and not record[SPEC].silent:
            notes = notes_of(record)
            if notes.cache is None:
                notes.cache, notes.cache_hit = name, bool(hit)
                return self
        if not self._buffer.off:
            notes = Notes()
            notes.cache, notes.cache_hit = name, bool(hit)
            leave_record(_LOOKUP, self._place, notes, buffer=self._buffer)
        return self

    @property
    def trace_id(self) -> str | None:
        """The trace that the call belongs to, 32 hex digits."""
        return None if self._place is None else span_context(self._place)[0]

    @property
    def span_id(self) -> str | None:
        """The call's own id in its trace, 16 hex digits."""
        return None if self._place is None else span_context(self._place)[1]

    @property
    def agent(self) -> str | None:
        """The agent on whose behalf it runs."""
        return None if self._place is None else span_context(self._place)[3]

    @property
    def operation(self) -> str | None:
        """The name under which it is counted."""
        return None if self._record is None or self._record[SPEC] is None else self._record[SPEC].operation

    @property
    def traceparent(self) -> str | None:
        """The W3C header to send on, so that what the callee does hangs below this call."""
        return None if self._place is None else format_traceparent(self._place)

    @property
    def baggage(self) -> str | None:
        """The W3C header that sends the fields of `attributes` on, beside `traceparent`."""
        account = None if self._place is None else span_context(self._place)[4]
        return None if account is None or not account.fields else format_baggage(account.fields)

    def spending(self) -> Spent:
        """Return what the call has spent so far, with all below it that has ended: requests, tokens, cost, unpriced.

        First folds every call that has returned, as `stats()` does. An answer of the call itself counts once it has
        ended; so ask a block behind its end.

        >>> from pepperpy_obs import measure
        >>> with measure("run") as run, measure("ask") as ask:
        ...     _ = ask.record_usage({"model": "gpt-4o-mini", "usage": {"input_tokens": 1000, "output_tokens": 0}})
        >>> run.spending().requests, run.spending().cost
        (1, Decimal('0.00015000'))
        """
        try:
            for buffer in list(buffers):  # what is below may have been recorded through a collector of its own
                if buffer is self._buffer or buffer.runtime is not None:
                    runtime(buffer).flush()
            account = None if self._record is None else account_of(self._record)
            return NOTHING if account is None else account.total()
        except Exception as error:
            failed("spending", error)
            return NOTHING


def _awaited(answer: object, notes: Notes | None, place: Record | None) -> bool:
    """Return whether an answer may go on with chunks that were recorded before it."""
    if notes is not None:
        return notes.pieces is not None and bool(notes.pieces.awaits(answer))
    from pepperpy_obs._chunks import awaits  # noqa: PLC0415 - it is loaded by now, or nearly

    return awaits(answer, place)


def _put_together(notes: Notes, piece: object) -> None:
    """Learn from a chunk of a stream, after what was recorded before it."""
    if notes.pieces is None:
        from pepperpy_obs.usage import Stream  # noqa: PLC0415 - it is loaded by now

        notes.pieces = Stream()
        if notes.captured is not None:
            notes.pieces.add(notes.captured)
    notes.pieces.feed(piece)
    notes.captured = notes.pieces.captured(ended=False)


def current_call() -> Call:
    """Return the call that is running here; a false one that swallows everything if there is none."""
    record = own_place(CURRENT.get())
    return Call(call_of(record), RECORDS, None if record is None or record[SPEC] is None else record)


def leave_record(
    spec: Spec,
    parent: Record | None,
    notes: Notes | None = None,
    *,
    seconds: float = 0.0,
    buffer: RecordBuffer = RECORDS,
) -> None:
    """Leave the record of something that has happened already, `seconds` long; the buffer may have to be relieved."""
    if len(buffer.records) >= buffer.threshold:
        buffer.drain_some()
    record = blank(spec, parent)
    record[NOTES] = notes
    now = _clock.perf_counter_ns()
    record[START] = now - round(seconds * 1e9)
    record[END] = now
    buffer.append(record)
