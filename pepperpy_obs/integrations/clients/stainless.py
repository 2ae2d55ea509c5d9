"""Requests of the clients that Stainless generates (OpenAI, Anthropic, Groq, Together): all pass through `request`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs.integrations.clients.addresses import provider_at
from pepperpy_obs.integrations.clients.hook import Request

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["asked_model", "requests_of"]

_REMEMBERED: Final = 512

_PATHS: Final = (
    ("/chat/completions", "chat.completions"),
    ("/completions", "completions"),
    ("/responses", "responses"),
    ("/responses/compact", "responses.compact"),
    ("/embeddings", "embeddings"),
    ("/images/generations", "images.generate"),
    ("/images/edits", "images.edit"),
    ("/images/variations", "images.create_variation"),
    ("/audio/transcriptions", "audio.transcriptions"),
    ("/audio/translations", "audio.translations"),
    ("/audio/speech", "audio.speech"),
    ("/rerank", "rerank"),
    ("/v1/messages", "messages"),
    ("/v1/complete", "completions"),
)
"""Where a model is asked, and what that is called; the first end of a path that fits. Nothing else is a request."""

_KINDS: Final = (("Azure", "azure"), ("Foundry", "azure"), ("Bedrock", "aws"), ("Vertex", "google"))
"""Clients of clouds, by their classes' names: their addresses may be the customer's own."""


def requests_of(library: str, provider: str | None) -> Callable[..., Request | None]:
    """Return what reads the requests of a library; `provider` is that of addresses which are not known."""

    def request(client: Any, _cast_to: object, options: Any, *_args: object, **_given: object) -> Request | None:
        name = _operation(options.method, options.url)
        if name is None:
            return None
        return _request(
            f"{library}.{name}", _cloud(type(client).__name__) or provider_at(client.base_url.host) or provider
        )

    return request


def asked_model(_client: object, _cast_to: object, options: Any, *_args: object, **_given: object) -> str | None:
    """Return the model that the body of a request names."""
    body = options.json_data
    found = body.get("model") if isinstance(body, Mapping) else None
    return found if isinstance(found, str) else None


@lru_cache(_REMEMBERED)
def _operation(method: str, url: str) -> str | None:
    if method.upper() != "POST":
        return None
    path = "/" + url.partition("?")[0].strip("/")
    return next((name for end, name in _PATHS if path.endswith(end)), None)


@lru_cache(_REMEMBERED)
def _request(operation: str, provider: str | None) -> Request:
    return Request(operation, provider)


@lru_cache(_REMEMBERED)
def _cloud(name: str) -> str | None:
    return next((cloud for part, cloud in _KINDS if part in name), None)
