"""Requests of the clients whose methods are hooked one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs._call import current_call
from pepperpy_obs.integrations.clients.hook import Request

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["always", "bedrock_model", "bedrock_request", "litellm_request"]

_BEDROCK: Final = {
    "Converse": Request("bedrock.converse", "aws"),
    "ConverseStream": Request("bedrock.converse_stream", "aws"),
    "InvokeModel": Request("bedrock.invoke_model", "aws"),
    "InvokeModelWithResponseStream": Request("bedrock.invoke_model_stream", "aws"),
}
_LITELLM: Final = {
    "completion": Request("litellm.completion", None),
    "embedding": Request("litellm.embedding", None),
}


def always(operation: str, provider: str | None) -> Callable[..., Request | None]:
    """Return what takes every call of a method for a request."""
    request = Request(operation, provider)
    return lambda *_args, **_given: request


def bedrock_request(client: Any, operation: str, *_args: object, **_given: object) -> Request | None:
    """Return what a call of any of Amazon's services is: a request if it asks Bedrock's models."""
    found = _BEDROCK.get(operation)
    return found if found is not None and client.meta.service_model.service_name == "bedrock-runtime" else None


def bedrock_model(_client: object, _operation: str, parameters: Any) -> str | None:
    """Return the model that a call of Bedrock names."""
    found = parameters.get("modelId")
    return found if isinstance(found, str) else None


def litellm_request(method: str) -> Callable[..., Request | None]:
    """Return what reads the requests of a function of litellm; those that it makes of one another are no more requests.

    Its front door calls the function below, and the asynchronous functions call the others, marked so.
    """
    name = method.removeprefix("a")
    request, mark = _LITELLM[name], f"a{name}"

    def read(*_args: object, **given: object) -> Request | None:
        if given.get(mark) is True or current_call().operation == request.operation:
            return None
        return request

    return read
