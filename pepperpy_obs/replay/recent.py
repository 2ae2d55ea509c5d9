"""The newest events in memory, found by what they have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Unpack

from pepperpy_obs.formats.lines import encode
from pepperpy_obs.formats.read import read_event
from pepperpy_obs.readings.source import EventFilter
from pepperpy_obs.replay.newest import checked_limit

__all__ = ["newest_events"]

_FEW: Final = 100
_SOUGHT: Final = ("trace_id", "operation", "agent")
"""Fields whose value stands in a line as it is, in each of our forms."""


def newest_events(lines: Iterable[bytes], **wanted: Unpack[EventFilter]) -> list[dict[str, Any]]:
    """Return the first events that have all that is given, the latest first; lines are given the newest first.

    >>> newest_events([b'{"event": "operation.finished", "operation": "ask"}', b'{"event"'], operation="ask")
    [{'event': 'operation.finished', 'operation': 'ask'}]
    """
    limit = checked_limit(wanted.get("limit", _FEW))
    asked = {name: value for name, value in wanted.items() if name != "limit" and value is not None}
    needles = [encode(asked[name]) for name in _SOUGHT if name in asked and str(asked[name]).isascii()]
    found: list[dict[str, Any]] = []
    for line in lines:
        if not all(needle in line for needle in needles):
            continue
        try:
            event = read_event(line)
        except ValueError:
            continue  # a line of others in a log: what counts it names it
        if all(event.get(name) == value for name, value in asked.items()):
            found.append(event)
            if len(found) == limit:
                break
    return sorted(found, key=lambda event: str(event.get("timestamp", "")), reverse=True)
