"""The usage of servers that speak OpenAI's chat protocol, each in its own spelling."""

from __future__ import annotations

from typing import Final

from pepperpy_obs.usage.counts import CACHED, CHAT, GATEWAY, count_paths
from pepperpy_obs.usage.get_path import paths
from pepperpy_obs.usage.shapes import Shape

__all__ = ["DIALECTS"]

DIALECTS: Final[tuple[Shape, ...]] = (
    Shape(
        name="xai",
        any=paths("cached_prompt_text_tokens", "prompt_text_tokens"),
        counts=CHAT
        | count_paths(
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
        | count_paths(citation_tokens="citation_tokens"),
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
        around=GATEWAY | CACHED,
        rule="by_total",
        end="choices",
    ),
)
