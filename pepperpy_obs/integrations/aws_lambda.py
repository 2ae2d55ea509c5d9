"""AWS Lambda: each invocation is one event, and all has left before the environment is frozen."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar, cast

from pepperpy_obs import _dispatch
from pepperpy_obs._guard import failed
from pepperpy_obs.decorators import measure

__all__ = ["observe_lambda"]

_KEPT: Final = 0.1
"""Seconds before its deadline at which an invocation stops to wait for receivers."""
_LONGEST: Final = 5.0

Handler = TypeVar("Handler", bound=Callable[..., Any])


def observe_lambda(handler: Handler) -> Handler:
    """Make one event of each invocation of a handler, and wait until it has left, as long as the deadline allows.

    Between invocations nothing runs, so that what waits would wait for the next one. The operation is the function's
    name; `traceparent` and `baggage` of the event's headers (API Gateway, function URLs) name the caller. What does not
    get out in time stays in the spool; give it a directory in /tmp.
    """

    @wraps(handler)
    def observed(event: Any, context: Any, *args: Any, **given: Any) -> Any:
        name = getattr(context, "function_name", None)
        operation = name if isinstance(name, str) and name else handler.__qualname__
        try:
            traceparent, baggage = _headers(event)
            with measure(operation, traceparent=traceparent, baggage=baggage):
                return handler(event, context, *args, **given)
        finally:
            _deliver(context)

    return cast("Handler", observed)


def _headers(event: Any) -> tuple[str | None, str | None]:
    """Return the two headers that name the caller, in whatever case a gateway has them."""
    headers: Any = event.get("headers") if isinstance(event, dict) else None
    if not isinstance(headers, dict):
        return None, None
    lower: dict[str, Any] = {str(name).lower(): value for name, value in headers.items()}
    traceparent, baggage = lower.get("traceparent"), lower.get("baggage")
    return traceparent if isinstance(traceparent, str) else None, baggage if isinstance(baggage, str) else None


def _deliver(context: Any) -> None:
    try:
        remaining: Any = getattr(context, "get_remaining_time_in_millis", None)
        milliseconds: Any = remaining() if callable(remaining) else (_LONGEST + _KEPT) * 1e3
        _dispatch.runtime().deliver(max(0.0, min(_LONGEST, milliseconds / 1e3 - _KEPT)))
    except Exception as error:
        failed("lambda", error)
