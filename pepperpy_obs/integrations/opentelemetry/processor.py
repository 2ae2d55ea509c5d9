"""The span processor: a finished span of a language model becomes a record in our buffer.

OpenTelemetry calls it in the thread that ends the span, and what it raises would reach that thread's code. So all of
it is guarded. Numbers and names are read at once: a span may hold prompts, and is not kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import StatusCode

from pepperpy_obs import _clock
from pepperpy_obs._dispatch import RECORDS
from pepperpy_obs._guard import failed
from pepperpy_obs._record import SPAN, Notes, SpanFacts, Spec
from pepperpy_obs.context import CURRENT, span_context
from pepperpy_obs.events import OPERATION_FINISHED, USAGE_RECORDED, Kind
from pepperpy_obs.integrations.opentelemetry import reading
from pepperpy_obs.integrations.opentelemetry.scopes import FOREIGN, KNOWN, UNKNOWN, Scopes

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from pepperpy_obs._account import Account
    from pepperpy_obs._dispatch import RecordBuffer
    from pepperpy_obs._record import Record

__all__ = ["ObsSpanProcessor"]

_OPEN: Final = 16_384
"""Of how many spans that have not ended the agent is known."""
_SPECS: Final = 4096
_LONGEST: Final = 256
_ENDINGS: Final = {"GeneratorExit": "abandoned", "CancelledError": "cancelled"}
_LEVELS: Final = {"error": "error", "cancelled": "warning", "abandoned": "warning"}


class ObsSpanProcessor(SpanProcessor):
    """Turns finished spans about language models, of any instrumentation, into our events, each request counted once.

    `provider.add_span_processor(ObsSpanProcessor())`, or `attach()`. Spans that are not sampled never come here: with
    a sampler that leaves some out, requests, tokens and cost are those of the sampled traces only.
    """

    def __init__(self, *, buffer: RecordBuffer = RECORDS) -> None:
        self._buffer = buffer
        self._scopes = Scopes()
        self._agents: dict[int, str | None] = {}
        """The agents of the spans that have begun."""
        self._parents: dict[int, int] = {}
        """The parents of spans that have begun and may make no event: what is counted below them is handed up."""
        self._calls_tools: set[int] = set()
        """Spans of requests, with tools that were called within."""
        self._last = 0

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - OpenTelemetry's signature
        """Note for which agent the spans below will be."""
        try:
            scope = span.instrumentation_scope
            name = "" if scope is None else scope.name
            known = self._scopes.known.get(name)
            if known == FOREIGN:
                return
            if known is None:
                known = self._scopes.decide(name)
            if known == KNOWN or (known == UNKNOWN and self._scopes.is_genai(name, _attributes(span))):
                self._begin(span)
            elif known == UNKNOWN and span.parent is not None:
                self._pass_over(span, span.parent.span_id)
        except Exception as error:
            failed("opentelemetry", error)

    def _begin(self, span: Span) -> None:
        attributes = _attributes(span)
        agents = self._agents
        agent = reading.agent_of(attributes) if reading.kind_of(attributes) == "agent" else None
        if agent is None and span.parent is not None:
            agent = agents.get(span.parent.span_id)
        if agent is not None and len(agents) < _OPEN:
            agents[span.get_span_context().span_id] = agent

    def _pass_over(self, span: Span, parent: int) -> None:
        """Remember between which spans one stands that is none of ours, as far as is known yet."""
        own = span.get_span_context().span_id
        if len(self._parents) < _OPEN:
            self._parents[own] = parent
        if (agent := self._agents.get(parent)) is not None and len(self._agents) < _OPEN:
            self._agents[own] = agent

    def _above(self, span: ReadableSpan) -> str | None:
        """Return the span that one is counted below."""
        above = None if span.parent is None else span.parent.span_id
        while above in self._parents:
            above = self._parents[above]
        return None if above is None else f"{above:016x}"

    def on_end(self, span: ReadableSpan) -> None:
        """Leave a record of a span about a language model."""
        try:
            scope = span.instrumentation_scope
            name = "" if scope is None else scope.name
            known = self._scopes.known.get(name)
            if known is None:
                known = self._scopes.decide(name)
            if known == FOREIGN or self._buffer.off:
                return
            attributes = _attributes(span)
            if known == KNOWN or self._scopes.is_genai(name, attributes):
                self._end(span, name, attributes)
            if known != KNOWN and span.context is not None:
                self._parents.pop(span.context.span_id, None)
                self._agents.pop(span.context.span_id, None)
        except Exception as error:
            failed("opentelemetry", error)

    def _end(self, span: ReadableSpan, scope: str, attributes: dict[str, Any]) -> None:
        context, parent = span.get_span_context(), span.parent
        if context is None:
            return
        kind = reading.kind_of(attributes)
        inherited = self._agents.pop(context.span_id, None)
        if kind is None:
            return
        start, end = span.start_time or 0, span.end_time or 0
        told = self._told(span, scope, kind, attributes)
        if told is None:
            return
        seconds = max(0, end - start) / 1e9 if told.seconds is None else told.seconds
        first = told.first if told.first is not None else _first_event(span, start, attributes)
        if first is not None:
            told.fields["time_to_first_item_seconds"] = first
        start = end - round(seconds * 1e9)
        told.fields["instrumentation"] = scope
        told.fields[SPAN] = SpanFacts(scope, start, end, self._above(span))
        agent = reading.agent_of(attributes) if kind == "agent" else None
        place = _place(context, parent, agent or inherited)
        spec = _spec((span.name or scope)[:_LONGEST], kind, agent, told.apart)
        self._leave([spec, place, 0, None, _notes(told.fields), None], seconds)

    def _told(self, span: ReadableSpan, scope: str, kind: Kind, attributes: dict[str, Any]) -> reading.Told | None:
        name = span.name or ""
        if kind != "llm":
            if kind == "tool" and span.parent is not None and len(self._calls_tools) < _OPEN:
                self._calls_tools.add(span.parent.span_id)
            return reading.Told({**reading.read_total(attributes), **_ending(span, attributes)})
        if not reading.is_request(scope, name, attributes):
            return None
        ending = _ending(span, attributes)
        told = reading.read_request(scope, name, attributes, failed=bool(ending))
        told.fields.update(ending)
        context = span.get_span_context()
        if context is not None and context.span_id in self._calls_tools:
            # The SDK has called tools and asked again: of these requests only the last one's usage is told.
            self._calls_tools.discard(context.span_id)
            told.fields["usage_flags"] = [*told.fields.get("usage_flags", ()), "requests_unseen"]
            told.fields["usage_incomplete"] = True
        return told

    def _leave(self, record: Record, seconds: float) -> None:
        buffer = self._buffer
        if len(buffer.records) >= buffer.threshold:
            buffer.drain_some()
        # Children end before their parents, and are folded first. No two end at the same time, even if a clock stands.
        self._last = now = max(_clock.perf_counter_ns(), self._last + 1)
        record[2] = now - round(seconds * 1e9)
        record[3] = now
        buffer.append(record)

    def shutdown(self) -> None:
        """Do nothing: our own runtime ends with the process."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - OpenTelemetry's signature
        """Return at once: a record is left with the end of its span."""
        return True


def _attributes(span: ReadableSpan) -> dict[str, Any]:
    """Return the attributes in a dict of their own: to ask the span's mapping costs as much for each name."""
    found: Any = span.attributes
    return {} if found is None else found.copy()


def _notes(fields: dict[str, Any]) -> Notes:
    notes = Notes()
    notes.fields = fields
    return notes


@lru_cache(_SPECS)
def _spec(operation: str, kind: Kind, agent: str | None, apart: bool) -> Spec:  # noqa: FBT001 - a key of the cache
    event = USAGE_RECORDED if apart else OPERATION_FINISHED
    return Spec(operation, kind=kind, agent=agent, event=event, priced=True)


def _place(context: Any, parent: Any, agent: str | None) -> tuple[str, str, str | None, str | None, Account | None]:
    """Return the span's place in its trace: below our running call if it has no other parent."""
    around = CURRENT.get()
    trace, above = f"{context.trace_id:032x}", None if parent is None else f"{parent.span_id:016x}"
    if around is None:
        return trace, f"{context.span_id:016x}", above, agent, None
    outer, caller, _, credited, account = span_context(around)
    if above is None and outer is not None:
        trace, above = outer, caller
    return trace, f"{context.span_id:016x}", above, agent or credited, account


def _ending(span: ReadableSpan, attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a span that did not end well; none of one that did."""
    kind = attributes.get("error.type")
    failure = span.status.status_code is StatusCode.ERROR or isinstance(kind, str)
    if not failure:
        return {}
    if not isinstance(kind, str):
        raised = (event.attributes or {} for event in span.events if event.name == "exception")
        kind = next((told.get("exception.type") for told in raised), None)
    name = kind.rpartition(".")[2][:_LONGEST] if isinstance(kind, str) else None
    described = span.status.description or ""
    outcome = _ENDINGS.get(name or described.partition(":")[0].rpartition(".")[2], "error")
    if described == "abandoned stream":
        outcome = "abandoned"
    fields = {"outcome": outcome, "level": _LEVELS[outcome]}
    if outcome == "error":
        fields["error_type"] = name or "Error"
    return fields


def _first_event(span: ReadableSpan, start: int, attributes: dict[str, Any]) -> float | None:
    """Return after how many seconds the first part of a stream came, where an event or a time tells it."""
    at = reading.completion_start(attributes)
    if at is None:
        at = next((event.timestamp for event in span.events if event.name == "First Token Stream Event"), None)
    return None if at is None or at < start else (at - start) / 1e9
