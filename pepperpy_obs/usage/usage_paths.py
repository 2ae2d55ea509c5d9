"""Where in an answer its usage may stand, and where the names that go with it do. Tables only."""

from __future__ import annotations

from typing import Final

from pepperpy_obs.usage.get_path import paths
from pepperpy_obs.usage.shapes import Merge, UsagePath

__all__ = ["HINTS", "NAMES", "NO_ID", "TIERS", "USAGE_HINTS", "USAGE_PATHS"]


def _usage_path(
    path: str, owner: str = "", *, tier: str | None = None, merge: Merge | None = None, beside: str | None = None
) -> UsagePath:
    paths(beside or "")
    return UsagePath(paths(path)[0], paths(owner)[0], tier, merge, beside)


USAGE_PATHS: Final[tuple[UsagePath, ...]] = (
    _usage_path("usage", tier="batch", beside="request_counts"),
    _usage_path("totalUsage"),
    _usage_path("usage"),
    _usage_path("response.usage", "response"),
    _usage_path("message.usage", "message"),
    # Moonshot tells a stream's usage in its last choice.
    _usage_path("choices.^.usage"),
    _usage_path("usage_metadata"),
    _usage_path("usageMetadata"),
    _usage_path("metadata.usage"),
    _usage_path("event.usageEvent"),
    _usage_path("usageEvent"),
    _usage_path("delta.usage", "delta"),
    _usage_path("meta"),
    _usage_path("response.meta", "response"),
    _usage_path("x_groq.usage"),
    _usage_path("context_wrapper.usage"),
    _usage_path("data.response.usage", "data.response"),
    _usage_path("data.usage", "data"),
    _usage_path("chunk.usage", "chunk"),
    _usage_path("interaction.usage", "interaction"),
    _usage_path("result.usage", "result"),
    _usage_path("message.usage_metadata", "message"),
    _usage_path("raw.usage_metadata", "raw"),
    _usage_path("llm_output.token_usage", "llm_output"),
    _usage_path("llm_output.usage", "llm_output"),
    _usage_path("response.body.usage", "response.body", tier="batch"),
    _usage_path("result.message.usage", "result.message", tier="batch"),
    _usage_path("modelOutput.usage", "modelOutput", tier="batch"),
    _usage_path("response.usageMetadata", "response", tier="batch", beside="key"),
    _usage_path("response.usageMetadata", "response"),
    # Where frameworks keep the answer behind their own.
    _usage_path("raw.usage", "raw"),
    _usage_path("_raw_response.usage", "_raw_response"),
    _usage_path("_raw_response.usage_metadata", "_raw_response"),
    _usage_path("token_usage"),
    _usage_path("models_usage"),
    _usage_path("chat_message.models_usage", "chat_message"),
    # InvokeAgent: each of the agent's model calls leaves a trace of its own.
    _usage_path("trace.trace.*.modelInvocationOutput.metadata.usage", merge="add"),
    _usage_path("usage_info"),
    _usage_path("metrics"),
    _usage_path("details"),
    _usage_path("statistics"),
    _usage_path(""),
    # Bedrock's own count at the end of any model's stream, which is what it bills.
    _usage_path("amazon-bedrock-invocationMetrics", merge="overwrite"),
    _usage_path("ResponseMetadata.HTTPHeaders"),
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
