"""Takes out of a total what was counted before, request by request."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from pepperpy_obs.processors.below import Below, Matching
from pepperpy_obs.processors.known_ids import KnownAnswers, known_id, told_id
from pepperpy_obs.typing import EventDict

__all__ = ["Parts", "is_total", "without"]

_ALONE: Final = ("model", "response_model", "response_id", "requests", "input_tokens", "output_tokens")
_COUNTED: Final = ("_tokens", "_searches")
"""How the names of what is counted end."""


def is_total(event: EventDict) -> bool:
    """Tell whether an event tells of several requests, of which some may have been counted before."""
    return bool(event.get("usage_aggregate")) or ("usage_entries" in event and known_id(event) is None)


class Parts:
    """The requests of a total, sorted by whether they were counted before.

    They are found by their response ids first, then by model and tokens among the requests below of which
    not both have an id. A part that stands for several requests is found where some below add up to it exactly.
    """

    __slots__ = ("before", "new", "priced")

    def __init__(self, event: EventDict, below: Below | None, remembered: KnownAnswers) -> None:
        self.before: list[EventDict] = []
        self.priced = False
        """Whether any of those that were counted before was priced then."""
        self.new: list[EventDict] = event.get("usage_entries") or [_alone(event)]
        matching = Matching(below.requests if below is not None else ())
        trace, seen = event.get("trace_id"), set[str]()

        def by_id(entry: EventDict) -> bool | None:
            if entry.get("cache_hit") is True:
                return True  # it was no request, and costs nothing
            told = told_id(entry)
            twin = matching.take_id(told)
            if twin is None:
                twin = remembered.twin(entry, trace)
            if twin is None and told in seen:
                twin = False  # the same message twice in one state
            if told is not None:
                seen.add(told)
            return twin

        self._sort_out(by_id)
        self._sort_out(matching.take)
        self._sort_out(lambda entry: matching.take_sum(entry) if _is_several(entry) else None)

    def _sort_out(self, twin_of: Callable[[EventDict], bool | None]) -> None:
        new: list[EventDict] = []
        for entry in self.new:
            twin = twin_of(entry)
            if twin is None:
                new.append(entry)
            else:
                self.before.append(entry)
                self.priced = self.priced or twin
        self.new = new


def without(event: EventDict, parts: Parts) -> None:
    """Leave of a total what was not counted before."""
    for part in parts.before:
        for name, value in part.items():
            if name.endswith(_COUNTED) and name in event:
                event[name] = max(0, event[name] - value)
        if "usage_units" in part and "usage_units" in event:
            event["usage_units"] = _less(event["usage_units"], part["usage_units"])
    costs: list[Any] = [part.get("reported_cost_usd") for part in parts.new]
    event.pop("reported_cost_usd", None)
    if None not in costs:
        event["reported_cost_usd"] = sum(costs, Decimal(0))
    event["usage_entries"] = parts.new
    event["requests_before"] = before = sum(part.get("requests", 1) for part in parts.before)
    if "requests" in event:
        event["requests"] = max(1, event["requests"] - before)


def _alone(event: EventDict) -> EventDict:
    """Return a total that has no entries as its only one."""
    return {"requests": None, **{name: event[name] for name in _ALONE if name in event}}


def _is_several(entry: EventDict) -> bool:
    several = entry.get("usage_aggregate") or entry.get("requests", 1) != 1
    return several and known_id(entry) is None


def _less(units: EventDict, others: EventDict) -> EventDict:
    return {name: left for name, value in units.items() if (left := value - others.get(name, 0)) > 0}
