"""The provider that an address belongs to: the same client may talk to many."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

__all__ = ["provider_at"]

_REMEMBERED: Final = 256

_HOSTS: Final = (
    ("api.openai.com", "openai"),
    (".openai.azure.com", "azure"),
    (".services.ai.azure.com", "azure"),
    (".cognitiveservices.azure.com", "azure"),
    (".models.ai.azure.com", "azure"),
    ("api.anthropic.com", "anthropic"),
    ("openrouter.ai", "openrouter"),
    ("api.deepseek.com", "deepseek"),
    ("api.groq.com", "groq"),
    ("api.together.xyz", "together"),
    ("api.together.ai", "together"),
    ("api.fireworks.ai", "fireworks"),
    ("api.x.ai", "x-ai"),
    ("api.mistral.ai", "mistral"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("api.perplexity.ai", "perplexity"),
    ("api.cerebras.ai", "cerebras"),
    ("api.moonshot.ai", "moonshotai"),
    ("api.moonshot.cn", "moonshotai"),
    ("api.z.ai", "zai"),
    ("dashscope.aliyuncs.com", "alibaba"),
    ("dashscope-intl.aliyuncs.com", "alibaba"),
    ("router.huggingface.co", "huggingface"),
    ("generativelanguage.googleapis.com", "google"),
    ("aiplatform.googleapis.com", "google"),
    (".amazonaws.com", "aws"),
)
"""Hosts, and ends of hosts."""


@lru_cache(_REMEMBERED)
def provider_at(host: str) -> str | None:
    """Return the provider that serves at a host; None for one that is not known, such as a proxy or a vLLM."""
    host = host.lower()
    for end, provider in _HOSTS:
        if host == end or host.endswith(end if end.startswith(".") else (f".{end}", f"-{end}")):
            return provider
    return None
