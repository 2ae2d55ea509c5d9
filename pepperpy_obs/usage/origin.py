"""The provider, where it was not named: inferred from the answer itself, by tables. Unknown stays unknown."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from pepperpy_obs.usage.captured import Captured

__all__ = ["provider_of"]

_REMEMBERED: Final = 1024

_IDS: Final = (("msg_bdrk_", "aws"), ("msg_vrtx_", "google"), ("gen-", "openrouter"))
_TELLING_IDS: Final = tuple(start for start, _ in _IDS)
_BEDROCK: Final = tuple(
    f"{region}{maker}."
    for region in ("", "us.", "eu.", "apac.", "jp.", "au.", "ca.", "sa.", "us-gov.", "global.")
    for maker in ("ai21", "amazon", "anthropic", "cohere", "deepseek", "meta", "mistral", "openai", "qwen", "writer")
)
_MODELS: Final = (
    (("arn:aws", *_BEDROCK), "aws"),
    (("models/gemini", "publishers/", "gemini/", "vertex_ai/"), "google"),
    # pydantic-ai, LangChain and litellm put the provider before the model.
    (("google-gla:", "google-vertex:", "google_genai:", "google_vertexai:", "google_anthropic_vertex:"), "google"),
    (("bedrock:", "bedrock/", "bedrock_converse:"), "aws"),
    (("azure:", "azure/", "azure_ai/", "azure_openai:", "azure_ai:"), "azure"),
    (("openai:", "openai-chat:", "openai-responses:"), "openai"),
    (("anthropic:",), "anthropic"),
    (("groq:", "groq/"), "groq"),
    # What follows the bare name may be a tag of Ollama's.
    (("mistralai:", "mistral:mi", "mistral:ma", "mistral:co", "mistral:de", "mistral:pi"), "mistral"),
    (("cohere:",), "cohere"),
    (("xai:", "x-ai:", "grok:"), "x-ai"),
    (("deepseek:",), "deepseek"),
    (("openrouter:", "openrouter/"), "openrouter"),
    (("ollama:", "ollama/", "ollama_chat/"), "ollama"),
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
    (("kimi-", "moonshot-"), "moonshotai"),
    (("accounts/fireworks/",), "fireworks"),
    (("jina-",), "jina"),
    (("qwen-max", "qwen-plus", "qwen-turbo", "qwen-flash", "qwen3-max", "qwen3-coder-plus", "qwq-plus"), "alibaba"),
    (("palmyra-",), "writer"),
)
"""Makers that serve their models under bare names; a name with a slash may come from anybody."""


def provider_of(captured: Captured, asked: str | None = None) -> str | None:
    """Return the provider: by fields that only one provider writes, then by the shape, then by the model's name."""
    if captured.provider is not None:
        return captured.provider
    told = captured.response_id
    if told is not None and told.startswith(_TELLING_IDS):
        return next(provider for start, provider in _IDS if told.startswith(start))
    return _by_name(None if captured.shape is None else captured.shape.provider, asked, captured.model)


@lru_cache(_REMEMBERED)
def _by_name(by_shape: str | None, asked: str | None, answered: str | None) -> str | None:
    names = [name.lower() for name in (asked, answered) if name]
    return (
        next((found for name in names if (found := _prefixed(name, _MODELS))), None)
        or by_shape
        or next((found for name in reversed(names) if (found := _prefixed(name, _MAKERS))), None)
    )


def _prefixed(name: str, rows: tuple[tuple[tuple[str, ...], str], ...]) -> str | None:
    return next((provider for starts, provider in rows if name.startswith(starts)), None)
