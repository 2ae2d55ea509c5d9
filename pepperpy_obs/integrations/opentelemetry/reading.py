"""From the attributes of a finished span to the fields of an event. Pure: it knows no tracer and keeps no span."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from pepperpy_obs.events import KINDS as EVENT_KINDS
from pepperpy_obs.events import Kind
from pepperpy_obs.integrations.opentelemetry import names
from pepperpy_obs.pricing.names import canonical_provider
from pepperpy_obs.usage import Captured, capture, usage_fields
from pepperpy_obs.usage.numbers import as_count
from pepperpy_obs.usage.origin import provider_of

__all__ = ["Told", "agent_of", "is_request", "kind_of", "read_request", "read_total"]

_TEXT: Final = 256
_LONGEST: Final = 1e9
_JSON: Final = 16_384
"""Longer texts are not looked into."""
_FRAMEWORKS: Final = frozenset({"", "langchain", "langgraph", "strands-agents", "pydantic-ai", "crewai", "agno"})
"""What names itself as the provider and is none."""
_NO_INFERENCE: Final = re.compile(r"count_?tokens|batches", re.IGNORECASE)
_MODEL: Final = re.compile(r'"model":\s*"([^"\\]{1,256})"')
_STREAMED: Final = "streaming response from"

_READS_USAGE: Final = ("metadata.usage_object", "langfuse.observation.usage_details", "gen_ai.usage.raw")
"""Texts in which the provider's own words stand: litellm's, Langfuse's, logfire's."""


class Told(NamedTuple):
    """What a span says of a request: fields of the event, and when the first part of a stream came."""

    fields: dict[str, Any]
    first: float | None = None
    """Seconds after the start."""
    apart: bool = False
    """Whether it only tells the usage of a request that another span stands for."""
    seconds: float | None = None
    """How long the request took, where the span does not tell by its own times."""


def kind_of(attributes: Mapping[str, Any]) -> Kind | None:
    """Return of which kind the operation is that a span stands for, or None: it is about no language model."""
    for key, kinds in names.KINDS:
        told = attributes.get(key)
        if isinstance(told, str) and (kind := kinds.get(told)) is not None:
            return next(each for each in EVENT_KINDS if each == kind)
    if "gen_ai.operation.name" not in attributes and not _used(attributes):
        return None
    return "llm" if "gen_ai.request.model" in attributes else None


def _used(attributes: Mapping[str, Any]) -> bool:
    return any(name in attributes for _, told in names.COUNTS[:2] for name in told)


def agent_of(attributes: Mapping[str, Any]) -> str | None:
    """Return the name of the agent that a span of one stands for."""
    return _text(attributes, names.AGENT)


def is_request(scope: str, name: str, attributes: Mapping[str, Any]) -> bool:
    """Tell whether a span of a model's kind is an inference: not the fetching of an answer, a count, a batch."""
    if _NO_INFERENCE.search(name) is not None:
        return False
    if scope == "openinference.instrumentation.openai":
        return attributes.get("llm.invocation_parameters") != "{}"
    if scope.startswith("opentelemetry.instrumentation.openai"):
        # OpenLLMetry reads an answer that is fetched again like a new one, which nothing was asked for.
        return "gen_ai.request.model" in attributes or "gen_ai.response.model" not in attributes
    return True


def read_request(scope: str, name: str, attributes: Mapping[str, Any], *, failed: bool) -> Told:
    """Return what a span says of the request that it stands for, which may have failed."""
    fields = _counts(attributes)
    fields |= _names(attributes, answered=bool(fields))
    flags = _oddities(scope, attributes, fields)
    streamed = scope.startswith("logfire.") and name.startswith(_STREAMED)
    if streamed:
        # logfire ends the span of a streamed request before the stream, and tells its usage in another one.
        fields["usage_aggregate"] = True
    elif not failed and scope.startswith("logfire.") and "input_tokens" not in fields:
        flags = ["told_apart"]
    elif "input_tokens" not in fields and "output_tokens" not in fields:
        flags = ["missing"]
    elif "output_tokens" not in fields and not _is_one_way(attributes, fields):
        fields["usage_incomplete"] = True
    if flags:
        fields["usage_flags"] = flags
    return Told(fields, _first(scope, attributes), streamed, _number(attributes, "duration") if streamed else None)


_ONE_WAY: Final = frozenset({"embeddings", "embedding", "aembedding", "rerank"})


def _is_one_way(attributes: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    """Tell whether nothing is written in answer to a request."""
    if attributes.get("gen_ai.operation.name") in _ONE_WAY or "embedding" in str(fields.get("model", "")):
        return True
    kinds = attributes.get("openinference.span.kind"), attributes.get("langfuse.observation.type")
    return kinds[0] == "EMBEDDING" or kinds[1] == "embedding"


def read_total(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a span of another kind says of the requests within: it counts where none of them was seen."""
    fields = _counts(attributes)
    if not fields:
        return {}
    return {**fields, **_names(attributes, answered=False), "usage_aggregate": True}


def _counts(attributes: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _READS_USAGE:
        if isinstance(text := attributes.get(name), str):
            found |= _inner_counts(text)
    for field, told in names.COUNTS:
        for name in told:
            if name in attributes and (count := _count(attributes[name])) is not None:
                found[field] = count
                break
    cached = found.get("cache_read_tokens", 0) + found.get("cache_write_tokens", 0)
    if "input_tokens" in found and cached > found["input_tokens"]:
        found["input_tokens"] += cached  # told without what the cache held: else a part were more than the whole
    if "input_tokens" not in found and "output_tokens" not in found:
        return {}
    return {name: count for name, count in found.items() if count or name in {"input_tokens", "output_tokens"}}


def _count(value: Any) -> int | None:
    return as_count(value)[0]


def _inner_counts(text: str) -> dict[str, Any]:
    """Return the counts in a text that holds a provider's usage, or Langfuse's own."""
    told = _parsed(text)
    if not isinstance(told, dict):
        return {}
    if "input" in told or "output" in told:
        return _exclusive(told)
    captured = capture({"usage": told})
    found = None if captured is None else usage_fields(captured)
    return {name: count for name, count in (found or {}).items() if name.endswith("_tokens")}


def _exclusive(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts of usage whose parts are told apart from the rest, as Langfuse does."""
    found: dict[str, Any] = {}
    for side in ("input", "output"):
        parts = [count for name, value in told.items() if name.startswith(side) and (count := _count(value))]
        if parts or side in told:
            found[f"{side}_tokens"] = sum(parts)
    inner = (("cache_read_tokens", ("input_cache_read", "cache_read_input_tokens")),
             ("cache_write_tokens", ("input_cache_creation", "cache_creation_input_tokens")),
             ("reasoning_tokens", ("output_reasoning",)))  # fmt: skip
    for field, keys in inner:
        if (count := next((_count(told[key]) for key in keys if key in told), None)) is not None:
            found[field] = count
    return found


def _parsed(text: str) -> Any:
    if len(text) > _JSON:
        return None
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return ast.literal_eval(text)  # litellm writes a dict as Python does
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _names(attributes: Mapping[str, Any], *, answered: bool) -> dict[str, Any]:
    asked, replied = _text(attributes, names.REQUEST_MODEL), _text(attributes, names.RESPONSE_MODEL)
    told = _text(attributes, names.TOLD_MODEL)
    if asked is None:
        asked = _asked(attributes) or (None if answered else told)
    if replied is None and answered:
        replied = told
    provider = canonical_provider(_text(attributes, names.PROVIDER))
    if provider is None or provider in _FRAMEWORKS:
        captured = Captured()
        captured.model = replied
        provider = provider_of(captured, asked)
    found = {
        "provider": provider,
        "model": asked,
        "response_model": replied,
        "response_id": _id(attributes),
        "service_tier": _text(attributes, names.TIER),
    }
    return {name: value for name, value in found.items() if value is not None}


def _asked(attributes: Mapping[str, Any]) -> str | None:
    """Return the model in the parameters of a request, which OpenInference writes as JSON."""
    text = attributes.get("llm.invocation_parameters")
    found = _MODEL.search(text) if isinstance(text, str) and len(text) <= _JSON else None
    return None if found is None else found[1]


def _id(attributes: Mapping[str, Any]) -> str | None:
    told = _text(attributes, names.ID)
    return None if told == attributes.get("litellm.call_id") else told


def _oddities(scope: str, attributes: Mapping[str, Any], fields: Mapping[str, Any]) -> list[str]:
    """Return what is known to be wrong with what a span says."""
    if scope == "litellm" and attributes.get("llm.is_streaming") and fields:
        told = attributes.get("metadata.usage_object")
        if isinstance(told, str) and "'prompt_tokens_details': None" in told:
            return ["estimated"]  # no usage came, so litellm has counted words
    return []


def _first(scope: str, attributes: Mapping[str, Any]) -> float | None:
    for name in names.FIRST_CHUNK:
        if (seconds := _number(attributes, name)) is not None:
            return seconds
    if scope == "strands.telemetry.tracer":
        milliseconds = _number(attributes, "gen_ai.server.time_to_first_token")
        return None if milliseconds is None else milliseconds / 1e3
    return None


def completion_start(attributes: Mapping[str, Any]) -> int | None:
    """Return when the first part of a stream came, in epoch ns, as Langfuse writes it."""
    told = attributes.get("langfuse.observation.completion_start_time")
    if not isinstance(told, str):
        return None
    try:
        return round(datetime.fromisoformat(told.strip('"')).timestamp() * 1e6) * 1000
    except ValueError:
        return None


def _number(attributes: Mapping[str, Any], name: str) -> float | None:
    value = attributes.get(name)
    if not isinstance(value, int | float) or not 0 <= value < _LONGEST:
        return None
    return float(value)


def _text(attributes: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = attributes.get(key)
        if isinstance(value, str) and value:
            return value[:_TEXT]
    return None
