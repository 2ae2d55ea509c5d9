"""``/traces``: the latest traces; ``/traces/ID``: one of them, as a tree with costs."""

from __future__ import annotations

from typing import Final

from pepperpy_obs.errors import SetupError
from pepperpy_obs.http.negotiation import prefers_html
from pepperpy_obs.http.pages import Answer, Request
from pepperpy_obs.readings.source import EventFilter, Source
from pepperpy_obs.replay.newest import MOST_EVENTS
from pepperpy_obs.reports.report import to_json
from pepperpy_obs.reports.trace import latest_traces, trace_of
from pepperpy_obs.server.dashboard import dashboard_page
from pepperpy_obs.server.query import LOOKED_AT, newest_events, number_of, wanted_labels

__all__ = ["trace_page", "traces_page"]

_JSON: Final = "application/json"
_USUAL: Final = 20


def traces_page(source: Source, request: Request) -> Answer:
    """Answer ``/traces?limit=20`` with the latest traces among the newest events.

    Also with those that have a call of an agent, a model, an operation or with any other field: ``&customer=acme``.
    """
    query = request.query
    limit = number_of(query, "limit", _USUAL, "/traces?limit=20")
    events = newest_events(source, {"limit": LOOKED_AT})
    return Answer(to_json({"traces": latest_traces(events, limit, wanted_labels(query))}), _JSON)


def trace_page(source: Source, request: Request) -> Answer:
    """Answer ``/traces/ID``: from memory if its outermost call is there, else from wherever events are kept.

    A browser is shown the dashboard, which asks for the trace itself.
    """
    if prefers_html(request.accept):
        return dashboard_page(request, "../")
    wanted: EventFilter = {"trace_id": request.rest, "limit": MOST_EVENTS}
    found = trace_of(request.rest, newest_events(source, wanted))
    if not found.spans or found.is_partial:
        try:
            found = max(found, trace_of(request.rest, source.events(**wanted)), key=lambda one: len(one.spans))
        except SetupError:
            if not found.spans:
                raise
    if not found.spans:
        msg = f"no event of the trace {request.rest!r} is kept here: it is too old, still running, or was not sampled"
        raise SetupError(msg)
    return Answer(to_json(found), _JSON)
