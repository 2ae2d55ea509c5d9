"""The running call on the application's own log lines, under the names that our events have: one query finds both."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, Final

from pepperpy_obs._guard import failed
from pepperpy_obs._record import SPEC, Record
from pepperpy_obs.context import CURRENT, call_of, span_context

__all__ = ["CallFilter", "add_call", "call_fields"]

_PLACE: Final = ("trace_id", "span_id", "agent", "operation")
_TAKEN: Final = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})
"""What a record of `logging` says itself: a field of this name is left out."""


def call_fields() -> dict[str, Any]:
    """Return the trace, span, agent and operation of the running call, and its attributes; empty without one.

    Attributes are those of `attributes()` blocks around it, received `baggage` among them, and its decorator's.
    """
    record = CURRENT.get()
    if record is None:
        return {}
    trace, span, _, agent, account = span_context(record)
    spec = _spec(record)
    found = dict(account.fields or {}) if account is not None else {}
    if spec is not None:
        found |= spec.attributes
    operation = None if spec is None else spec.operation or None
    place = zip(_PLACE, (trace, None if trace is None else span, agent, operation), strict=True)
    return found | {name: value for name, value in place if value is not None}


def _spec(record: Record) -> Any:
    call = call_of(record)
    return None if call is None else call[SPEC]


def add_call(logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ARG001 - structlog's signature
    """Add the running call's fields to a line, as a structlog processor; what the line says itself stays.

    Never raises. Events of ours that come by, as `Config(log_to_structlog=True)` hands them on, are of other calls.
    """
    if "event_id" in event_dict:
        return event_dict
    try:
        for name, value in call_fields().items():
            event_dict.setdefault(name, value)
    except Exception as error:
        failed("logs", error)
    return event_dict


class CallFilter(logging.Filter):
    """Adds the running call's fields to every record of `logging` that passes a handler or logger; drops none.

    `trace_id`, `span_id`, `agent` and `operation` are always there, empty outside of calls, so that a format may name
    them: `%(trace_id)s`. Attributes are there where they are set. Never raises.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields, and let the record pass."""
        said = vars(record)
        try:
            found = call_fields()
        except Exception as error:
            failed("logs", error)
            found = {}
        for name in _PLACE:
            said.setdefault(name, found.pop(name, ""))
        for name, value in found.items():
            if name not in _TAKEN:
                said.setdefault(name, value)
        return True
