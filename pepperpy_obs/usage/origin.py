"""Who answered, when nobody said: inferred from the answer itself, by tables. Unknown stays unknown."""

from __future__ import annotations

from typing import Final

from pepperpy_obs.usage.captured import Captured

__all__ = ["provider_of"]

_IDS: Final = (("msg_bdrk_", "aws"), ("msg_vrtx_", "google"), ("gen-", "openrouter"))
_BEDROCK: Final = tuple(
    f"{region}{maker}."
    for region in ("", "us.", "eu.", "apac.", "jp.", "au.", "ca.", "sa.", "us-gov.", "global.")
    for maker in ("ai21", "amazon", "anthropic", "cohere", "deepseek", "meta", "mistral", "openai", "qwen", "writer")
)
_MODELS: Final = (
    (("arn:aws", *_BEDROCK), "aws"),
    (("models/gemini", "publishers/google/"), "google"),
)
_MAKERS: Final = (
    (
        (
            "gpt-3",
            "gpt-4",
            "gpt-5",
            "gpt-6",
            "gpt-audio",
            "gpt-image",
            "gpt-realtime",
            "chatgpt-",
            "o1",
            "o3",
            "o4-",
            "text-embedding-3",
            "text-embedding-ada",
            "davinci",
            "babbage",
        ),
        "openai",
    ),
    (("whisper-1", "omni-moderation", "computer-use-preview", "codex-", "ft:gpt-"), "openai"),
    (("claude-",), "anthropic"),
    (("gemini-", "gemini-embedding", "text-embedding-004"), "google"),
    (("mistral-", "magistral-", "codestral-", "ministral-", "devstral-", "pixtral-", "open-mi"), "mistral"),
    (("command", "embed-english", "embed-multilingual", "embed-v4"), "cohere"),
    (("grok-",), "x-ai"),
    (("deepseek-chat", "deepseek-reasoner", "deepseek-v"), "deepseek"),
    (("voyage-",), "voyageai"),
    (("sonar",), "perplexity"),
    (("glm-",), "zai"),
    (("palmyra-",), "writer"),
)
"""Makers that serve their models under bare names; a name with a slash may come from anybody."""


def provider_of(captured: Captured, asked: str | None = None) -> str | None:
    """Return who answered: what only one provider writes, then the shape, then the model's name."""
    if captured.provider is not None:
        return captured.provider
    by_id = _by_prefix(captured.response_id, _IDS)
    names = [name.lower() for name in (asked, captured.model) if name]
    by_name = next((found for name in names if (found := _prefixed(name, _MODELS))), None)
    shape = captured.shape
    return (
        by_id
        or by_name
        or (None if shape is None else shape.provider)
        or next((found for name in reversed(names) if (found := _prefixed(name, _MAKERS))), None)
    )


def _by_prefix(text: str | None, rows: tuple[tuple[str, str], ...]) -> str | None:
    return None if text is None else next((provider for start, provider in rows if text.startswith(start)), None)


def _prefixed(name: str, rows: tuple[tuple[tuple[str, ...], str], ...]) -> str | None:
    return next((provider for starts, provider in rows if name.startswith(starts)), None)
