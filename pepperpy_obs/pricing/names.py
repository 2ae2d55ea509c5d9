"""The spellings of providers and models, reduced to the ones that price tables use. Two tables and no guess."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["canonical_provider", "model_names"]

_PROVIDERS: Final = {
    alias: name
    for name, aliases in {
        "anthropic": "claude",
        "aws": "aws-bedrock amazon amazon-bedrock bedrock bedrock-converse bedrock-runtime",
        "azure": "azure-openai azure-ai azure-ai-openai azure-ai-inference azure-ai-foundry azureopenai azure-text",
        "cohere": "cohere-chat cohereai",
        "fireworks": "fireworks-ai",
        "google": "gcp-gemini gcp-vertex-ai gcp-gen-ai gemini google-gemini google-genai google-gla google-vertex "
        "google-vertex-ai vertex vertex-ai vertexai",
        "huggingface": "hf hugging-face",
        "mistral": "mistral-ai mistralai",
        "moonshotai": "moonshot moonshot-ai kimi",
        "openai": "openai-chat openai-responses text-completion-openai",
        "together": "together-ai togetherai",
        "voyageai": "voyage",
        "x-ai": "grok xai xai-grok",
        "zai": "z-ai",
    }.items()
    for alias in aliases.split()
}
"""Other names of providers (OpenTelemetry's, litellm's, pydantic-ai's), in lower case with dashes."""
_GATEWAYS: Final = frozenset({"litellm", "litellm-proxy", "portkey", "helicone", "pydantic-gateway", "gateway"})
"""Who only passes requests on: the model's name must say who answers."""
_REWRITES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^(?:projects/[^/]+/locations/[^/]+/)?publishers/[^/]+/models/", ""),
        (r"^models/", ""),
        (r"^arn:aws[\w-]*:bedrock:[^:]*:\d*:(?:foundation-model|inference-profile)/", ""),
        (r"^(bedrock/)(?:converse/|invoke/)?(?:[a-z]{2}(?:-[a-z]+)+-\d/)?", r"\1"),
        (r"@(\d{8})$", r"-\1"),
        (r"@(?:latest|default)$", ""),
        (r":(?:nitro|floor|exacto|thinking)$", ""),
    )
)
"""What stands around a model's name but is none of it: resource paths, routing."""


def canonical_provider(provider: str | None) -> str | None:
    """Return the name under which price tables know a provider; None for none, and for a mere gateway.

    >>> canonical_provider("azure.ai.openai"), canonical_provider("X_AI"), canonical_provider("my-own")
    ('azure', 'x-ai', 'my-own')
    """
    if provider is None:
        return None
    name = re.sub(r"[\s_.]+", "-", provider.strip().lower())
    return None if name in _GATEWAYS else _PROVIDERS.get(name, name)


def model_names(provider: str | None, model: str) -> Iterator[tuple[str | None, str]]:
    """Yield (provider, model) in the spellings to look for, the given one first.

    >>> list(model_names("google", "models/gemini-2.5-flash"))
    [('google', 'models/gemini-2.5-flash'), ('google', 'gemini-2.5-flash')]
    >>> list(model_names(None, "openai/gpt-4o"))
    [(None, 'openai/gpt-4o'), ('openai', 'gpt-4o')]
    """
    yield provider, model
    short = model
    for pattern, replacement in _REWRITES:
        short = pattern.sub(replacement, short)
    if short != model and short:
        yield provider, short
    maker, slash, rest = short.partition("/")
    if slash and rest and canonical_provider(maker) is not None:
        named = canonical_provider(maker)
        if provider in (None, named):
            yield named, rest
    if provider == "huggingface" and ":" in short:
        name, _, router = short.rpartition(":")
        yield f"huggingface_{router}", name
