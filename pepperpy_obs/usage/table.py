"""The table: every shape of usage that we know, one row each.

A new provider is a new row here and nothing anywhere else. Rows are tried in order, so the
more telling one stands first.
"""

from __future__ import annotations

from typing import Final

from pepperpy_obs.usage.counts import ANTHROPIC, CHAT, CONVERSE, COST, GOOGLE, INTERACTIONS, LITELLM, TOKENS, rows
from pepperpy_obs.usage.dig import paths
from pepperpy_obs.usage.shapes import Shape

__all__ = ["SHAPES"]

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
        counts=TOKENS,
        entries=paths("request_usage_entries"),
        aggregate=True,
    ),
    Shape(
        name="pydantic-ai run",
        all=paths("requests", "tool_calls", "input_tokens"),
        counts=TOKENS | rows(unmeasured="unmeasured_requests"),
        entries=paths("new_messages"),
        aggregate=True,
    ),
    Shape(
        name="xai",
        any=paths("cached_prompt_text_tokens", "prompt_text_tokens"),
        counts=CHAT
        | rows(
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
        counts=CHAT | rows(cache_read_tokens="cached_prompt_tokens", requests="successful_requests"),
        rule="by_total",
        aggregate=True,
    ),
    Shape(
        # Mistral counts what it heard in the total alone, and bills it by the second.
        name="heard",
        all=paths("prompt_tokens", "prompt_audio_seconds"),
        counts={name: where for name, where in CHAT.items() if name != "total"},
        end="choices",
    ),
    Shape(
        # One of Groq's systems asks several models, whose prices differ.
        name="groq",
        all=paths("prompt_tokens", "queue_time"),
        counts=CHAT,
        rule="by_total",
        end="choices",
        entries=paths("usage_breakdown.models", "x_groq.usage_breakdown.models"),
        provider="groq",
    ),
    Shape(
        # What was thought and what was cited is counted beside the completion, and left out of the total.
        name="perplexity research",
        all=paths("prompt_tokens", "citation_tokens"),
        counts={name: where for name, where in CHAT.items() if name != "total"}
        | rows(citation_tokens="citation_tokens"),
        rule="reasoning_apart",
        end="choices",
        provider="perplexity",
    ),
    Shape(
        name="openai assistants",
        # The steps of a run report usage before the run reports their total.
        all=paths("prompt_tokens", "prompt_token_details"),
        ids=paths("run_id"),
        counts=CHAT,
        rule="by_total",
        end="run",
    ),
    Shape(
        name="openai chat",
        any=paths("prompt_tokens", "completion_tokens"),
        counts=CHAT,
        around=LITELLM,
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
        counts=GOOGLE,
        rule="thoughts_apart",
        end="candidates",
        provider="google",
    ),
    Shape(
        name="google interactions",
        any=paths("total_input_tokens", "total_output_tokens"),
        counts=INTERACTIONS,
        rule="thoughts_apart",
        provider="google",
    ),
    Shape(
        name="bedrock",
        any=paths("inputTokens", "outputTokens", "inputTokenCount", "outputTokenCount"),
        counts=CONVERSE,
        rule="cache_apart",
        provider="aws",
    ),
    Shape(
        name="cohere",
        any=paths("billed_units", "tokens.input_tokens"),
        counts=rows(
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
        counts=rows(input_tokens="prompt_eval_count", output_tokens="eval_count"),
        merge="overwrite",
        end="flag",
        provider="ollama",
    ),
    Shape(
        name="bedrock llama",
        any=paths("generation_token_count"),
        counts=rows(input_tokens="prompt_token_count", output_tokens="generation_token_count"),
        merge="overwrite",
        provider="aws",
    ),
    Shape(
        name="bedrock titan",
        any=paths("inputTextTokenCount", "totalOutputTextTokenCount"),
        counts=rows(
            input_tokens="inputTextTokenCount",
            output_tokens="totalOutputTextTokenCount results.*.tokenCount",
        ),
        merge="overwrite",
        provider="aws",
    ),
    Shape(
        name="bedrock headers",
        any=paths("x-amzn-bedrock-input-token-count"),
        counts=rows(
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
        counts=rows(
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
        counts=ANTHROPIC,
        # What a session of its agent cost.
        around=rows(cost="total_cost_usd"),
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
        counts=TOKENS,
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
        counts=rows(
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
        counts=TOKENS,
        around=LITELLM | rows(web_searches="output.#web_search_call", storage_searches="output.#file_search_call"),
    ),
    Shape(
        name="text generation",
        places=("details", "metrics", "statistics"),
        any=paths("generated_tokens", "output_token_count"),
        counts=rows(input_tokens="input_token_count input_length", output_tokens="generated_tokens output_token_count"),
    ),
    Shape(
        name="embeddings of vertex",
        any=paths(*_EMBEDDED.split()),
        counts=rows(input_tokens=_EMBEDDED),
        provider="google",
    ),
    Shape(
        name="pages",
        places=("usage_info",),
        any=paths("pages_processed"),
        counts=rows(document_pages="pages_processed", annotated_pages="pages_processed_annotation"),
    ),
    Shape(name="seconds", places=("usage",), all=paths("seconds"), counts=rows(audio_seconds="seconds")),
    Shape(
        name="guardrail",
        any=paths(*_GUARDRAIL.split()),
        counts={name: paths(name) for name in _GUARDRAIL.split()},
        provider="aws",
    ),
    Shape(name="total", any=paths("total_tokens"), counts=COST | rows(total="total_tokens"), rule="only_total"),
)
