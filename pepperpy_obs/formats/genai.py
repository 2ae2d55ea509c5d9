"""An event as a span, by OpenTelemetry's GenAI conventions: its name, its kind and its attributes.

The table of names is `events.FIELDS`. What stands here is only what differs from it: between the generations of the
conventions, and between a span and a log record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from pepperpy_obs.events import FIELDS, OPERATION_FINISHED, VOCABULARY

__all__ = ["CONVENTIONS", "AsSpan", "Conventions", "as_span", "is_span", "names_of", "operation_name"]

Conventions = Literal["semconv-1.41", "genai-0.1"]
CONVENTIONS: Final[tuple[Conventions, ...]] = ("semconv-1.41", "genai-0.1")
"""The last generation within OpenTelemetry's semantic conventions, which most backends read, and the first outside."""

_NAMES: Final = {field.name: field.otel for field in FIELDS if field.otel}
_OWN: Final[dict[Conventions, dict[str, str]]] = {
    "semconv-1.41": {"cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens"},
    "genai-0.1": {},
}
"""Where a generation calls a field otherwise than the table does, which has the newest names."""
_SPAN: Final = {"time_to_first_item_seconds": "gen_ai.response.time_to_first_chunk"}
"""What a span calls otherwise: the table has the metric's name."""
_ELSEWHERE: Final = frozenset({
    *("timestamp", "level", "event", "kind", "duration_seconds", "service", "environment"),
    *("trace_id", "span_id", "parent_span_id"),
})  # fmt: skip
"""What has a place of its own in a span or its resource, or is told in other words."""
_NOT_OF_AGENTS: Final = frozenset({"provider", "cache_read_tokens", "cache_write_tokens"})
"""What the newest generation has taken out of agents' spans."""
_PREFIX: Final = "pepperpy."
_WRITES_NOTHING: Final = "embed"


class AsSpan(NamedTuple):
    """What a span says beside its ids and times."""

    name: str
    kind: Literal["internal", "client", "server"]
    """Whether something outside of the process was asked, or has asked."""
    failed: bool
    attributes: dict[str, Any]


def is_span(event: Mapping[str, Any]) -> bool:
    """Tell whether an event was a call, so that it has a place in a trace."""
    return event.get("event") == OPERATION_FINISHED and "trace_id" in event and "span_id" in event


def names_of(conventions: Conventions) -> dict[str, str]:
    """Return what a generation calls the fields of an event that it knows."""
    return {**_NAMES, **_OWN[conventions]}


def operation_name(event: Mapping[str, Any]) -> str | None:
    """Return `gen_ai.operation.name`; None of what the conventions have no word for.

    >>> operation_name({"kind": "llm", "model": "text-embedding-3-small"}), operation_name({"kind": "task"})
    ('embeddings', None)
    """
    kind = event.get("kind")
    if kind == "llm":
        told = str(event.get("model") or event.get("response_model") or "")
        return "embeddings" if _WRITES_NOTHING in told and not event.get("output_tokens") else "chat"
    return {"agent": "invoke_agent", "tool": "execute_tool"}.get(str(kind))


def as_span(event: Mapping[str, Any], conventions: Conventions = "semconv-1.41") -> AsSpan:
    """Return an event as a span.

    >>> as_span({"operation": "ask", "kind": "llm", "model": "gpt-4o", "input_tokens": 5})[:2]
    ('chat gpt-4o', 'client')
    """
    told = operation_name(event)
    names = {**names_of(conventions), **_SPAN}
    left_out = _NOT_OF_AGENTS if conventions == "genai-0.1" and told == "invoke_agent" else frozenset[str]()
    attributes: dict[str, Any] = {} if told is None else {"gen_ai.operation.name": told}
    if told == "execute_tool":
        attributes["gen_ai.tool.name"] = event.get("operation")
    for field, value in event.items():
        if field in _ELSEWHERE or field in left_out or value is None:
            continue
        name = names.get(field) or (f"{_PREFIX}{field}" if field in VOCABULARY else field)
        attributes[name] = value
    kind: Literal["internal", "client", "server"] = "client" if told in {"chat", "embeddings"} else "internal"
    if told is None and "http.request.method" in event:
        kind = "server"
    return AsSpan(_name(event, told), kind, event.get("outcome") == "error", attributes)


def _name(event: Mapping[str, Any], told: str | None) -> str:
    operation = str(event.get("operation") or event.get("event"))
    match told:
        case "chat" | "embeddings":
            return f"{told} {event.get('model') or event.get('response_model') or operation}"
        case "invoke_agent":
            return f"{told} {event.get('agent') or operation}"
        case "execute_tool":
            return f"{told} {operation}"
        case _:
            return operation
