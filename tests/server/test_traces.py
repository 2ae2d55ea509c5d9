"""Traces: a tree of calls, with costs that count each request once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Unpack

import pytest

from pepperpy_obs.errors import SetupError
from pepperpy_obs.http.pages import Request
from pepperpy_obs.readings.source import EventFilter
from pepperpy_obs.reports.trace import latest_traces, trace_of
from pepperpy_obs.server.traces import trace_page, traces_page
from tests.still import Still

pytestmark = pytest.mark.quick


def event(span: str, parent: str | None, end: float, took: float, trace: str = "t1", **fields: Any) -> dict[str, Any]:
    """Return the event of a call that ended `end` seconds after noon."""
    return {
        "timestamp": f"2026-12-01T12:00:{end:09.6f}Z",
        "event": "operation.finished",
        "operation": f"op {span}",
        "outcome": "ok",
        "duration_seconds": took,
        "trace_id": trace,
        "span_id": span,
        **({} if parent is None else {"parent_span_id": parent}),
        **fields,
    }


def request(span: str, parent: str, end: float, took: float, cost: str | None = "0.10") -> dict[str, Any]:
    """Return the event of a request to a model."""
    priced: dict[str, Any] = (
        {"cost_source": "unpriced"} if cost is None else {"cost_source": "custom", "cost_usd": Decimal(cost)}
    )
    priced |= {"input_tokens": 100, "output_tokens": 10}
    return event(span, parent, end, took, kind="llm", provider="openai", model="m", **priced)


TREE = (
    request("c", "b", 3.0, 1.0),
    event("b", "a", 3.5, 2.0, kind="tool"),
    request("d", "a", 4.0, 0.5, None),
    event("e", "a", 4.2, 0.1, outcome="error", error_type="ValueError", input={"q": 1}, customer="acme"),
    event("a", None, 5.0, 5.0, kind="agent", agent="desk"),
)


def test_calls_stand_below_their_callers() -> None:
    """Each call before those below it, these in the order in which they began, whatever the order of the events."""
    for events in (TREE, TREE[::-1]):
        trace = trace_of("t1", events)
        assert [(one.span_id, one.depth, round(one.start_seconds, 6)) for one in trace.spans] == [
            ("a", 0, 0.0),
            ("b", 1, 1.5),
            ("c", 2, 2.0),
            ("d", 1, 3.5),
            ("e", 1, 4.1),
        ]
        assert (trace.is_partial, trace.errors, round(trace.duration_seconds, 6)) == (False, 1, 5.0)


def test_each_node_tells_its_own_cost_and_that_of_all_below() -> None:
    """Tokens and costs are counted once, where the provider answered; an unknown cost is unknown, and counted."""
    spans = {one.span_id: one for one in trace_of("t1", TREE).spans}
    assert (spans["a"].own.requests, spans["a"].own.cost) == (0, None)
    total = spans["a"].total
    assert (total.requests, total.tokens, total.cost, total.unpriced) == (2, 220, Decimal("0.10"), 1)
    assert (spans["b"].total.cost, spans["d"].total.cost, spans["d"].own.unpriced) == (Decimal("0.10"), None, 1)


def test_fields_and_content_are_told_apart() -> None:
    """Fields of the user's stand beside the facts, and what was captured by itself."""
    span = trace_of("t1", TREE).spans[-1]
    assert span.facts == {"outcome": "error", "error_type": "ValueError"}
    assert (span.fields, span.content) == ({"customer": "acme"}, {"input": {"q": 1}})


def test_a_missing_caller_is_said() -> None:
    """Calls whose caller is still running stand at the top, and the trace is partial."""
    trace = trace_of("t1", TREE[:3])
    assert (trace.is_partial, [one.depth for one in trace.spans]) == (True, [0, 1, 0])


def test_callers_in_a_circle_do_no_harm() -> None:
    """Spans that claim to be each other's caller are no endless tree."""
    assert trace_of("t1", [event("a", "a", 1.0, 1.0)]).spans[0].span_id == "a"
    assert trace_of("t1", [event("a", "b", 1.0, 1.0), event("b", "a", 1.0, 0.5)]).spans[1].depth == 1


def test_a_deep_chain_is_no_recursion() -> None:
    """Five thousand calls within each other are a tree as any other."""
    deep = [event(str(n), str(n - 1) if n else None, 59.0, 50.0 - n / 1000) for n in range(5000)]
    assert trace_of("t1", deep).spans[-1].depth == 4999


def test_the_latest_traces_come_first() -> None:
    """One line for each trace, by when its last call ended."""
    found = latest_traces([*TREE, event("z", None, 9.0, 1.0, "t2"), event("y", None, 1.0, 1.0, "t0")], 2)
    assert [(one.trace_id, one.operation, one.spans, one.errors) for one in found] == [
        ("t2", "op z", 1, 0),
        ("t1", "op a", 5, 1),
    ]


@dataclass
class Told(Still):
    """A source with events."""

    told: Sequence[dict[str, Any]] = field(default_factory=tuple)

    def events(self, **wanted: Unpack[EventFilter]) -> list[dict[str, Any]]:
        """Return those of a trace, or all."""
        return [one for one in self.told if wanted.get("trace_id") in {None, one["trace_id"]}]


def test_pages_answer_with_traces() -> None:
    """Both pages answer JSON; money is exact text."""
    told = Told(told=TREE)
    listed = json.loads(traces_page(told, Request("", {"agent": "desk"})).body)["traces"]
    assert [(one["trace_id"], one["total"]["cost"]) for one in listed] == [("t1", "0.10")]
    assert json.loads(traces_page(told, Request("", {"agent": "clerk"})).body)["traces"] == []
    shown = json.loads(trace_page(told, Request("application/json", {}, "t1")).body)
    assert [one["span_id"] for one in shown["spans"]] == ["a", "b", "c", "d", "e"]


def test_traces_are_found_by_any_field_of_a_call() -> None:
    """A trace is one of a customer, or of a model, if a call in it is."""
    others = [event("z", None, 9.0, 1.0, "t2", customer="bolt")]
    for wanted, found in (({"customer": "acme"}, ["t1"]), ({"model": "m"}, ["t1"]), ({}, ["t2", "t1"])):
        assert [one.trace_id for one in latest_traces([*TREE, *others], 9, wanted)] == found


def test_a_trace_that_is_not_kept_is_said_to_be_unknown() -> None:
    """No event of a trace: the error says what may have become of it."""
    with pytest.raises(SetupError, match="too old, still running, or was not sampled"):
        trace_page(Told(), Request("", {}, "nowhere"))
