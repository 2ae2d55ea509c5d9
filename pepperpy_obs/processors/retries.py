"""Marks requests that repeat a failed one, and says what that one cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from pepperpy_obs._event import AT
from pepperpy_obs.aggregate.requests import is_request
from pepperpy_obs.typing import EventDict

__all__ = ["Retries"]

_REMEMBERED: Final = 4096
_SECOND: Final = 1_000_000_000

_Which = tuple[Any, Any, Any]
"""Trace, caller, operation."""
_Failure = tuple[int, Decimal | None]
"""When it ended, and what it cost."""


class Retries:
    """Sets `retry` (and `retried_usd`, where that is known) on a request that repeats a failed one.

    A request repeats an earlier one of the same operation by the same caller; each failure has one retry at most. A
    caller that goes on to its next question after a failure looks the same, as no event holds the question. A field
    `attempt` of the call decides it: 1 is a question of its own, whatever failed before.
    Needs events in the order in which they ended; remembers the last 4096 failures.
    """

    def __init__(self) -> None:
        self._failures: dict[_Which, _Failure] = {}

    def __call__(self, logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
        """Mark the event if need be, and remember it if it failed."""
        failed = event_dict.get("outcome") == "error"
        if not (failed or self._failures) or "parent_span_id" not in event_dict or not is_request(event_dict):
            return event_dict
        which = event_dict.get("trace_id"), event_dict["parent_span_id"], event_dict.get("operation")
        ended = event_dict.get(AT, 0)
        before = self._failures.get(which)
        if before is not None and ended - round(event_dict.get("duration_seconds", 0.0) * _SECOND) >= before[0]:
            del self._failures[which]
            if event_dict.get("attempt") != 1:
                event_dict["retry"] = True
                if before[1] is not None:
                    event_dict["retried_usd"] = before[1]
        if failed:
            self._failures[which] = ended, event_dict.get("cost_usd")
            if len(self._failures) > _REMEMBERED:
                del self._failures[next(iter(self._failures))]
        return event_dict
