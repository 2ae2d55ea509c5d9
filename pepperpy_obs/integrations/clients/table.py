"""The table of hooks: one row for each method that the requests of a client pass through."""

from __future__ import annotations

from typing import Final

from pepperpy_obs.integrations.clients.frameworks import FRAMEWORKS
from pepperpy_obs.integrations.clients.hook import Hook
from pepperpy_obs.integrations.clients.requests import always, bedrock_model, bedrock_request, litellm_request
from pepperpy_obs.integrations.clients.stainless import asked_model, requests_of

__all__ = ["DISTRIBUTIONS", "HOOKS"]

DISTRIBUTIONS: Final = {
    "openai": "openai",
    "anthropic": "anthropic",
    "groq": "groq",
    "together": "together",
    "google-genai": "google-genai",
    "mistralai": "mistralai",
    "cohere": "cohere",
    "ollama": "ollama",
    "huggingface_hub": "huggingface_hub",
    "boto3": "botocore",
    "litellm": "litellm",
    "openai-agents": "openai-agents",
    "pydantic-ai": "pydantic-ai-slim",
    "langchain": "langchain-core",
    "mcp": "mcp",
}
"""Libraries, as `instrument` takes them, and the distributions that their hooks are in."""


def _stainless(library: str, provider: str | None) -> tuple[Hook, ...]:
    request = requests_of(library, provider)
    return tuple(
        Hook(library, f"{library}._base_client", owner, "request", request, asked_model)
        for owner in ("SyncAPIClient", "AsyncAPIClient")
    )


def _methods(
    library: str, provider: str, reach: tuple[str, ...], *places: tuple[str, tuple[str, ...], str, tuple[str, ...]]
) -> tuple[Hook, ...]:
    """Return the hooks of methods that are requests each: by module, classes, operation and methods."""
    return tuple(
        Hook(library, module, owner, method, always(operation, provider), reach=reach)
        for module, owners, operation, methods in places
        for owner in owners
        for method in methods
    )


_GOOGLE: Final = ("Models", "AsyncModels")
_COHERE: Final = ("V2Client", "AsyncV2Client")
_OLLAMA: Final = ("Client", "AsyncClient")
_WAYS: Final = ("complete", "complete_async", "stream", "stream_async")

HOOKS: Final[tuple[Hook, ...]] = (
    # An unknown address behind this client may be any server that speaks its language: then the answer tells.
    *_stainless("openai", None),
    *_stainless("anthropic", "anthropic"),
    *_stainless("groq", "groq"),
    *_stainless("together", "together"),
    *_methods(
        "google-genai",
        "google",
        ("models", "aio.models"),
        # Below the automatic calling of functions, which makes several requests of one call.
        ("google.genai.models", _GOOGLE, "google.generate_content", ("_generate_content", "_generate_content_stream")),
    ),
    *_methods(
        "mistralai",
        "mistral",
        ("chat", "fim", "agents", "embeddings"),
        ("mistralai.client.chat", ("Chat",), "mistral.chat", _WAYS),
        ("mistralai.client.fim", ("Fim",), "mistral.fim", _WAYS),
        ("mistralai.client.agents", ("Agents",), "mistral.agents", _WAYS),
        ("mistralai.client.embeddings", ("Embeddings",), "mistral.embeddings", ("create", "create_async")),
    ),
    *_methods(
        "cohere",
        "cohere",
        ("", "v2"),
        ("cohere.v2.client", _COHERE, "cohere.chat", ("chat", "chat_stream")),
        ("cohere.v2.client", _COHERE, "cohere.embed", ("embed",)),
        ("cohere.v2.client", _COHERE, "cohere.rerank", ("rerank",)),
    ),
    *_methods(
        "ollama",
        "ollama",
        ("",),
        ("ollama._client", _OLLAMA, "ollama.chat", ("chat",)),
        ("ollama._client", _OLLAMA, "ollama.generate", ("generate",)),
        ("ollama._client", _OLLAMA, "ollama.embed", ("embed",)),
    ),
    *_methods(
        "huggingface_hub",
        "huggingface",
        ("",),
        (
            "huggingface_hub.inference._client",
            ("InferenceClient",),
            "huggingface.chat_completion",
            ("chat_completion",),
        ),
        (
            "huggingface_hub.inference._generated._async_client",
            ("AsyncInferenceClient",),
            "huggingface.chat_completion",
            ("chat_completion",),
        ),
    ),
    Hook("boto3", "botocore.client", "BaseClient", "_make_api_call", bedrock_request, bedrock_model),
    *(
        Hook("litellm", module, "", method, litellm_request(method))
        for module, name in (
            ("litellm.main", "completion"),
            ("litellm.chat_completions.dispatch", "completion"),
            ("litellm.main", "embedding"),
            ("litellm.embeddings.dispatch", "embedding"),
        )
        for method in (name, f"a{name}")
    ),
    *FRAMEWORKS,
)
