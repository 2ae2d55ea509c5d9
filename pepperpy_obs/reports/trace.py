"""A trace: the calls of one run as a tree, each with what it cost, and what all below it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from pepperpy_obs.aggregate.requests import LlmAccumulator, is_request
from pepperpy_obs.aggregate.series_data import NO_LLM, LlmStats
from pepperpy_obs.events import OPERATION_FINISHED, USAGE_RECORDED
from pepperpy_obs.reports.report import Report
from pepperpy_obs.reports.spending import Spending, spending

__all__ = ["Span", "Trace", "TraceSummary", "latest_traces", "trace_of"]

_SHOWN: Final = ("kind", "agent", "outcome", "error_type", "provider", "model", "response_model", "cache", "cache_hit")
_OWN: Final = frozenset(
    {*_SHOWN, "timestamp", "level", "event", "event_id", "operation", "duration_seconds", "trace_id", "span_id",
     "parent_span_id", "input", "output", "cost_by_type"}
)  # fmt: skip
_ALL: Final[Mapping[str, str]] = MappingProxyType({})
_Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span(Report):
    """One call of a trace, or usage that was recorded by itself."""

    span_id: str
    parent_span_id: str | None
    depth: int
    """How many calls of the trace are around it."""
    operation: str
    start_seconds: float
    """When it began, from the beginning of the trace."""
    duration_seconds: float | None
    facts: Mapping[str, Any]
    """Kind, agent, outcome, provider, model, as far as they are known."""
    own: Spending
    """What its own request cost."""
    total: Spending
    """The same with all below it."""
    fields: Mapping[str, Any]
    """All other fields of its event."""
    content: Mapping[str, Any]
    """Input and output, where they were captured."""


@dataclass(frozen=True, slots=True)
class Trace(Report):
    """All that is known of one trace."""

    trace_id: str
    start: str | None
    """When the first call began (UTC, ISO 8601)."""
    duration_seconds: float
    is_partial: bool
    """Whether callers are missing: still running, sampled away, or no longer kept."""
    errors: int
    total: Spending
    spans: Sequence[Span]
    """In the order of the tree: each call before those below it, and these in the order in which they began."""


@dataclass(frozen=True, slots=True)
class TraceSummary(Report):
    """One line about a trace."""

    trace_id: str
    operation: str
    """The outermost call that is known."""
    agent: str | None
    outcome: str | None
    start: str
    duration_seconds: float
    is_partial: bool
    spans: int
    errors: int
    total: Spending


class _Node:
    """An event as a part of the tree."""

    def __init__(self, event: _Event) -> None:
        self.event = event
        duration = event.get("duration_seconds")
        self.duration = float(duration) if isinstance(duration, int | float) else None
        self.end = _moment(event)
        self.start = self.end - (self.duration or 0.0)
        self.span = str(event.get("span_id") or event.get("event_id") or "")
        self.parent = event.get("parent_span_id")
        self.below: list[_Node] = []
        self.own = _stats(event)
        self.total = self.own

    @property
    def failed(self) -> bool:
        return self.event.get("outcome") == "error"


def trace_of(trace_id: str, events: Iterable[_Event]) -> Trace:
    """Return the trace that these events tell of, in whatever order they come; others are left aside."""
    nodes = [_Node(event) for event in events if event.get("trace_id") == trace_id and _tells(event)]
    roots = _linked(nodes)
    began = min((node.start for node in nodes), default=0.0)
    spans: list[Span] = []
    waiting = [(root, 0) for root in reversed(roots)]
    while waiting:  # no recursion: a chain of calls may be as deep as it is long
        node, depth = waiting.pop()
        spans.append(_span(node, depth, began))
        waiting += [(one, depth + 1) for one in reversed(node.below)]
    return Trace(
        trace_id,
        _written(began) if nodes else None,
        max((node.end for node in nodes), default=0.0) - began,
        any(root.parent is not None for root in roots),
        sum(node.failed for node in nodes),
        spending(_sum(root.total for root in roots)),
        tuple(spans),
    )


def latest_traces(events: Iterable[_Event], limit: int, wanted: Mapping[str, str] = _ALL) -> list[TraceSummary]:
    """Return the traces that ended last and have a call with all that is `wanted`, the latest first."""
    groups: dict[str, list[_Event]] = {}
    for event in events:
        if (trace := event.get("trace_id")) and _tells(event):
            groups.setdefault(str(trace), []).append(event)
    asked = wanted.items()
    chosen = [
        (trace, found)
        for trace, found in groups.items()
        if any(all(str(one.get(name, "")) == value for name, value in asked) for one in found)
    ]
    latest = sorted(chosen, key=lambda item: max(map(_moment, item[1])), reverse=True)
    return [_summary(trace, found) for trace, found in latest[:limit]]


def _summary(trace_id: str, events: Sequence[_Event]) -> TraceSummary:
    nodes = [_Node(event) for event in events]
    roots = _linked(nodes)
    first = min(roots, key=lambda node: (node.parent is not None, node.start))
    began = min(node.start for node in nodes)
    return TraceSummary(
        trace_id,
        str(first.event.get("operation", "")),
        first.event.get("agent"),
        first.event.get("outcome"),
        _written(began),
        max(node.end for node in nodes) - began,
        any(root.parent is not None for root in roots),
        len(nodes),
        sum(node.failed for node in nodes),
        spending(_sum(root.total for root in roots)),
    )


def _linked(nodes: Sequence[_Node]) -> list[_Node]:
    """Put each under its caller, add up what is below each, and return those whose caller is not there."""
    known: dict[str, _Node] = {}
    for node in nodes:
        if node.event.get("event") == OPERATION_FINISHED:
            known.setdefault(node.span, node)
    roots: list[_Node] = []
    callers: list[tuple[_Node, _Node]] = []
    for node in sorted(nodes, key=lambda one: (one.start, -one.end)):
        # Usage recorded by itself stands below the call that it was recorded in, whose span it has.
        own = known.get(node.span)
        caller = own if own is not None and own is not node else known.get(str(node.parent))
        if caller is None or caller is node:
            roots.append(node)
        else:
            caller.below.append(node)
            callers.append((node, caller))
    reached = _below(roots)
    seen = {id(node) for node in reached}
    for node, caller in callers:
        if id(node) not in seen:  # spans that claim to be each other's caller: the first of them is taken out
            caller.below.remove(node)
            roots.append(node)
            found = _below([node])
            seen.update(map(id, found))
            reached += found
    _add_up(reached)
    return roots


def _below(roots: Sequence[_Node]) -> list[_Node]:
    """Return these and all below them, each before those below it."""
    order, seen = list(roots), {id(node) for node in roots}
    for node in order:  # it grows meanwhile
        order += [one for one in node.below if id(one) not in seen]
        seen.update(map(id, node.below))
    return order


def _add_up(order: Sequence[_Node]) -> None:
    for node in reversed(order):
        node.total = _sum([node.own, *(one.total for one in node.below)])


def _span(node: _Node, depth: int, began: float) -> Span:
    event = node.event
    return Span(
        node.span,
        None if node.parent is None else str(node.parent),
        depth,
        str(event.get("operation") or event.get("event", "")),
        node.start - began,
        node.duration,
        {name: event[name] for name in _SHOWN if name in event},
        spending(node.own),
        spending(node.total),
        {name: value for name, value in event.items() if name not in _OWN},
        {name: event[name] for name in ("input", "output") if name in event},
    )


def _stats(event: _Event) -> LlmStats:
    requests = LlmAccumulator(Counter())
    if is_request(event):
        requests.count(event)
    else:
        requests.note(event)
    return requests.data()


def _sum(parts: Iterable[LlmStats]) -> LlmStats:
    total = NO_LLM
    for part in parts:
        total = total.merge(part)
    return total


def _tells(event: _Event) -> bool:
    return event.get("event") in {OPERATION_FINISHED, USAGE_RECORDED}


def _moment(event: _Event) -> float:
    try:
        return datetime.fromisoformat(str(event.get("timestamp"))).timestamp()
    except ValueError:
        return 0.0


def _written(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
