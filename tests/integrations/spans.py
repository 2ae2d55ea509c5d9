"""Spans as instrumentations make them, and what an event says of them."""

from __future__ import annotations

from typing import Any

from opentelemetry.trace import Status, Tracer

CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 200,
}
OPENINFERENCE: dict[str, Any] = {
    "openinference.span.kind": "LLM",
    "llm.system": "openai",
    "llm.invocation_parameters": '{"model": "gpt-4o-mini", "stream": false}',
    "llm.model_name": "gpt-4o-mini-2024-07-18",
    "llm.token_count.prompt": 1000,
    "llm.token_count.completion": 200,
    "llm.token_count.prompt_details.cache_read": 512,
}
SPOKEN = (
    "outcome", "error_type", "kind", "agent", "provider", "model", "response_model", "response_id", "service_tier",
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens",
    "reasoning_tokens", "usage_flags", "usage_incomplete", "usage_aggregate", "usage_duplicate",
)  # fmt: skip


def told(event: dict[str, Any]) -> dict[str, Any]:
    """Return what an event says of a request."""
    return {name: event[name] for name in SPOKEN if name in event}


def finish(tracer: Tracer, name: str, attributes: dict[str, Any], status: Status | None = None) -> None:
    """Make a span as a child of the current one."""
    with tracer.start_as_current_span(name, attributes=attributes) as span:
        if status is not None:
            span.set_status(status)
