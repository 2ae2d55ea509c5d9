"""Marks usage that was counted before, so that tokens and money are counted where the provider answered, once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from pepperpy_obs._event import ANSWER
from pepperpy_obs._record import PRICED
from pepperpy_obs.events import TOKEN_FIELDS
from pepperpy_obs.typing import EventDict

__all__ = ["UNPAID", "CountOnce"]

UNPAID: Final = "_unpaid"
"""Key of a note to the link that prices: counted before, but by nobody who asked for a price."""

_REMEMBERED: Final = 16_384
"""How many answers and spans are remembered; older ones are taken for new."""


_KEPT: Final = 16
"""How many answers a span remembers of those counted below it, the latest."""

_TOKENS: Final = frozenset(TOKEN_FIELDS)

_Answer = tuple[int, Any, Any]
"""Where the answer object is, its input and its output tokens."""
_Counted = tuple[_Answer, bool]
"""An answer, and whether it was priced where it was counted."""


class CountOnce:
    """Sets `usage_duplicate` on an event whose usage others have reported already.

    That is so when its response id was seen before in its trace (the same answer passed through
    a gateway and an SDK), when a call below it returned the very same answer, and when it carries
    the total of a framework's run (`usage_aggregate`) while calls below it reported theirs. Children
    end before their parents, so a span knows by then what was counted below it.
    If nobody was asked for a price where the usage was counted (`@tracked_usage` within `@costed`), the mark leaves
    room for it: `UNPAID` tells the link that prices to do so.
    Needs events in the order in which they ended; keeps a bounded memory of its own.
    """

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._limit = remembered
        self._answers: dict[tuple[str, str], bool] = {}
        self._counted_below: dict[Any, tuple[_Counted, ...]] = {}

    @property
    def waited_for(self) -> Collection[Any]:
        """The spans below which something was counted, and which have not ended yet; a live view."""
        return self._counted_below

    def __call__(self, logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
        """Mark the event if need be, and remember what it counts."""
        below = self._counted_below
        answer = event_dict.pop(ANSWER, 0)
        uses = "input_tokens" in event_dict or "output_tokens" in event_dict
        if not uses and not below:
            return event_dict  # so it is for most events
        span = event_dict.get("span_id")
        counted = below.pop(span, None)
        if uses or not _TOKENS.isdisjoint(event_dict):
            # The address alone may be a later object's; with the same tokens it is the same answer.
            mine = (answer, event_dict.get("input_tokens"), event_dict.get("output_tokens"))
            priced = bool(event_dict.get(PRICED))
            twins = self._twins(event_dict, mine, counted or ())
            if twins:
                event_dict["usage_duplicate"] = True
                if priced and not any(twins):
                    event_dict[UNPAID] = True
            if "response_id" in event_dict and "trace_id" in event_dict:
                told = (event_dict["trace_id"], event_dict["response_id"])
                self._remember(self._answers, told, priced or any(twins))
            counted = (*(counted or ())[-_KEPT:], (mine, priced or any(twins)))
        if counted is not None:
            # An event without a span of its own names the span that it happened in.
            above = event_dict.get("parent_span_id") if "duration_seconds" in event_dict else span
            if above is not None:
                self._remember(below, above, (*below.pop(above, ()), *counted)[-_KEPT:])
        return event_dict

    def _twins(self, event: EventDict, mine: _Answer, below: tuple[_Counted, ...]) -> list[bool]:
        """Return of each time that the usage was counted before whether it was priced then."""
        if event.get("usage_aggregate"):
            twins = [priced for _, priced in below]
        else:
            twins = [priced for answer, priced in below if mine[0] and answer == mine]
        seen = self._answers.get((event.get("trace_id", ""), event.get("response_id", "")))
        return twins if seen is None else [*twins, seen]

    def _remember(self, memory: dict[Any, Any], key: Any, value: Any) -> None:
        memory[key] = value
        if len(memory) > self._limit:
            del memory[next(iter(memory))]
