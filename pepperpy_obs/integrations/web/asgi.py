"""Middleware for ASGI: FastAPI, Starlette, Litestar, Django and others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final

from pepperpy_obs._dispatch import RECORDS
from pepperpy_obs._guard import failed
from pepperpy_obs.context import CURRENT, caller_of, reset
from pepperpy_obs.integrations.web.request import Request
from pepperpy_obs.integrations.web.routes import is_django, route_of_scope

__all__ = ["AsgiMiddleware"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[Any]]

_STAGE: Final = "web"


class AsgiMiddleware:
    """Makes one event of each HTTP request, named by its method and the template of its route.

    The request is the caller of all that is called while it is answered, streamed bodies among it, and itself the
    child of what its `traceparent` names; `baggage` becomes fields. It ends with the last part of its answer. An
    answer of 500 or more is an error, others are not. Websockets have no event, but the same caller. `ignore` names
    paths that make none. Nothing of it reaches the application, and nothing is changed in what it sends.
    """

    def __init__(self, app: App, *, ignore: Collection[str] = ()) -> None:
        self.app = app
        self._ignored = frozenset(ignore)
        self._django = is_django(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        kind = scope["type"]
        if kind == "websocket":
            await self._connected(scope, receive, send)
            return
        request = self._begin(scope) if kind == "http" and not RECORDS.off else None
        if request is None:
            await self.app(scope, receive, send)
            return
        token = CURRENT.set(request.record)
        try:
            await self.app(scope, receive, _watched(request, send))
        except BaseException as error:
            _end(request, error)
            raise
        finally:
            reset(token)
        _end(request)

    async def _connected(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = None
        try:
            token = CURRENT.set(caller_of(*_headers(scope), below=CURRENT.get()))
        except Exception as error:
            failed(_STAGE, error)
        try:
            await self.app(scope, receive, send)
        finally:
            if token is not None:
                reset(token)

    def _begin(self, scope: Scope) -> Request | None:
        try:
            path = str(scope.get("path", ""))
            if path in self._ignored:
                return None
            request = Request.begin(str(scope.get("method", "")), path, *_headers(scope))
            root = str(scope.get("root_path", ""))
            request.route = lambda: route_of_scope(scope, root, django=self._django)
        except Exception as error:
            failed(_STAGE, error)
            return None
        return request


def _headers(scope: Scope) -> tuple[str | None, str | None]:
    """Return `traceparent` and `baggage`; several lines of the latter are one list."""
    traceparent: str | None = None
    baggage: list[str] = []
    for name, value in scope.get("headers", ()):
        if name == b"traceparent":
            traceparent = value.decode("latin-1")
        elif name == b"baggage":
            baggage.append(value.decode("latin-1"))
    return traceparent, ",".join(baggage) or None


def _watched(request: Request, send: Send) -> Send:
    """Return `send` that notes what is sent, once it is."""

    async def watched(message: Any) -> None:
        await send(message)
        try:
            if message["type"] == "http.response.start":
                request.status = message["status"]
            elif message["type"] == "http.response.body":
                if not message.get("more_body", False):
                    request.end()
                elif message.get("body"):
                    request.first_part()
        except Exception as error:
            failed(_STAGE, error)

    return watched


def _end(request: Request, error: BaseException | None = None) -> None:
    try:
        request.end(error)
    except Exception as ours:
        failed(_STAGE, ours)
