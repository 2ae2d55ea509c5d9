"""Where in an answer its usage may stand, and where the names that go with it do. Tables only."""

from __future__ import annotations

from typing import Final

from pepperpy_obs.usage.dig import paths
from pepperpy_obs.usage.shapes import Merge, Place

__all__ = ["HINTS", "NAMES", "NO_ID", "PLACES", "TIERS", "USAGE_HINTS"]


def _place(
    path: str, owner: str = "", *, tier: str | None = None, merge: Merge | None = None, beside: str | None = None
) -> Place:
    paths(beside or "")
    return Place(paths(path)[0], paths(owner)[0], tier, merge, beside)


PLACES: Final[tuple[Place, ...]] = (
    _place("usage", tier="batch", beside="request_counts"),
    _place("totalUsage"),
    _place("usage"),
    _place("response.usage", "response"),
    _place("message.usage", "message"),
    # Moonshot tells a stream's usage in its last choice.
    _place("choices.^.usage"),
    _place("usage_metadata"),
    _place("usageMetadata"),
    _place("metadata.usage"),
    _place("event.usageEvent"),
    _place("usageEvent"),
    _place("delta.usage", "delta"),
    _place("meta"),
    _place("response.meta", "response"),
    _place("x_groq.usage"),
    _place("context_wrapper.usage"),
    _place("data.response.usage", "data.response"),
    _place("data.usage", "data"),
    _place("chunk.usage", "chunk"),
    _place("interaction.usage", "interaction"),
    _place("result.usage", "result"),
    _place("message.usage_metadata", "message"),
    _place("raw.usage_metadata", "raw"),
    _place("llm_output.token_usage", "llm_output"),
    _place("llm_output.usage", "llm_output"),
    _place("response.body.usage", "response.body", tier="batch"),
    _place("result.message.usage", "result.message", tier="batch"),
    _place("modelOutput.usage", "modelOutput", tier="batch"),
    _place("response.usageMetadata", "response", tier="batch", beside="key"),
    _place("response.usageMetadata", "response"),
    # Where frameworks keep the answer behind their own.
    _place("raw.usage", "raw"),
    _place("_raw_response.usage", "_raw_response"),
    _place("_raw_response.usage_metadata", "_raw_response"),
    _place("token_usage"),
    _place("models_usage"),
    _place("chat_message.models_usage", "chat_message"),
    # InvokeAgent: each of the agent's model calls leaves a trace of its own.
    _place("trace.trace.*.modelInvocationOutput.metadata.usage", merge="add"),
    _place("usage_info"),
    _place("metrics"),
    _place("details"),
    _place("statistics"),
    _place(""),
    # Bedrock's own count at the end of any model's stream, which is what it bills.
    _place("amazon-bedrock-invocationMetrics", merge="overwrite"),
    _place("ResponseMetadata.HTTPHeaders"),
)

TIERS: Final = paths(
    "service_tier", "serviceTier.type", "serviceTier", "trafficType", "traffic_type",
    "response_metadata.service_tier", "response_metadata.serviceTier.type", "response_metadata.usage.service_tier",
    "llm_output.service_tier", "generations.*.^.message.response_metadata.service_tier",
    # Google's SDK leaves the tier out of the usage that it makes of the answer.
    "sdk_http_response.headers.x-gemini-service-tier",
)  # fmt: skip
NAMES: Final = {
    "model": paths(
        "model", "modelVersion", "model_version", "model_name", "model_id",
        "response_metadata.model_name", "response_metadata.model", "response_metadata.model_id", "proto.model",
        "generations.*.^.message.response_metadata.model_name",
    ),
    "response_id": paths(
        "provider_response_id", "response_metadata.id", "id", "responseId", "response_id", "generation_id",
        "ResponseMetadata.RequestId",
    ),
    "service_tier": TIERS,
    "provider": paths("provider_name"),
}  # fmt: skip
"""What an answer says of itself, and where."""
NO_ID: Final = "__fake_id__"
"""openai-agents puts it where an answer has no id: by it, all answers would be the same one."""

HINTS: Final = (
    ("groq", paths("x_groq")[0]),
    ("azure", paths("prompt_filter_results")[0]),
    # The first event of a stream of Converse, whose last has the usage; none of the two has a name.
    ("aws", paths("messageStart")[0]),
    ("aws", paths("ResponseMetadata.RequestId")[0]),
    ("aws", paths("ResponseMetadata.HTTPHeaders")[0]),
    ("aws", paths("metrics.latencyMs")[0]),
    ("aws", paths("metadata.metrics")[0]),
    ("aws", paths("stopReason")[0]),
    ("aws", paths("modelOutput")[0]),
    ("aws", paths("trace.trace")[0]),
)
"""What only one provider writes into its answers."""
USAGE_HINTS: Final = (
    ("groq", paths("queue_time")[0]),
    ("openrouter", paths("is_byok")[0]),
    ("deepseek", paths("prompt_cache_hit_tokens")[0]),
    ("x-ai", paths("cost_in_usd_ticks")[0]),
    ("x-ai", paths("billable_audio_seconds")[0]),
    ("perplexity", paths("tool_calls_details")[0]),
    ("alibaba", paths("x_details")[0]),
    ("aws", paths("cacheReadInputTokens")[0]),
    ("aws", paths("cacheWriteInputTokens")[0]),
)
"""What only one provider writes into its usage."""
