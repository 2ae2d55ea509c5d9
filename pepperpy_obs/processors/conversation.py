"""Which answers of a conversation are of the call that returned it: its state has those of earlier calls as well."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from pepperpy_obs._event import AT
from pepperpy_obs._record import MADE
from pepperpy_obs.events import VOCABULARY
from pepperpy_obs.processors.below import Below, Matching
from pepperpy_obs.processors.known_ids import KnownAnswers
from pepperpy_obs.typing import EventDict

__all__ = ["flag_uncounted", "take_in"]

_SLACK_MS: Final = 5
"""By how much the clock of an id may differ from that of an event."""
_ENTRY: Final = frozenset(
    {name for name in VOCABULARY if name.endswith(("_tokens", "_searches"))}
    | {"provider", "model", "response_model", "response_id", "service_tier", "inference_geo", "cache_hit"}
    | {"reported_cost_usd", "usage_units"}
)
_COUNTED: Final = ("_tokens", "_searches")


def take_in(event: EventDict, earlier: Sequence[EventDict]) -> list[EventDict]:
    """Add to an event those of the `earlier` answers that were made while its call ran.

    Return those of which that is not known. The others are of calls before, and were counted then.
    """
    at, seconds = event.get(AT), event.get("duration_seconds")
    mine: list[EventDict] = []
    unknown: list[EventDict] = []
    for entry in earlier:
        made = entry.pop(MADE, None)
        if made is None or at is None or seconds is None or made > at / 1e6 + _SLACK_MS:
            unknown.append(entry)
        elif made >= at / 1e6 - seconds * 1e3 - _SLACK_MS:
            mine.append(entry)
    if mine:
        _add(event, mine)
    return unknown


def flag_uncounted(event: EventDict, answers: Sequence[EventDict], below: Below, remembered: KnownAnswers) -> None:
    """Flag answers of which it is not known whether they are of this call, unless they were counted elsewhere."""
    matching, trace = Matching(below.requests), event.get("trace_id")
    left = sum(remembered.twin(each, trace) is None and matching.take(each) is None for each in answers)
    if left:
        flag = f"messages: {left} before the last question not counted, may be of earlier calls"
        event["usage_flags"] = [*event.get("usage_flags", ()), flag]


def _add(event: EventDict, mine: list[EventDict]) -> None:
    entries: list[Any] = event.get("usage_entries") or [{name: event[name] for name in event if name in _ENTRY}]
    entries = [*mine, *(entry for entry in entries if "input_tokens" in entry or "output_tokens" in entry)]
    for entry in mine:
        for name, value in entry.items():
            if name.endswith(_COUNTED):
                event[name] = event.get(name, 0) + value
            elif name == "usage_units":
                units = event.get(name, {})
                event[name] = {**units, **{key: units.get(key, 0) + amount for key, amount in value.items()}}
    for name in ("response_id", "reported_cost_usd", "usage_flags"):
        event.pop(name, None)
    costs: list[Any] = [entry.get("reported_cost_usd") for entry in entries]
    if None not in costs:
        event["reported_cost_usd"] = sum(costs, Decimal(0))
    for name in ("provider", "model", "response_model"):
        if name in mine[-1]:
            event.setdefault(name, mine[-1][name])
    event["usage_entries"], event["requests"] = entries, len(entries)
