"""The table: every shape of usage that we know, one row each.

A new provider is a new row here and nothing anywhere else. Rows are tried in order, so the
more telling one stands first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pepperpy_obs.usage.dig import Path, paths
from pepperpy_obs.usage.shapes import Shape

__all__ = ["SHAPES"]

Rows = Mapping[str, tuple[Path, ...]]


def _rows(**texts: str) -> dict[str, tuple[Path, ...]]:
    """Return paths by name; alternatives are set apart by a space."""
    return {name: paths(*text.split()) for name, text in texts.items()}


_COST: Final = _rows(
    cost="cost.total_cost cost cost_usd pydantic_ai_gateway.cost_estimate",
    byok="is_byok",
    upstream_cost="cost_details.upstream_inference_cost",
    ticks="cost_in_usd_ticks",
)
_LITELLM: Final = _rows(cost="_hidden_params.response_cost")
_CHAT: Final = _COST | _rows(
    input_tokens="prompt_tokens",
    output_tokens="completion_tokens",
    total="total_tokens",
    cache_read_tokens="prompt_tokens_details.cached_tokens prompt_token_details.cached_tokens "
    "prompt_cache_hit_tokens num_cached_tokens cached_tokens cache_read_input_tokens",
    cache_write_tokens="prompt_tokens_details.cache_write_tokens prompt_tokens_details.cache_creation_tokens "
    "cache_creation_input_tokens",
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
    "connectors.web_search",
    tool_input="connector_tokens",
    audio_seconds="prompt_audio_seconds",
)
_TOKENS: Final = _COST | _rows(
    input_tokens="input_tokens",
    output_tokens="output_tokens",
    total="total_tokens",
    cache_read_tokens="input_tokens_details.cached_tokens input_token_details.cached_tokens "
    "input_token_details.cache_read cache_read_tokens cache_read_input_tokens cached_tokens "
    "prompt_tokens_details.cached_tokens",
    cache_write_tokens="input_tokens_details.cache_write_tokens input_token_details.cache_creation "
    "cache_write_tokens cache_creation_input_tokens",
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
    web_searches="server_tool_use_details.web_search_requests web_searches",
    requests="requests",
)
_ANTHROPIC: Final = _COST | _rows(
    input_tokens="input_tokens",
    output_tokens="output_tokens",
    cache_read_tokens="cache_read_input_tokens",
    cache_write_tokens="cache_creation_input_tokens",
    cache_write_5m_tokens="cache_creation.ephemeral_5m_input_tokens",
    cache_write_1h_tokens="cache_creation.ephemeral_1h_input_tokens",
    reasoning_tokens="output_tokens_details.thinking_tokens",
    web_searches="server_tool_use.web_search_requests",
    speed="speed",
    inference_geo="inference_geo",
)
# Documents are looked at page by page, and billed as images.
_GOOGLE: Final = _rows(
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
_INTERACTIONS: Final = _rows(
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
)
_CONVERSE: Final = _rows(
    input_tokens="inputTokens inputTokenCount",
    output_tokens="outputTokens outputTokenCount",
    cache_read_tokens="cacheReadInputTokens cacheReadInputTokenCount",
    cache_write_tokens="cacheWriteInputTokens cacheWriteInputTokenCount",
    cache_write_1h_tokens="cacheDetails.?ttl=1h.*.inputTokens",
    total="totalTokens",
)
_GENERATED: Final = "generations.*.^.message.usage_metadata"
"""One answer a prompt: where a prompt was given several, each of them tells the usage of all."""
_EMBEDDED: Final = (
    "predictions.*.embeddings.statistics.token_count embeddings.*.statistics.token_count "
    "embeddings.*.statistics.tokenCount"
)
_GUARDRAIL: Final = (
    "contentPolicyUnits topicPolicyUnits wordPolicyUnits sensitiveInformationPolicyUnits "
    "contextualGroundingPolicyUnits automatedReasoningPolicyUnits contentPolicyImageUnits"
)

SHAPES: Final[tuple[Shape, ...]] = (
    Shape(
        name="openai-agents run",
        all=paths("requests", "input_tokens", "request_usage_entries"),
        counts=_TOKENS,
        entries=paths("request_usage_entries"),
        aggregate=True,
    ),
    Shape(
        name="pydantic-ai run",
        all=paths("requests", "tool_calls", "input_tokens"),
        counts=_TOKENS | _rows(unmeasured="unmeasured_requests"),
        entries=paths("new_messages"),
        aggregate=True,
    ),
    Shape(
        name="xai",
        any=paths("cached_prompt_text_tokens", "prompt_text_tokens"),
        counts=_CHAT
        | _rows(
            cache_read_tokens="cached_prompt_text_tokens",
            reasoning_tokens="reasoning_tokens",
            image_input_tokens="prompt_image_tokens",
            web_searches="server_side_tools_used.#WEB_SEARCH",
        ),
        rule="reasoning_apart",
        end="choices",
        provider="x-ai",
    ),
    Shape(
        name="crew",
        all=paths("prompt_tokens", "successful_requests"),
        counts=_CHAT | _rows(cache_read_tokens="cached_prompt_tokens", requests="successful_requests"),
        rule="by_total",
        aggregate=True,
    ),
    Shape(
        # Mistral counts what it heard in the total alone, and bills it by the second.
        name="heard",
        all=paths("prompt_tokens", "prompt_audio_seconds"),
        counts={name: where for name, where in _CHAT.items() if name != "total"},
        end="choices",
    ),
    Shape(
        # One of Groq's systems asks several models, whose prices differ.
        name="groq",
        all=paths("prompt_tokens", "queue_time"),
        counts=_CHAT,
        rule="by_total",
        end="choices",
        entries=paths("usage_breakdown.models", "x_groq.usage_breakdown.models"),
        provider="groq",
    ),
    Shape(
        # What was thought and what was cited is counted beside the completion, and left out of the total.
        name="perplexity research",
        all=paths("prompt_tokens", "citation_tokens"),
        counts={name: where for name, where in _CHAT.items() if name != "total"}
        | _rows(citation_tokens="citation_tokens"),
        rule="reasoning_apart",
        end="choices",
        provider="perplexity",
    ),
    Shape(
        name="openai assistants",
        # The steps of a run report usage before the run reports their total.
        all=paths("prompt_tokens", "prompt_token_details"),
        ids=paths("run_id"),
        counts=_CHAT,
        rule="by_total",
        end="run",
    ),
    Shape(
        name="openai chat",
        any=paths("prompt_tokens", "completion_tokens"),
        counts=_CHAT,
        around=_LITELLM,
        rule="by_total",
        end="choices",
    ),
    Shape(
        name="google",
        any=paths(
            "promptTokenCount",
            "prompt_token_count",
            "totalTokenCount",
            "total_token_count",
            "candidatesTokenCount",
            "candidates_token_count",
        ),
        lacks=paths("generation_token_count"),
        counts=_GOOGLE,
        rule="thoughts_apart",
        end="candidates",
        provider="google",
    ),
    Shape(
        name="google interactions",
        any=paths("total_input_tokens", "total_output_tokens"),
        counts=_INTERACTIONS,
        rule="thoughts_apart",
        provider="google",
    ),
    Shape(
        name="bedrock",
        any=paths("inputTokens", "outputTokens", "inputTokenCount", "outputTokenCount"),
        counts=_CONVERSE,
        rule="cache_apart",
        provider="aws",
    ),
    Shape(
        name="cohere",
        any=paths("billed_units", "tokens.input_tokens"),
        counts=_rows(
            input_tokens="billed_units.input_tokens tokens.input_tokens",
            output_tokens="billed_units.output_tokens tokens.output_tokens",
            cache_read_tokens="cached_tokens",
            image_input_tokens="billed_units.image_tokens",
            images="billed_units.images",
            search_units="billed_units.search_units",
            classifications="billed_units.classifications",
        ),
        provider="cohere",
    ),
    Shape(
        name="ollama",
        places=("",),
        any=paths("eval_count", "prompt_eval_count"),
        counts=_rows(input_tokens="prompt_eval_count", output_tokens="eval_count"),
        merge="overwrite",
        end="flag",
        provider="ollama",
    ),
    Shape(
        name="bedrock llama",
        any=paths("generation_token_count"),
        counts=_rows(input_tokens="prompt_token_count", output_tokens="generation_token_count"),
        merge="overwrite",
        provider="aws",
    ),
    Shape(
        name="bedrock titan",
        any=paths("inputTextTokenCount", "totalOutputTextTokenCount"),
        counts=_rows(
            input_tokens="inputTextTokenCount",
            output_tokens="totalOutputTextTokenCount results.*.tokenCount",
        ),
        merge="overwrite",
        provider="aws",
    ),
    Shape(
        name="bedrock headers",
        any=paths("x-amzn-bedrock-input-token-count"),
        counts=_rows(
            input_tokens="x-amzn-bedrock-input-token-count",
            output_tokens="x-amzn-bedrock-output-token-count",
            cache_read_tokens="x-amzn-bedrock-cache-read-input-token-count",
            cache_write_tokens="x-amzn-bedrock-cache-write-input-token-count",
        ),
        rule="cache_apart",
        provider="aws",
        numerals=True,
    ),
    Shape(
        name="watsonx",
        any=paths("results.*.generated_token_count", "results.*.input_token_count"),
        counts=_rows(
            input_tokens="results.*.input_token_count",
            output_tokens="results.*.generated_token_count",
        ),
        merge="most",
        provider="watsonx",
    ),
    Shape(
        name="anthropic",
        types=("message", "message_delta"),
        any=paths(
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
            "cache_creation",
            "server_tool_use",
            "output_tokens_details.thinking_tokens",
        ),
        lacks=paths("total_tokens", "prompt_tokens"),
        counts=_ANTHROPIC,
        # What a session of its agent cost.
        around=_rows(cost="total_cost_usd"),
        rule="cache_apart",
        merge="overwrite",
        end="message_delta",
        entries=paths("iterations"),
        provider="anthropic",
    ),
    Shape(
        name="langchain chunk",
        places=("usage_metadata", "message.usage_metadata"),
        all=paths("input_tokens", "output_tokens"),
        counts=_TOKENS,
        merge="add",
    ),
    Shape(
        # An agent's state holds the whole conversation: the last question, and what came after it, is this call's.
        name="langchain state",
        places=("",),
        any=paths("messages.>human.*.usage_metadata.input_tokens"),
        counts={},
        entries=paths("messages.>human"),
        aggregate=True,
    ),
    Shape(
        name="langchain result",
        places=("",),
        any=paths(_GENERATED),
        counts=_rows(
            input_tokens=f"{_GENERATED}.input_tokens",
            output_tokens=f"{_GENERATED}.output_tokens",
            cache_read_tokens=f"{_GENERATED}.input_token_details.cache_read",
            cache_write_tokens=f"{_GENERATED}.input_token_details.cache_creation",
            audio_input_tokens=f"{_GENERATED}.input_token_details.audio",
            audio_output_tokens=f"{_GENERATED}.output_token_details.audio",
            reasoning_tokens=f"{_GENERATED}.output_token_details.reasoning",
        ),
    ),
    Shape(
        name="tokens",
        any=paths("input_tokens", "output_tokens"),
        counts=_TOKENS,
        around=_LITELLM | _rows(web_searches="output.#web_search_call", storage_searches="output.#file_search_call"),
    ),
    Shape(
        name="text generation",
        places=("details", "metrics", "statistics"),
        any=paths("generated_tokens", "output_token_count"),
        counts=_rows(
            input_tokens="input_token_count input_length", output_tokens="generated_tokens output_token_count"
        ),
    ),
    Shape(
        name="embeddings of vertex",
        any=paths(*_EMBEDDED.split()),
        counts=_rows(input_tokens=_EMBEDDED),
        provider="google",
    ),
    Shape(
        name="pages",
        places=("usage_info",),
        any=paths("pages_processed"),
        counts=_rows(document_pages="pages_processed", annotated_pages="pages_processed_annotation"),
    ),
    Shape(name="seconds", places=("usage",), all=paths("seconds"), counts=_rows(audio_seconds="seconds")),
    Shape(
        name="guardrail",
        any=paths(*_GUARDRAIL.split()),
        counts={name: paths(name) for name in _GUARDRAIL.split()},
        provider="aws",
    ),
    Shape(name="total", any=paths("total_tokens"), counts=_COST | _rows(total="total_tokens"), rule="only_total"),
)
