"""Usage in plain words that many share, and what is counted in other units than tokens."""

from __future__ import annotations

from typing import Final

from pepperpy_obs.usage.counts import AI_SDK, COST, GATEWAY, TOKENS, count_paths
from pepperpy_obs.usage.get_path import paths
from pepperpy_obs.usage.shapes import Shape
from pepperpy_obs.usage.tiers import tiered

__all__ = ["JOB", "PLAIN"]

JOB: Final = "video"
"""Work that is asked for again and again until it is done."""
_GUARDRAIL: Final = (
    "contentPolicyUnits topicPolicyUnits wordPolicyUnits sensitiveInformationPolicyUnits "
    "contextualGroundingPolicyUnits automatedReasoningPolicyUnits contentPolicyImageUnits"
)

PLAIN: Final[tuple[Shape, ...]] = (
    Shape(
        name="ai sdk",
        any=paths("inputTokens", "outputTokens", "promptTokens", "completionTokens"),
        counts=AI_SDK,
        around=GATEWAY,
    ),
    Shape(
        name="tokens",
        any=paths("input_tokens", "output_tokens"),
        counts=TOKENS | tiered(),
        around=GATEWAY
        | count_paths(
            web_searches="output.#web_search_call",
            storage_searches="output.#file_search_call",
        ),
    ),
    Shape(
        name="text generation",
        places=("details", "metrics", "statistics"),
        any=paths("generated_tokens", "output_token_count"),
        counts=count_paths(
            input_tokens="input_token_count input_length", output_tokens="generated_tokens output_token_count"
        ),
    ),
    Shape(
        name="pages",
        places=("usage_info",),
        any=paths("pages_processed"),
        counts=count_paths(document_pages="pages_processed", annotated_pages="pages_processed_annotation"),
    ),
    Shape(name="seconds", places=("usage",), all=paths("seconds"), counts=count_paths(audio_seconds="seconds")),
    Shape(
        name="guardrail",
        any=paths(*_GUARDRAIL.split()),
        counts={name: paths(name) for name in _GUARDRAIL.split()},
        provider="aws",
    ),
    Shape(
        # One that has failed is not billed.
        name=JOB,
        places=("",),
        all=paths("object", "status"),
        any=paths("seconds"),
        lacks=paths("error"),
        counts=count_paths(video_seconds="seconds"),
        provider="openai",
    ),
    Shape(
        name="total",
        any=paths("total_tokens"),
        counts=COST | count_paths(total="total_tokens", image_pixels="image_pixels", video_pixels="video_pixels"),
        around=GATEWAY,
        rule="only_total",
    ),
    Shape(
        # Images and videos of xAI, and whatever else is billed by other measures than tokens.
        name="cost",
        places=("usage", "response.usage"),
        any=paths("cost_in_usd_ticks", "cost", "cost_usd"),
        counts=COST,
    ),
    Shape(
        name="gateway",
        places=("",),
        any=paths(
            "provider_metadata.gateway.cost",
            "providerMetadata.gateway.cost",
            "choices.^.delta.provider_metadata.gateway.cost",
        ),
        counts=GATEWAY,
        merge="overwrite",
        end="beside",
    ),
)
