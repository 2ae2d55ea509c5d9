"""How makers of models with a language of their own spell usage."""

from __future__ import annotations

from typing import Final

from pepperpy_obs.usage.counts import ANTHROPIC, GOOGLE, GROUNDED, INTERACTIONS, count_paths
from pepperpy_obs.usage.get_path import paths
from pepperpy_obs.usage.shapes import Shape

__all__ = ["MAKERS"]

MAKERS: Final[tuple[Shape, ...]] = (
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
        around=GROUNDED,
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
        name="cohere",
        any=paths("billed_units", "tokens.input_tokens"),
        counts=count_paths(
            input_tokens="billed_units.input_tokens tokens.input_tokens",
            all_input="tokens.input_tokens",
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
        counts=count_paths(input_tokens="prompt_eval_count", output_tokens="eval_count"),
        merge="overwrite",
        end="flag",
        provider="ollama",
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
        around=count_paths(cost="total_cost_usd provider_metadata.gateway.cost"),
        rule="cache_apart",
        merge="overwrite",
        end="message_delta",
        entries=paths("iterations"),
        provider="anthropic",
    ),
)
