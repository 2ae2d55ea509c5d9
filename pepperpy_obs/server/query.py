"""What the queries of the pages ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, Unpack, runtime_checkable

from pepperpy_obs.errors import SetupError
from pepperpy_obs.readings.source import EventFilter, Source
from pepperpy_obs.reports.totals import NO_LABEL

__all__ = ["LOOKED_AT", "event_filter", "newest_events", "number_of", "wanted_labels"]

LOOKED_AT: Final = 1000
"""Events among which the latest with some field are looked for."""
_OTHERS: Final = frozenset({"window", "step", "by", "limit", "top", "memory"})
"""What a query may say beside whose calls it asks for."""


@runtime_checkable
class _KeepsEvents(Protocol):
    """A source that has its newest events in memory."""

    def newest(self, **wanted: Unpack[EventFilter]) -> Sequence[dict[str, Any]]:
        """Return those that have all that is given, the newest first."""
        ...


def wanted_labels(query: Mapping[str, str]) -> dict[str, str]:
    """Return whose calls are asked for: by operation, agent, kind, provider, model, or a field of `cost_attributes`."""
    return {name: "" if value == NO_LABEL else value for name, value in query.items() if name not in _OTHERS}


def number_of(query: Mapping[str, str], name: str, usual: int, example: str) -> int:
    """Return how many are asked for; SetupError where that is no number."""
    given = query.get(name, str(usual))
    if not given.isdecimal():
        msg = f"{name}={given!r}; give a whole number, such as {example}"
        raise SetupError(msg)
    return int(given)


def event_filter(query: Mapping[str, str]) -> EventFilter:
    """Return which events are asked for."""
    wanted: EventFilter = {
        "trace_id": query.get("trace_id"),
        "operation": query.get("operation"),
        "agent": query.get("agent"),
        "outcome": query.get("outcome"),
    }
    if "limit" in query:
        wanted["limit"] = number_of(query, "limit", 0, "/events?limit=20")
    return wanted


def newest_events(source: Source, wanted: EventFilter) -> Sequence[dict[str, Any]]:
    """Return the newest events, from memory where the source has them there: a page that is live reads no files."""
    if isinstance(source, _KeepsEvents):
        return source.newest(**wanted)
    return source.events(**wanted)
