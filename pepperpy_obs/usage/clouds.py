"""How clouds spell the usage of models that others have made."""

from __future__ import annotations

from typing import Final

from pepperpy_obs.usage.counts import CONVERSE, GATEWAY, METRICS, SPEECH, count_paths
from pepperpy_obs.usage.get_path import paths
from pepperpy_obs.usage.shapes import Shape

__all__ = ["CLOUDS"]

_EMBEDDED: Final = (
    "predictions.*.embeddings.statistics.token_count embeddings.*.statistics.token_count "
    "embeddings.*.statistics.tokenCount"
)
_AI_SDK: Final = "inputTokens.total inputTokenDetails outputTokenDetails cachedInputTokens reasoningTokens"
"""What tells the usage of Vercel's AI SDK from that of Converse."""

CLOUDS: Final[tuple[Shape, ...]] = (
    Shape(
        name="bedrock",
        # Others spell it so, too: what only Amazon writes beside it names the provider.
        any=paths("inputTokens", "outputTokens"),
        lacks=paths(*_AI_SDK.split()),
        counts=CONVERSE,
        around=GATEWAY,
        rule="cache_apart",
    ),
    Shape(
        name="bedrock metrics",
        any=paths("inputTokenCount", "outputTokenCount"),
        counts=METRICS,
        rule="cache_apart",
        provider="aws",
    ),
    Shape(
        # A session of speech: each event has the totals of all so far.
        name="nova sonic",
        places=("event.usageEvent", "usageEvent"),
        any=paths("totalInputTokens", "totalOutputTokens", "details.total"),
        counts=SPEECH,
        rule="speech_and_text",
        provider="aws",
    ),
    Shape(
        name="bedrock llama",
        any=paths("generation_token_count"),
        counts=count_paths(input_tokens="prompt_token_count", output_tokens="generation_token_count"),
        merge="overwrite",
        provider="aws",
    ),
    Shape(
        name="bedrock titan",
        any=paths("inputTextTokenCount", "totalOutputTextTokenCount"),
        counts=count_paths(
            input_tokens="inputTextTokenCount",
            output_tokens="totalOutputTextTokenCount results.*.tokenCount",
        ),
        merge="overwrite",
        provider="aws",
    ),
    Shape(
        name="bedrock headers",
        any=paths("x-amzn-bedrock-input-token-count"),
        counts=count_paths(
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
        counts=count_paths(
            input_tokens="results.*.input_token_count",
            output_tokens="results.*.generated_token_count",
        ),
        merge="most",
        provider="watsonx",
    ),
    Shape(
        name="embeddings of vertex",
        any=paths(*_EMBEDDED.split()),
        counts=count_paths(input_tokens=_EMBEDDED),
        provider="google",
    ),
)
