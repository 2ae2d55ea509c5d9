"""Where the large families of usage keep each fact; the names on the left are those of the normal form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pepperpy_obs.usage.get_path import Path, paths

__all__ = [
    "AI_SDK",
    "ANTHROPIC",
    "CACHED",
    "CHAT",
    "CONVERSE",
    "COST",
    "GATEWAY",
    "GOOGLE",
    "GROUNDED",
    "INTERACTIONS",
    "METRICS",
    "SPEECH",
    "TOKENS",
    "count_paths",
]

CountPaths = Mapping[str, tuple[Path, ...]]


def count_paths(**texts: str) -> dict[str, tuple[Path, ...]]:
    """Return paths by name; alternatives are set apart by a space."""
    return {name: paths(*text.split()) for name, text in texts.items()}


COST: Final = count_paths(
    cost="cost.total_cost cost cost_usd pydantic_ai_gateway.cost_estimate pydantic_ai_gateway.price_estimate",
    byok="is_byok",
    upstream_cost="cost_details.upstream_inference_cost",
    ticks="cost_in_usd_ticks",
)
_VERCEL: Final = (
    "provider_metadata.gateway providerMetadata.gateway choices.^.message.provider_metadata.gateway "
    "choices.^.delta.provider_metadata.gateway"
)
_HEADERS: Final = (
    "_hidden_params.additional_headers.llm_provider-x-litellm-response-cost "
    "_response_headers.x-litellm-response-cost response_metadata.headers.x-litellm-response-cost"
)
_BESIDE: Final = " ".join(f"{where}.cost" for where in _VERCEL.split())
GATEWAY: Final = count_paths(
    cost=f"_hidden_params.response_cost {_HEADERS} {_BESIDE}",
    cost_beside="cost.total_cost cost",
    market_cost=_BESIDE.replace(".cost", ".marketCost"),
    byok="cost_details.is_byok",
    cached="_hidden_params.cache_hit",
)
"""What a gateway writes beside the usage of an answer: its price, and whether it came from the gateway's cache."""
CACHED: Final = count_paths(cached="_hidden_params.cache_hit cached")
"""Beside Chat Completions AutoGen marks an answer of its cache as well."""
CHAT: Final = COST | count_paths(
    input_tokens="prompt_tokens",
    output_tokens="completion_tokens",
    total="total_tokens",
    cache_read_tokens="prompt_tokens_details.cached_tokens prompt_token_details.cached_tokens "
    "prompt_cache_hit_tokens num_cached_tokens cached_tokens cache_read_input_tokens",
    cache_write_tokens="prompt_tokens_details.cache_write_tokens prompt_tokens_details.cache_creation_tokens "
    "prompt_tokens_details.cache_creation_input_tokens cache_creation_input_tokens",
    cache_write_1h_tokens="prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens",
    cache_write_12h_tokens="prompt_tokens_details.cache_write_tokens_details.ttl_12h_tokens "
    "prompt_tokens_details.cache_creation_token_details.ephemeral_12h_input_tokens",
    reasoning_tokens="completion_tokens_details.reasoning_tokens reasoning_tokens",
    audio_input_tokens="prompt_tokens_details.audio_tokens",
    audio_output_tokens="completion_tokens_details.audio_tokens",
    image_input_tokens="prompt_tokens_details.image_tokens",
    image_output_tokens="completion_tokens_details.image_tokens",
    video_input_tokens="prompt_tokens_details.video_tokens",
    video_output_tokens="completion_tokens_details.video_tokens",
    web_searches="server_tool_use_details.web_search_requests server_tool_use.web_search_requests num_search_queries "
    "connectors.web_search prompt_tokens_details.web_search_requests",
    tool_input="connector_tokens",
    audio_seconds="prompt_audio_seconds",
)
TOKENS: Final = COST | count_paths(
    input_tokens="input_tokens",
    output_tokens="output_tokens",
    total="total_tokens",
    cache_read_tokens="input_tokens_details.cached_tokens input_token_details.cached_tokens "
    "input_token_details.cache_read cache_read_tokens cache_read_input_tokens cached_tokens "
    "prompt_tokens_details.cached_tokens input_tokens_details.cache_read_input_tokens "
    "x_details.*.prompt_tokens_details.cached_tokens",
    cache_write_tokens="input_tokens_details.cache_write_tokens input_token_details.cache_creation "
    "cache_write_tokens cache_creation_input_tokens prompt_tokens_details.cache_creation_input_tokens "
    "input_tokens_details.cache_creation_input_tokens x_details.*.prompt_tokens_details.cache_creation_input_tokens",
    cache_write_5m_tokens="input_token_details.ephemeral_5m_input_tokens",
    cache_write_1h_tokens="input_token_details.ephemeral_1h_input_tokens cache_write_1h_tokens",
    cache_write_12h_tokens="input_tokens_details.cache_write_tokens_details.ttl_12h_tokens",
    reasoning_tokens="output_tokens_details.reasoning_tokens output_token_details.reasoning_tokens "
    "output_token_details.reasoning output_reasoning_tokens reasoning_tokens",
    audio_input_tokens="input_token_details.audio_tokens input_token_details.audio "
    "input_tokens_details.audio_tokens input_audio_tokens audio_input_tokens",
    audio_output_tokens="output_token_details.audio_tokens output_token_details.audio "
    "output_tokens_details.audio_tokens output_audio_tokens audio_output_tokens",
    audio_cache_read_tokens="input_token_details.cached_tokens_details.audio_tokens cache_audio_read_tokens",
    image_input_tokens="input_token_details.image_tokens input_tokens_details.image_tokens image_input_tokens",
    image_output_tokens="output_tokens_details.image_tokens image_output_tokens",
    image_cache_read_tokens="input_token_details.cached_tokens_details.image_tokens",
    web_searches="server_tool_use_details.web_search_requests web_searches "
    "tool_calls_details.search_web.invocation tool_calls_details.web_search.invocation tool_calls_details.web_search",
    requests="requests",
    billable_audio_seconds="billable_audio_seconds",
    output_audio_seconds="output_audio_seconds",
)
ANTHROPIC: Final = COST | count_paths(
    input_tokens="input_tokens",
    output_tokens="output_tokens",
    cache_read_tokens="cache_read_input_tokens",
    cache_write_tokens="cache_creation_input_tokens",
    cache_write_5m_tokens="cache_creation.ephemeral_5m_input_tokens",
    cache_write_1h_tokens="cache_creation.ephemeral_1h_input_tokens",
    reasoning_tokens="output_tokens_details.thinking_tokens",
    web_searches="server_tool_use.web_search_requests",
    code_executions="server_tool_use.code_execution_requests",
    speed="speed",
    inference_geo="inference_geo",
)
# Documents are looked at page by page, and billed as images.
GOOGLE: Final = COST | count_paths(
    input_tokens="promptTokenCount prompt_token_count",
    tool_input="toolUsePromptTokenCount tool_use_prompt_token_count",
    output_tokens="candidatesTokenCount candidates_token_count responseTokenCount response_token_count",
    thoughts="thoughtsTokenCount thoughts_token_count",
    total="totalTokenCount total_token_count",
    cache_read_tokens="cachedContentTokenCount cached_content_token_count",
    audio_input_tokens="promptTokensDetails.@AUDIO prompt_tokens_details.@AUDIO",
    audio_output_tokens="candidatesTokensDetails.@AUDIO candidates_tokens_details.@AUDIO "
    "responseTokensDetails.@AUDIO response_tokens_details.@AUDIO",
    audio_cache_read_tokens="cacheTokensDetails.@AUDIO cache_tokens_details.@AUDIO",
    image_input_tokens="promptTokensDetails.@IMAGE+DOCUMENT prompt_tokens_details.@IMAGE+DOCUMENT",
    image_output_tokens="candidatesTokensDetails.@IMAGE candidates_tokens_details.@IMAGE",
    image_cache_read_tokens="cacheTokensDetails.@IMAGE+DOCUMENT cache_tokens_details.@IMAGE+DOCUMENT",
    video_input_tokens="promptTokensDetails.@VIDEO prompt_tokens_details.@VIDEO",
    video_output_tokens="candidatesTokensDetails.@VIDEO candidates_tokens_details.@VIDEO",
    video_cache_read_tokens="cacheTokensDetails.@VIDEO cache_tokens_details.@VIDEO",
)
GROUNDED: Final = count_paths(
    web_queries="candidates.^.groundingMetadata.webSearchQueries.# "
    "candidates.^.grounding_metadata.web_search_queries.#",
    own_calls="automatic_function_calling_history.^.role automaticFunctionCallingHistory.^.role",
)
"""The searches that Google's answers name, and what its SDK has asked before to answer calls of functions by itself."""
INTERACTIONS: Final = (
    COST
    | count_paths(
        input_tokens="total_input_tokens",
        tool_input="total_tool_use_tokens",
        output_tokens="total_output_tokens",
        thoughts="total_thought_tokens",
        total="total_tokens",
        cache_read_tokens="total_cached_tokens",
        audio_input_tokens="input_tokens_by_modality.@AUDIO",
        audio_output_tokens="output_tokens_by_modality.@AUDIO",
        image_input_tokens="input_tokens_by_modality.@IMAGE+DOCUMENT",
        image_output_tokens="output_tokens_by_modality.@IMAGE",
        video_input_tokens="input_tokens_by_modality.@VIDEO",
        video_output_tokens="output_tokens_by_modality.@VIDEO",
        audio_cache_read_tokens="cached_tokens_by_modality.@AUDIO",
        image_cache_read_tokens="cached_tokens_by_modality.@IMAGE+DOCUMENT",
        video_cache_read_tokens="cached_tokens_by_modality.@VIDEO",
    )
    | {
        # Lists and texts have a `count`, too: it is not to be looked for in everything that a call returns.
        "web_queries": ((*paths("grounding_tool_count.?type=google_search.*")[0], "count"),),
        "map_queries": ((*paths("grounding_tool_count.?type=google_maps.*")[0], "count"),),
    }
)
CONVERSE: Final = COST | count_paths(
    input_tokens="inputTokens",
    output_tokens="outputTokens",
    cache_read_tokens="cacheReadInputTokens cacheReadInputTokenCount",
    cache_write_tokens="cacheWriteInputTokens cacheWriteInputTokenCount",
    cache_write_1h_tokens="cacheDetails.?ttl=1h.*.inputTokens",
    total="totalTokens",
)
# Bedrock's own count, at the end of any model's stream beside what the model has told: it is what is billed.
METRICS: Final = count_paths(
    billed_input_tokens="inputTokenCount",
    billed_output_tokens="outputTokenCount",
    billed_cache_read_tokens="cacheReadInputTokenCount",
    billed_cache_write_tokens="cacheWriteInputTokenCount",
)
AI_SDK: Final = count_paths(
    input_tokens="inputTokens.total inputTokens promptTokens",
    output_tokens="outputTokens.total outputTokens completionTokens",
    total="totalTokens",
    cache_read_tokens="inputTokens.cacheRead inputTokenDetails.cacheReadTokens cachedInputTokens",
    cache_write_tokens="inputTokens.cacheWrite inputTokenDetails.cacheWriteTokens",
    reasoning_tokens="outputTokens.reasoning outputTokenDetails.reasoningTokens reasoningTokens",
    cost="cost",
)
SPEECH: Final = count_paths(
    input_tokens="totalInputTokens",
    output_tokens="totalOutputTokens",
    total="totalTokens",
    audio_input_tokens="details.total.input.speechTokens",
    text_input="details.total.input.textTokens",
    audio_output_tokens="details.total.output.speechTokens",
    text_output="details.total.output.textTokens",
)
