"""The vocabulary: every event name, every key and every value that has a fixed spelling.

One event is a flat dict. `FIELDS` is the one table of its keys, with the name that
OpenTelemetry's GenAI conventions, the Elastic Common Schema and our Prometheus families
give to the same fact; `docs/events.md` is made from it. An absent key means unknown.
This module knows words only: it reads no clock, makes no event and checks none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["FIELDS", "KINDS", "LEVELS", "OUTCOMES", "TOKEN_FIELDS", "VOCABULARY", "Field", "Kind", "Level", "Outcome"]

OPERATION_FINISHED: Final = "operation.finished"
"""One decorated or measured call has ended."""
USAGE_RECORDED: Final = "usage.recorded"
"""Tokens were reported with no call to carry them, or with a call that carries some already."""
CACHE_LOOKED_UP: Final = "cache.looked_up"
"""A cache was asked outside of a call, or once more within one."""
METRIC_RECORDED: Final = "metric.recorded"
"""A value of a user's own metric."""

ALERT_CHANGED: Final = "alert.changed"
"""An alert of a rule began to fire, or was resolved."""

Kind = Literal["agent", "llm", "tool", "task"]
KINDS: Final[tuple[Kind, ...]] = ("agent", "llm", "tool", "task")

Outcome = Literal["ok", "error", "cancelled", "abandoned"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("ok", "error", "cancelled", "abandoned")

Level = Literal["debug", "info", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = ("debug", "info", "warning", "error")

OVERFLOW: Final = "_other"
"""The label value under which everything past a series limit is counted."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key of an event: what it holds and what others call it ("" where they have no name for it)."""

    name: str
    type: str
    text: str
    otel: str = ""
    ecs: str = ""
    prometheus: str = ""


FIELDS: Final[tuple[Field, ...]] = (
    Field("timestamp", "string", "when the call ended, UTC, RFC 3339, microseconds", "", "@timestamp"),
    Field("level", "string", "debug, info, warning or error", "", "log.level"),
    Field("event", "string", "what happened, dotted, past tense", "event.name", "event.action"),
    Field("event_id", "string", "128 random bits, hex; unique to the event", "", "event.id"),
    Field("operation", "string", "the function, or the name that it was given", "", "labels.operation", "operation"),
    Field("kind", "string", "agent, llm, tool or task", "gen_ai.operation.name", "labels.kind", "kind"),
    Field("agent", "string", "the agent on whose behalf it ran", "gen_ai.agent.name", "labels.agent", "agent"),
    Field("outcome", "string", "ok, error, cancelled or abandoned", "", "event.outcome", "outcome"),
    Field("error_type", "string", "the class of the exception", "error.type", "error.type"),
    Field("raised", "string", "the class of an exception that is no error of this operation"),
    Field(
        "duration_seconds",
        "number",
        "from the first step to the last",
        "gen_ai.client.operation.duration",
        "event.duration",
        "pepperpy_operation_duration_seconds",
    ),
    Field(
        "time_to_first_item_seconds",
        "number",
        "streams: from the first step to the first item",
        "gen_ai.client.operation.time_to_first_chunk",
        "",
        "pepperpy_operation_time_to_first_item_seconds",
    ),
    Field("items", "integer", "streams: how many items were handed on"),
    Field("provider", "string", "the provider of the answer", "gen_ai.provider.name", "labels.provider", "provider"),
    Field("model", "string", "the model that was asked for", "gen_ai.request.model", "labels.model", "model"),
    Field("response_model", "string", "the model that answered", "gen_ai.response.model"),
    Field("response_id", "string", "the provider's id of the answer", "gen_ai.response.id"),
    Field(
        "input_tokens", "integer", "prompt tokens, cached ones included", "gen_ai.usage.input_tokens", "", "type=input"
    ),
    Field(
        "output_tokens",
        "integer",
        "answer tokens, reasoning included",
        "gen_ai.usage.output_tokens",
        "",
        "type=output",
    ),
    Field(
        "cache_read_tokens",
        "integer",
        "input read from the provider's cache",
        "gen_ai.usage.cache_read.input_tokens",
        "",
        "type=cache_read",
    ),
    Field(
        "cache_write_tokens",
        "integer",
        "input written to the provider's cache",
        "gen_ai.usage.cache_write.input_tokens",
        "",
        "type=cache_write",
    ),
    Field("cache_write_1h_tokens", "integer", "of these, with a life of one hour"),
    Field("cache_write_12h_tokens", "integer", "of these, with a life of twelve hours"),
    Field(
        "reasoning_tokens",
        "integer",
        "output spent on reasoning",
        "gen_ai.usage.reasoning.output_tokens",
        "",
        "type=reasoning",
    ),
    Field("audio_input_tokens", "integer", "input that is audio", "gen_ai.usage.audio.input_tokens"),
    Field("audio_output_tokens", "integer", "output that is audio", "gen_ai.usage.audio.output_tokens"),
    Field("audio_cache_read_tokens", "integer", "cached input that is audio"),
    Field("image_input_tokens", "integer", "input that is an image", "gen_ai.usage.image.input_tokens"),
    Field("image_output_tokens", "integer", "output that is an image", "gen_ai.usage.image.output_tokens"),
    Field("image_cache_read_tokens", "integer", "cached input that is an image"),
    Field("video_input_tokens", "integer", "input that is video"),
    Field("video_output_tokens", "integer", "output that is video"),
    Field("video_cache_read_tokens", "integer", "cached input that is video"),
    Field(
        "unsplit_tokens", "integer", "tokens of a call that was told only how many there were", "", "", "type=unsplit"
    ),
    Field("web_searches", "integer", "searches that the provider made and bills"),
    Field("requests", "integer", "how many requests an aggregate stands for"),
    Field("service_tier", "string", "the tier that the provider billed", "openai.response.service_tier"),
    Field("inference_geo", "string", "where the request was confined to, if that has a price"),
    Field(
        "usage_incomplete",
        "boolean",
        "the usage of a part is missing: a stream that ended early, requests that an SDK made itself",
    ),
    Field("usage_units", "object", "other things that are billed, such as seconds of audio or searches"),
    Field("usage_entries", "objects", "the requests that an aggregate stands for, each with its own usage"),
    Field("usage_flags", "list", "what was odd about the usage"),
    Field("usage_aggregate", "boolean", "a framework's total over several requests"),
    Field("usage_duplicate", "boolean", "its usage is counted in other events, and not in this one"),
    Field(
        "requests_before", "integer", "how many requests of an aggregate are left out: counted before, or from a cache"
    ),
    Field("reported_cost_usd", "decimal", "what the provider says that it cost"),
    Field("cost_usd", "decimal", "price of the call; absent when unknown", "", "", "pepperpy_llm_cost_usd_total"),
    Field("cost_source", "string", "provider, custom, genai-prices or unpriced"),
    Field("price_version", "string", "the price table that was in force"),
    Field("cost_by_type", "object", "the cost, split by token type"),
    Field("saved_usd", "decimal", "what caching saved"),
    Field("budget_usd", "decimal", "what one call of the operation may cost, with all below it"),
    Field("over_budget", "boolean", "it cost more"),
    Field("over_budget_usd", "decimal", "how much more"),
    Field("retry", "boolean", "the caller's call of the same operation before it had failed"),
    Field("retried_usd", "decimal", "what that failed call cost"),
    Field("cache", "string", "the cache that was asked", "", "labels.cache", "cache"),
    Field("cache_hit", "boolean", "whether it knew the answer", "", "", "result"),
    Field("trace_id", "string", "W3C trace id, 32 hex", "trace_id", "trace.id"),
    Field("span_id", "string", "W3C span id, 16 hex", "span_id", "span.id"),
    Field("parent_span_id", "string", "the span that called", "parent_span_id", "parent.id"),
    Field(
        "instrumentation", "string", "whose span it was, if another instrumentation made one of it", "otel.scope.name"
    ),
    Field("metric", "string", "the user's metric"),
    Field("metric_kind", "string", "counter, gauge or histogram"),
    Field("metric_unit", "string", "its unit"),
    Field("metric_description", "string", "its help text"),
    Field("value", "number", "its value"),
    Field("labels", "object", "its labels"),
    Field("service", "string", "the service", "service.name", "service.name"),
    Field("environment", "string", "the deployment", "deployment.environment.name", "service.environment"),
)

VOCABULARY: Final[frozenset[str]] = frozenset(field.name for field in FIELDS)
"""Every key of ours; any other key in an event is the user's own."""

TOKEN_FIELDS: Final[tuple[str, ...]] = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "unsplit_tokens",
)
