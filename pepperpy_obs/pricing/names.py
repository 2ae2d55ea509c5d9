"""The spellings of providers and models, reduced to the ones that price tables use. Tables and no guess."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["canonical_provider", "model_names"]

_PROVIDERS: Final = {
    alias: name
    for name, aliases in {
        "alibaba": "dashscope qwen alibaba-cloud tongyi",
        "anthropic": "claude claude-platform",
        "aws": "aws-bedrock amazon amazon-bedrock bedrock bedrock-converse bedrock-runtime bedrock-mantle sagemaker",
        "azure": "azure-openai azure-ai azure-ai-openai azure-ai-inference azure-ai-foundry azureopenai azure-text "
        "azureml",
        "cohere": "cohere-chat cohereai",
        "fireworks": "fireworks-ai",
        "google": "gcp-gemini gcp-vertex-ai gcp-gen-ai gemini google-gemini google-genai google-gla google-vertex "
        "google-vertex-ai google-vertexai google-anthropic-vertex google-cloud vertex vertex-ai vertexai "
        "vertex-ai-beta",
        "huggingface": "hf hugging-face",
        "mistral": "mistral-ai mistralai",
        "moonshotai": "moonshot moonshot-ai kimi",
        "openai": "openai-chat openai-responses text-completion-openai",
        "together": "together-ai togetherai",
        "voyageai": "voyage",
        "x-ai": "grok xai xai-grok",
        "zai": "z-ai",
        "zhipuai": "zhipu",
    }.items()
    for alias in aliases.split()
}
"""Other names of providers (OpenTelemetry's, litellm's, LangChain's, pydantic-ai's), in lower case with dashes."""
_GATEWAYS: Final = frozenset({"litellm", "litellm-proxy", "portkey", "helicone", "pydantic-gateway", "gateway"})
"""They only pass requests on: the model's name must tell the provider."""
_KNOWN: Final = frozenset({
    *_PROVIDERS, *_PROVIDERS.values(),
    "arcee", "avian", "baseten", "cerebras", "cloudflare", "databricks", "deepinfra", "deepseek", "elevenlabs",
    "github", "github-copilot", "groq", "meta", "minimax", "novita", "nvidia", "ollama", "openrouter", "ovhcloud",
    "perplexity", "replicate", "sambanova", "snowflake", "vercel", "vllm", "writer", "xiaomi",
})  # fmt: skip
"""Names that are a provider's where a colon follows: a tag of Ollama's has a colon, too."""
_HOSTS: Final = frozenset({"aws", "azure", "google"})
"""Providers that sell other makers' models under their bare names."""
_OWN_PRICES: Final = ("claude_platform/",)
"""Models that a maker sells through a host, at its own prices."""
_REWRITES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^https?://[^/]+/(?:v\d\w*/)?", ""),
        (r"^(?:/?projects/[^/]+/locations/[^/]+/)?/?publishers/[^/]+/models/", ""),
        (r"^azureml://registries/[^/]+/models/([^/]+)(?:/.*)?$", r"\1"),
        (r"^models/", ""),
        (r"^((?:bedrock[/:])?)(?:converse/|invoke/)?arn:aws[\w-]*:bedrock:[^:]*:\d*:[a-z-]+/([^/]+)(?:/.*)?$", r"\1\2"),
        (r"^(bedrock/)(?:converse/|invoke/|converse_like/)", r"\1"),
        (r"^((?:openai|azure)/)responses/", r"\1"),
        (r"@(\d{8})$", r"-\1"),
        (r"@(?:latest|default|\d{3})$", ""),
        (r":(?:nitro|floor|exacto|thinking)$", ""),
    )
)
"""What stands around a model's name but is none of it: resource paths, regions, routing."""
_BEDROCK: Final = re.compile(
    r"(?:(?:us|eu|apac|jp|au|ca|sa|us-gov|global)\.)?"
    r"(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen|writer)\.[a-z]"
)
"""How names of Bedrock begin: where it is, and the maker."""
_DEEPEST: Final = 3
"""How many providers may stand before a model's name: a gateway, a router, the maker."""


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
    >>> list(model_names(None, "openai:gpt-4o"))
    [(None, 'openai:gpt-4o'), ('openai', 'gpt-4o')]
    """
    yield provider, model
    short = _rewritten(model)
    if short != model and short:
        yield provider, short
    for _ in range(_DEEPEST):
        named, rest = _prefixed(short)
        if not rest:
            break
        if named is None or provider is None or provider == named:
            provider = named or provider
        elif short.startswith(_OWN_PRICES):
            provider = named
        elif provider not in _HOSTS:
            break
        short = _rewritten(rest)
        yield provider, rest
        if short != rest:
            yield provider, short
    if provider is None and _BEDROCK.match(short):
        yield "aws", short
    if provider == "huggingface" and ":" in short:
        name, _, router = short.rpartition(":")
        yield f"huggingface_{router}", name


def _rewritten(model: str) -> str:
    for pattern, replacement in _REWRITES:
        model = pattern.sub(replacement, model)
    return model


def _prefixed(model: str) -> tuple[str | None, str]:
    """Return the provider that a name begins with, and the rest; no rest where it begins with none."""
    found = _PREFIX.match(model)
    if found is None:
        return None, ""
    maker = re.sub(r"[\s_.]+", "-", found[1].lower())
    if found[2] == ":" and maker not in _KNOWN | _GATEWAYS:
        return None, ""
    return canonical_provider(maker), model[found.end() :]


_PREFIX: Final = re.compile(r"([A-Za-z][\w.-]{0,40})([/:])(?=.)")
