"""From a record to its event: the words for what the caller only noted. Runs in the drain, never in a call."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed
from pepperpy_obs._record import CALLER, END, NOTES, SPEC, START
from pepperpy_obs.context import random_hex
from pepperpy_obs.events import CACHE_LOOKED_UP, METRIC_RECORDED, OPERATION_FINISHED

if TYPE_CHECKING:
    from pepperpy_obs._record import Notes, Record, Spec

__all__ = ["AT", "PURSE", "Writer", "outcome_of"]

AT: Final = "_at"
"""Key of the event's time in epoch ns, for the links up to the aggregate, which takes it out."""
PURSE: Final = "_purse"
"""Key of the budget that the call was made under, likewise."""

_SECOND: Final = 1_000_000_000
_LONG_AGO: Final = 30 * 24 * 3600 * _SECOND
_LEVELS: Final = {"ok": "info", "error": "error", "cancelled": "warning", "abandoned": "warning"}

_outcomes: dict[type[BaseException], str] = {GeneratorExit: "abandoned"}


def outcome_of(error: type[BaseException]) -> str:
    """Return the outcome of a call that ended with an exception of this class."""
    known = _outcomes.get(error)
    if known is None:
        # The library that defines a cancellation is loaded if it was raised; we need not load it to know it.
        known = "cancelled" if issubclass(error, _cancellations()) else "error"
        _outcomes[error] = known
    return known


def _cancellations() -> tuple[type[BaseException], ...]:
    found: list[type[BaseException]] = []
    for module, name in (
        ("asyncio", "CancelledError"),
        ("concurrent.futures", "CancelledError"),
        ("trio", "Cancelled"),
    ):
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type):
            found.append(kind)
    return tuple(found)


class Writer:
    """Writes events; remembers the text of the second that it last stamped. For one thread at a time."""

    __slots__ = ("_prefix", "_second", "_skew", "_wall")

    def __init__(self) -> None:
        self._second = -1
        self._prefix = ""
        self._wall = 0
        self._skew = 0

    def tune(self) -> None:
        """Compare the wall clock with the monotonic one; once per batch, so that a clock that is set is followed."""
        self._wall = _clock.time_ns()
        self._skew = self._wall - _clock.perf_counter_ns()

    def event(self, record: Record) -> dict[str, Any]:
        """Return the event of a finished record whose lineage is settled."""
        spec: Spec = record[SPEC]
        event = spec.base.copy()
        at = self._at(record[END])
        event["timestamp"] = self._stamp(at)
        event["event_id"] = random_hex(32)
        event[AT] = at
        if spec.event == OPERATION_FINISHED:
            event["duration_seconds"] = max(0, record[END] - record[START]) / 1e9
        if record[CALLER] is not None:
            _tell_lineage(event, record[CALLER], spec)
        notes: Notes | None = record[NOTES]
        if notes is not None:
            if notes.error is not None:
                _tell_failure(event, notes.error, spec)
            if notes.captured is not None or spec.tracked:
                _tell_usage(event, notes, spec)
            _tell_notes(event, notes, record[START])
        return event

    def _at(self, end: int) -> int:
        """Return the wall time of a monotonic one.

        A reading from before a clock was frozen (or after it was freed) lies in the future
        or ages ago; the time of the drain is nearer to the truth then.
        """
        at = end + self._skew
        return at if 0 <= self._wall - at < _LONG_AGO else self._wall

    def _stamp(self, at: int) -> str:
        second, rest = divmod(at, _SECOND)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._prefix}.{rest // 1000:06d}Z"


def needs_lineage(record: Record) -> bool:
    """Tell whether ids mean anything for the event: a lone metric or cache lookup belongs to no trace."""
    spec: Spec = record[SPEC]
    return spec.event not in {METRIC_RECORDED, CACHE_LOOKED_UP} or record[CALLER] is not None


def _tell_failure(event: dict[str, Any], error: type[BaseException], spec: Spec) -> None:
    outcome = event["outcome"] = outcome_of(error)
    if spec.level is None:
        event["level"] = _LEVELS[outcome]
    if outcome == "error":
        event["error_type"] = error.__qualname__


def _tell_lineage(event: dict[str, Any], lineage: tuple[Any, ...], spec: Spec) -> None:
    event["trace_id"], span, parent, agent, purse = lineage
    if spec.event == OPERATION_FINISHED:
        event["span_id"] = span
        if parent is not None:
            event["parent_span_id"] = parent
    elif parent is not None or span is not None:
        event["span_id"] = parent or span  # no span of its own: it happened in its caller's
    if agent is not None:
        event["agent"] = agent
    if purse is not None:
        event[PURSE] = purse


def _tell_usage(event: dict[str, Any], notes: Notes, spec: Spec) -> None:
    from pepperpy_obs import usage  # noqa: PLC0415 - loaded with the first answer, not with the package

    provider, model = notes.fields.get("provider", spec.provider), notes.fields.get("model", spec.model)
    captured: Any = notes.captured
    try:
        found = None if captured is None else usage.read(captured, provider=provider, model=model)
    except Exception as error:
        failed("usage", error)
        found = None
    if found is not None:
        event.update(usage.fields(found))
    elif notes.items is not None:
        event["usage_incomplete"] = True
    elif notes.error is None:
        event["usage_flags"] = ["missing"]


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
