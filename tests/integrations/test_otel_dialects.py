"""What spans tell, under whatever names, and which of them stand for no request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from pepperpy_obs.testing import captured
from tests.integrations.spans import CHAT, OPENINFERENCE, finish, told

NAMED = {"provider": "openai", "model": "gpt-4o-mini", "response_model": "gpt-4o-mini-2024-07-18"}
COUNTED = {"input_tokens": 1000, "output_tokens": 200}
DIALECTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "conventions up to 1.36": (
        "some.scope",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.prompt_tokens": 10,
            "gen_ai.usage.completion_tokens": 2,
        },
        {"provider": "anthropic", "model": "claude-sonnet-4-5", "input_tokens": 10, "output_tokens": 2},
    ),
    "conventions up to 1.41": (
        "opentelemetry.instrumentation.genai.openai",
        CHAT | {"gen_ai.usage.cache_read.input_tokens": 512, "gen_ai.usage.reasoning.output_tokens": 64},
        NAMED | COUNTED | {"response_id": "chatcmpl-1", "cache_read_tokens": 512, "reasoning_tokens": 64},
    ),
    "conventions of their own": (
        "com.anthropic.sdk.python",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 3900,
            "gen_ai.usage.output_tokens": 250,
            "gen_ai.usage.cache_read.input_tokens": 3000,
            "gen_ai.usage.cache_write.input_tokens": 500,
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 200,
        },
        {
            "provider": "anthropic", "model": "claude-sonnet-4-5", "input_tokens": 3900, "output_tokens": 250,
            "cache_read_tokens": 3000, "cache_write_tokens": 500, "cache_write_1h_tokens": 200,
        },
    ),
    "OpenInference": (
        "openinference.instrumentation.openai",
        OPENINFERENCE,
        NAMED | COUNTED | {"cache_read_tokens": 512},
    ),
    "Langfuse, the provider's words": (
        "langfuse-sdk",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o-mini-2024-07-18",
            "langfuse.observation.usage_details": json.dumps({
                "prompt_tokens": 1000, "completion_tokens": 200, "prompt_tokens_details": {"cached_tokens": 512},
            }),
        },
        {"provider": "openai", "response_model": "gpt-4o-mini-2024-07-18", "cache_read_tokens": 512} | COUNTED,
    ),
    "Langfuse, its own parts": (
        "langfuse-sdk",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o-mini",
            "langfuse.observation.usage_details": json.dumps({
                "input": 488, "input_cache_read": 512, "output": 136, "output_reasoning": 64, "total": 1200,
            }),
        },
        {
            "provider": "openai", "response_model": "gpt-4o-mini", "cache_read_tokens": 512, "reasoning_tokens": 64,
        } | COUNTED,
    ),
    "litellm": (
        "litellm",
        CHAT | {"metadata.usage_object": "{'prompt_tokens': 1000, 'completion_tokens': 200, 'prompt_tokens_details': "
                "{'cached_tokens': 512}, 'cost': 0.1}"},
        NAMED | COUNTED | {"response_id": "chatcmpl-1", "cache_read_tokens": 512},
    ),
    "litellm, that has counted words": (
        "litellm",
        CHAT | {"llm.is_streaming": True, "metadata.usage_object": "{'prompt_tokens_details': None}"},
        NAMED | COUNTED | {"response_id": "chatcmpl-1", "usage_flags": ["estimated"]},
    ),
    "pydantic-ai": (
        "pydantic-ai",
        CHAT | {"gen_ai.usage.details.reasoning_tokens": 64, "operation.cost": 9.0},
        NAMED | COUNTED | {"response_id": "chatcmpl-1", "reasoning_tokens": 64},
    ),
    "a cache told apart from the input": (
        "some.scope",
        CHAT | {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.cache_read.input_tokens": 900},
        NAMED | COUNTED | {"response_id": "chatcmpl-1", "cache_read_tokens": 900},
    ),
    "no usage": (
        "some.scope",
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"},
        {"provider": "openai", "model": "gpt-4o-mini", "usage_flags": ["missing"]},
    ),
    "half of it": (
        "some.scope",
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 5},
        {"provider": "openai", "model": "gpt-4o-mini", "input_tokens": 5, "usage_incomplete": True},
    ),
}  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_span_is_read_in_every_dialect(dialect: str, provider: TracerProvider) -> None:
    """Tokens, cached tokens, models and provider are those that the span tells, under whatever names."""
    scope, attributes, expected = DIALECTS[dialect]
    with captured() as seen:
        finish(provider.get_tracer(scope), "chat gpt-4o-mini", attributes)
    assert told(seen.event) == {"outcome": "ok", "kind": "llm"} | expected


NO_REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "an answer that is fetched again": ("any", "fetch", {"gen_ai.operation.name": "fetch_response"}),
    "fetched, as OpenLLMetry tells it": (
        "opentelemetry.instrumentation.openai.v1",
        "openai.response",
        {name: value for name, value in CHAT.items() if name != "gen_ai.request.model"},
    ),
    "fetched, as OpenInference tells it": (
        "openinference.instrumentation.openai",
        "Response",
        {"openinference.span.kind": "LLM", "llm.invocation_parameters": "{}", "llm.token_count.prompt": 5},
    ),
    "fetched, as logfire tells it": (
        "logfire.openai", "OpenAI API call", {"gen_ai.system": "openai", "gen_ai.usage.input_tokens": 5},
    ),
    "tokens that are counted beforehand": ("any", "messages.count_tokens", CHAT),
    "what litellm has sent": ("litellm", "raw_gen_ai_request", {"llm.openai.usage": "{'prompt_tokens': 5}"}),
    "a tool": ("any", "execute_tool search", {"gen_ai.operation.name": "execute_tool"}),
    "the sum of a run": (
        "pydantic-ai", "invoke_agent",
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.aggregated_usage.input_tokens": 5},
    ),
    "an HTTP request": ("opentelemetry.instrumentation.httpx", "POST", {"gen_ai.operation.name": "chat"}),
    "our own calls": ("pepperpy_obs", "ask", CHAT),
    "anything else": ("shop", "checkout", {"cart": 3}),
}  # fmt: skip


@pytest.mark.parametrize("what", NO_REQUESTS)
def test_what_is_no_request_is_not_counted(what: str, provider: TracerProvider) -> None:
    """No request and no token comes of it."""
    scope, name, attributes = NO_REQUESTS[what]
    with captured() as seen:
        finish(provider.get_tracer(scope), name, attributes)
    assert (seen.stats.usage.total_calls, seen.stats.usage.total_tokens) == (0, 0)
