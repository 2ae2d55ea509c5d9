"""The pages that other processes read: a reading, those of a window's steps, the newest events."""

from __future__ import annotations

import json
from typing import Final

from pepperpy_obs.errors import SetupError
from pepperpy_obs.formats.lines import encode
from pepperpy_obs.http.pages import Answer, Request
from pepperpy_obs.readings.source import Source
from pepperpy_obs.server.query import LOOKED_AT, event_filter, newest_events, wanted_labels

__all__ = ["events_page", "reading_page"]

_JSON: Final = "application/json"


def reading_page(source: Source, request: Request) -> Answer:
    """Answer ``/reading?window=5m`` with one reading, and ``/reading?window=5m&step=10s`` with those of its steps."""
    window, step = request.query.get("window"), request.query.get("step")
    if step is None:
        return Answer(source.reading(window).to_json(), _JSON)
    if window is None:
        msg = f"step={step!r} without a window; give both, such as /reading?window=5m&step=10s"
        raise SetupError(msg)
    readings = [one.to_dict() for one in source.history(window, step)]
    return Answer(json.dumps({"readings": readings}, allow_nan=False, separators=(",", ":")), _JSON)


def events_page(source: Source, request: Request) -> Answer:
    """Answer ``/events?limit=20`` with the newest events; also by trace_id, operation, agent and outcome.

    With ``memory=1`` no file is read where the newest are in memory, as a page that is live asks; also
    by any other field, ``&customer=acme``, among the last thousand.
    """
    query = request.query
    wanted = event_filter(query)
    if "memory" not in query:
        events = source.events(**wanted)
    else:
        fields = {name: value for name, value in wanted_labels(query).items() if name not in wanted}
        most = wanted.get("limit", LOOKED_AT)
        if fields:
            wanted["limit"] = LOOKED_AT
        found = newest_events(source, wanted)
        events = [one for one in found if all(str(one.get(name, "")) == fields[name] for name in fields)][:most]
    return Answer(encode({"events": [dict(event) for event in events]}), _JSON)
