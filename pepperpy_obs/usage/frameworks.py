"""How frameworks spell what they count over the requests that they make: totals of runs, states, messages."""

from __future__ import annotations

from typing import Final

from pepperpy_obs.usage.agents_run import name_requests
from pepperpy_obs.usage.counts import CHAT, GATEWAY, TOKENS, count_paths
from pepperpy_obs.usage.get_path import paths
from pepperpy_obs.usage.shapes import Shape
from pepperpy_obs.usage.tiers import tiered

__all__ = ["FRAMEWORKS"]

_GENERATED: Final = "generations.*.^.message.usage_metadata"
"""One answer a prompt: where a prompt was given several, each of them tells the usage of all."""
_FROM_CACHE: Final = count_paths(cost_from_cache="total_cost")
"""LangChain writes 0 there, into the usage of an answer of its cache, and nothing into that of others."""

FRAMEWORKS: Final[tuple[Shape, ...]] = (
    Shape(
        name="openai-agents run",
        all=paths("requests", "input_tokens", "request_usage_entries"),
        counts=TOKENS,
        around=count_paths(complete="is_complete"),
        entries=paths("request_usage_entries"),
        refine=name_requests,
        aggregate=True,
    ),
    Shape(
        name="pydantic-ai run",
        all=paths("requests", "tool_calls", "input_tokens"),
        counts=TOKENS | count_paths(unmeasured="unmeasured_requests"),
        entries=paths("new_messages"),
        shared=True,
        aggregate=True,
    ),
    Shape(
        name="crew",
        all=paths("prompt_tokens", "successful_requests"),
        counts=CHAT | count_paths(cache_read_tokens="cached_prompt_tokens", requests="successful_requests"),
        rule="by_total",
        aggregate=True,
    ),
    Shape(
        # AutoGen puts what a request used beside the message that came of it.
        name="autogen message",
        places=("models_usage", "chat_message.models_usage"),
        all=paths("prompt_tokens", "completion_tokens"),
        counts=CHAT,
        aggregate=True,
        anonymous=True,
    ),
    Shape(
        name="autogen result",
        places=("",),
        any=paths("messages.*.models_usage.prompt_tokens"),
        counts={},
        entries=paths("messages"),
        aggregate=True,
    ),
    Shape(
        name="langchain chunk",
        places=("usage_metadata", "message.usage_metadata"),
        all=paths("input_tokens", "output_tokens"),
        counts=TOKENS | tiered() | _FROM_CACHE,
        around=GATEWAY | count_paths(web_queries="response_metadata.grounding_metadata.web_search_queries.#"),
        merge="add",
    ),
    Shape(
        # An agent's state holds the whole conversation. What came after the last question is this call's; what came
        # before it may be, for a graph may ask itself.
        name="langchain state",
        places=("",),
        any=paths("messages.>human.*.usage_metadata.input_tokens", "messages.<human.*.usage_metadata.input_tokens"),
        counts={},
        entries=paths("messages.>human"),
        earlier=paths("messages.<human"),
        aggregate=True,
    ),
    Shape(
        name="langchain result",
        places=("",),
        any=paths(_GENERATED),
        counts=count_paths(
            input_tokens=f"{_GENERATED}.input_tokens",
            output_tokens=f"{_GENERATED}.output_tokens",
            cache_read_tokens=f"{_GENERATED}.input_token_details.cache_read",
            cache_write_tokens=f"{_GENERATED}.input_token_details.cache_creation",
            audio_input_tokens=f"{_GENERATED}.input_token_details.audio",
            audio_output_tokens=f"{_GENERATED}.output_token_details.audio",
            reasoning_tokens=f"{_GENERATED}.output_token_details.reasoning",
            cost_from_cache=f"{_GENERATED}.total_cost",
        )
        | tiered(f"{_GENERATED}."),
    ),
)
