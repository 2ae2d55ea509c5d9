"""Marks usage that was counted before, so that tokens and money are counted where the provider answered, once."""

from __future__ import annotations

from typing import Any, Final

from pepperpy_obs.events import TOKEN_FIELDS
from pepperpy_obs.typing import EventDict

__all__ = ["CountOnce"]

_REMEMBERED: Final = 16_384
"""How many answers and spans are remembered; older ones are taken for new."""


class CountOnce:
    """Sets `usage_duplicate` on an event whose usage others have reported already.

    That is so when its response id was seen before in its trace (the same answer passed through
    a gateway and an SDK, or from a child to its parent), and when it carries the total of a
    framework's run (`usage_aggregate`) while calls below it reported theirs. Children end
    before their parents, so a span knows by then that something below it was counted.
    Needs events in the order in which they ended; keeps a bounded memory of its own.
    """

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._limit = remembered
        self._answers: dict[tuple[str, str], None] = {}
        self._counted_below: dict[Any, None] = {}

    def __call__(self, logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
        """Mark the event if need be, and remember what it counts."""
        below = self._counted_below
        if not below and "input_tokens" not in event_dict and "output_tokens" not in event_dict:
            return event_dict  # so it is for most events
        span = event_dict.get("span_id")
        counted = span in below
        if counted:
            del below[span]
        if any(key in event_dict for key in TOKEN_FIELDS):
            if (counted and event_dict.get("usage_aggregate")) or self._seen(event_dict):
                event_dict["usage_duplicate"] = True
            counted = True
        if counted:
            # An event without a span of its own names the span that it happened in.
            above = event_dict.get("parent_span_id") if "duration_seconds" in event_dict else span
            if above is not None:
                self._remember(below, above)
        return event_dict

    def _seen(self, event: EventDict) -> bool:
        trace, response = event.get("trace_id"), event.get("response_id")
        if trace is None or response is None:
            return False
        if (trace, response) in self._answers:
            return True
        self._remember(self._answers, (trace, response))
        return False

    def _remember(self, memory: dict[Any, None], key: Any) -> None:
        memory[key] = None
        if len(memory) > self._limit:
            del memory[next(iter(memory))]
