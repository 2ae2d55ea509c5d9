"""From a record to its event: the words for what the caller only noted. Runs in the drain, never in a call."""

from __future__ import annotations

import os
import sys
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed
from pepperpy_obs._record import CALLER, END, MOVED, SPEC
from pepperpy_obs.events import OPERATION_FINISHED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from pepperpy_obs._record import Notes, Record, Spec
    from pepperpy_obs.context import SpanContext
    from pepperpy_obs.typing import EventDict

__all__ = ["ACCOUNT", "ANSWER", "AT", "THREE", "Writer", "outcome_of"]

AT: Final = "_at"
"""Key of the event's time in epoch ns, for the links up to the aggregate, which takes it out."""
ANSWER: Final = "_answer"
"""Key of the identity of the answer object, likewise."""
ACCOUNT: Final = "_account"
"""Key of the account that the event's cost is charged to, likewise."""

_SECOND: Final = 1_000_000_000
_MARKS: Final = f"{MOVED}_"
_LONG_AGO: Final = 30 * 24 * 3600 * _SECOND
THREE: Final = [f"{number:03}" for number in range(1000)]
"""Three digits of a number: looking them up takes a third of formatting them."""
_QUALNAME: Final = type.__dict__["__qualname__"]
"""Reads the name of a class whose metaclass has another idea of it."""
_MRO: Final = type.__dict__["__mro__"]
_VARS: Final = type.__dict__["__dict__"]
_LEVELS: Final = {"ok": "info", "error": "error", "cancelled": "warning", "abandoned": "warning"}


def outcome_of(error: type[BaseException]) -> str:
    """Return the outcome of a call that ended with an exception of this class.

    Asks the class nothing: its metaclass may be the user's, and not even be hashable.
    """
    if error is GeneratorExit:
        return "abandoned"
    # The library that defines a cancellation is loaded if it was raised; we need not load it to know it.
    return "cancelled" if issubclass(error, _cancellations()) else "error"


def _cancellations() -> tuple[type[BaseException], ...]:
    found: list[type[BaseException]] = []
    for module, name in (
        ("asyncio", "CancelledError"),
        ("concurrent.futures", "CancelledError"),
        ("trio", "Cancelled"),
        ("greenlet", "GreenletExit"),
    ):
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type):
            found.append(kind)
    return tuple(found)


class Writer:
    """Writes the events of one batch after the other. For one thread at a time.

    `begin` looks at the clocks, once per batch, so that a wall clock that is set is followed; what it found
    is public, for `chain.fast_path`, which writes lines without making events of calls.
    """

    __slots__ = ("expected", "mark", "prefix", "second", "skew", "wall")

    def __init__(self, expected: Iterable[str] = ()) -> None:
        self.expected = frozenset(expected)
        """The full names of classes of exceptions that are no errors, in any operation."""
        self.second = -_SECOND
        """The second that `prefix` is the text of, in epoch ns."""
        self.prefix = ""
        self.begin()

    def begin(self) -> None:
        """Begin a batch."""
        self.wall = _clock.time_ns()
        self.skew = self.wall - _clock.perf_counter_ns()
        """What makes epoch ns of a monotonic reading."""
        self.mark = os.urandom(8).hex()
        """The first half of the ids of its events; the other is the span's id, which is random too."""

    def event(self, record: Record) -> EventDict | None:
        """Return the event of a finished record whose lineage is settled; None of one that makes none."""
        spec: Spec = record[SPEC]
        if spec.silent:
            return None
        at = record[END] + self.skew
        # A reading from before a clock was frozen (or after it was freed) lies in the future
        # or ages ago; the time of the drain is nearer to the truth then.
        if not 0 <= self.wall - at < _LONG_AGO:
            at = self.wall
        past = at - self.second
        if not 0 <= past < _SECOND:
            past = self.turn(at)
        event = spec.base.copy()
        event["timestamp"] = f"{self.prefix}{THREE[past // 1_000_000]}{THREE[past // 1000 % 1000]}Z"
        span_context = record[CALLER]
        event["event_id"] = self.mark + (os.urandom(8).hex() if span_context is None else span_context[1])
        event[AT] = at
        _tell(event, record, spec, self.expected)
        return event

    def turn(self, at: int) -> int:
        """Write the text of another second, and return how many ns of it are past."""
        past = at % _SECOND
        self.second = at - past
        self.prefix = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(at // _SECOND))
        return past


def _tell(event: dict[str, Any], record: Record, spec: Spec, expected: frozenset[str]) -> None:
    _, span_context, start, end, notes, error = record
    if spec.event is OPERATION_FINISHED:
        event["duration_seconds"] = (end - start) / 1e9 if end > start else 0.0
        event["trace_id"], event["span_id"], parent, agent, account = span_context
        if parent is not None:
            event["parent_span_id"] = parent
        if agent is not None:
            event["agent"] = agent
        if account is not None:
            event[ACCOUNT] = account
    elif span_context is not None:
        _tell_place(event, span_context)
    if error is not None:
        _tell_failure(event, error, spec, expected, bare=notes is None)
    if notes is not None:
        if notes.captured is not None or _looks(spec, error):
            _tell_usage(event, notes, spec)
        _tell_notes(event, notes, start)
    account = event.get(ACCOUNT)
    if notes is not None or account is not None:
        _tell_fields(event, account and account.fields, notes and notes.fields)


def _tell_fields(event: dict[str, Any], around: Mapping[str, Any] | None, own: Mapping[str, Any] | None) -> None:
    """Add the fields of the blocks around; what was given to this one call stays its own.

    Those that are called like ours get another name: one that no other field has, wherever that came from.
    """
    if around:
        for name, value in around.items():
            event.setdefault(name, value)
    for name in [name for name in own or () if name[:1] == MOVED]:
        value = event.pop(name)
        place = f"user_{name.lstrip(_MARKS)}"
        while place in event:
            place = f"user_{place}"
        event[place] = value


def _tell_place(event: dict[str, Any], span_context: SpanContext) -> None:
    """Say where it happened of what is no call: it has no span of its own, but may have its caller's."""
    trace, own, parent, agent, account = span_context
    if trace is not None:
        event["trace_id"] = trace
        if parent is not None or own is not None:
            event["span_id"] = parent or own
    if agent is not None:
        event["agent"] = agent
    if account is not None:
        event[ACCOUNT] = account


def _tell_failure(
    event: dict[str, Any], error: type[BaseException], spec: Spec, expected: frozenset[str], *, bare: bool
) -> None:
    """Say how it ended, and of a `bare` record, which has no notes, that usage was looked for."""
    if bare and _looks(spec, error):
        event["usage_flags"] = ["missing"]
    if (spec.expected and issubclass(error, spec.expected)) or (expected and _is_among(error, expected)):
        event["raised"] = _QUALNAME.__get__(error)
        return
    outcome = event["outcome"] = outcome_of(error)
    if spec.level is None:
        event["level"] = _LEVELS[outcome]
    if outcome == "error":
        event["error_type"] = _QUALNAME.__get__(error)


def _is_among(error: type[BaseException], names: frozenset[str]) -> bool:
    """Tell whether a class or one that it is made of has one of these names; its metaclass is not asked."""
    return any(
        f"{_VARS.__get__(one).get('__module__')}.{_QUALNAME.__get__(one)}" in names for one in _MRO.__get__(error)
    )


def _looks(spec: Spec, error: type[BaseException] | None) -> bool:
    """Tell whether usage was to come: from what is decorated, and from a provider's block unless it ended well.

    A block's own code says what was used, if it cares to; if it fails, it cannot.
    """
    return spec.tracked or (error is not None and spec.priced and spec.provider is not None)


def _tell_usage(event: dict[str, Any], notes: Notes, spec: Spec) -> None:
    provider = notes.fields.get("provider", spec.provider)
    model = notes.fields.get("model", spec.model) or notes.asked
    captured: Any = notes.captured
    try:
        found = None if captured is None else _usage().usage_fields(captured, provider=provider, model=model)
    except Exception as error:
        failed("usage", error)
        found = None
    if found is not None:
        event.update(found)
        event[ANSWER] = notes.answer
    elif notes.items:
        event["usage_incomplete"] = True
    else:
        # Failed and cancelled requests, too: the provider may bill them, so what they cost is unknown, not nothing.
        event["usage_flags"] = ["missing"]


@cache
def _usage() -> ModuleType:
    from pepperpy_obs import usage  # noqa: PLC0415 - loaded with the first answer, not with the package

    return usage


def _tell_notes(event: dict[str, Any], notes: Notes, start: int) -> None:
    if notes.first is not None:
        event["time_to_first_item_seconds"] = max(0, notes.first - start) / 1e9
    if notes.items is not None:
        event["items"] = notes.items
    if notes.cache is not None:
        event["cache"] = notes.cache
        event["cache_hit"] = notes.cache_hit
    if notes.fields:
        event.update(notes.fields)
    # An agent that hands a model's name on makes no request by that.
    if notes.asked is not None and (event["kind"] == "llm" or "provider" in event):
        event.setdefault("model", notes.asked)
