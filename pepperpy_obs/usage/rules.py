"""The documented rules by which each API's counts become the normal form. One function a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["RULES", "Counts"]

Counts = dict[str, int]


def inclusive(counts: Counts) -> None:
    """Take the counts as they are: input includes what was cached, output what was reasoned."""
    _add_cache_writes(counts)


def cache_apart(counts: Counts) -> None:
    """Add cache reads and writes to the input (Anthropic, Bedrock): both are reported beside it."""
    _add_cache_writes(counts)
    apart = counts.get("cache_read_tokens", 0) + counts.get("cache_write_tokens", 0)
    if apart or "input_tokens" in counts:
        counts["input_tokens"] = counts.get("input_tokens", 0) + apart


def thoughts_apart(counts: Counts) -> None:
    """Add thoughts to the output and tools' results to the input (Google): both are reported beside them."""
    thoughts = counts.pop("thoughts", None)
    if thoughts is not None:
        counts["reasoning_tokens"] = thoughts
        counts["output_tokens"] = counts.get("output_tokens", 0) + thoughts
    tool_input = counts.pop("tool_input", None)
    if tool_input is not None:
        counts["input_tokens"] = counts.get("input_tokens", 0) + tool_input
    only_total(counts)


def reasoning_apart(counts: Counts) -> None:
    """Add reasoning to the output (xAI), which reports it beside the completion."""
    counts["output_tokens"] = counts.get("output_tokens", 0) + counts.get("reasoning_tokens", 0)


def by_total(counts: Counts) -> None:
    """Let the total decide what the output is.

    OpenAI's total is prompt plus completion. Where it is more, the rest was written too: hidden
    thoughts on Google's compatible endpoint, reasoning beside the completion at some others.
    What Mistral's connectors found was read, and is counted beside the prompt.
    """
    if "tool_input" in counts:
        counts["input_tokens"] = counts.get("input_tokens", 0) + counts.pop("tool_input")
    total, read, written = counts.get("total"), counts.get("input_tokens"), counts.get("output_tokens")
    if total is not None and read is not None and written is not None and total > read + written:
        reasoned = counts.get("reasoning_tokens")
        # With reasoning given and counted within the output, the rest is unknown: it is flagged.
        if not reasoned or reasoned > written or reasoned == total - read - written:
            counts["output_tokens"] = total - read
    if "input_tokens" not in counts and "output_tokens" not in counts:
        only_total(counts)


def only_total(counts: Counts) -> None:
    """Take the total for the input where it is all that is said (embeddings, reranking, stored content)."""
    if "total" in counts and "input_tokens" not in counts and "output_tokens" not in counts:
        counts["input_tokens"] = counts["total"]


def speech_and_text(counts: Counts) -> None:
    """Make wholes of speech and text where they are not told (Amazon's Nova Sonic)."""
    for whole, speech, text in (
        ("input_tokens", "audio_input_tokens", "text_input"),
        ("output_tokens", "audio_output_tokens", "text_output"),
    ):
        written = counts.pop(text, None)
        if whole not in counts and (written is not None or speech in counts):
            counts[whole] = (written or 0) + counts.get(speech, 0)


def _add_cache_writes(counts: Counts) -> None:
    """Make the sum of the writes with a told life the cache write where no better is said."""
    parts = counts.pop("cache_write_5m_tokens", 0) + counts.get("cache_write_1h_tokens", 0)
    parts += counts.get("cache_write_12h_tokens", 0)
    if parts and not counts.get("cache_write_tokens"):
        counts["cache_write_tokens"] = parts


RULES: Final[dict[str, Callable[[Counts], None]]] = {
    "inclusive": inclusive,
    "cache_apart": cache_apart,
    "thoughts_apart": thoughts_apart,
    "reasoning_apart": reasoning_apart,
    "by_total": by_total,
    "only_total": only_total,
    "speech_and_text": speech_and_text,
}
