"""Pages for ASGI servers: each is made in a thread, so that a read never holds the event loop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

__all__ = ["ASGIApplication", "as_asgi"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApplication = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
_Headers = list[tuple[bytes, bytes]]


def as_asgi(app: WSGIApplication) -> ASGIApplication:
    """Return pages as an ASGI application, for servers whose event loop is asyncio's. They read no request's body."""

    async def serve(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            status, headers, body = await asyncio.to_thread(_ask, app, _environ(scope))
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    return serve


async def _live(receive: Receive, send: Send) -> None:
    """Have nothing to begin and nothing to end."""
    while True:
        phase = (await receive())["type"]
        await send({"type": f"{phase}.complete"})
        if phase == "lifespan.shutdown":
            return


def _environ(scope: MutableMapping[str, Any]) -> dict[str, Any]:
    """Return the request as WSGI tells it: `root_path` is where the pages are mounted."""
    root, path = scope.get("root_path", ""), scope["path"]
    # Servers differ in whether the path has the root before it; mounts of Starlette leave it there.
    inner = path.removeprefix(root) if root and (path == root or path.startswith(f"{root}/")) else path
    host, port = scope.get("server") or ("", None)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": _latin(root),
        "PATH_INFO": _latin(inner),
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or ""),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.get("headers", ()):
        key = f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


def _latin(text: str) -> str:
    """Return text as WSGI holds it: the bytes of its UTF-8, each as one character."""
    return text.encode().decode("latin-1")


def _ask(app: WSGIApplication, environ: dict[str, Any]) -> tuple[int, _Headers, bytes]:
    heads: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
        heads.append((status, headers))
        return lambda _data: None

    body: Iterable[bytes] = app(environ, start_response)
    status, headers = heads[-1]
    lines = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return int(status.partition(" ")[0]), lines, b"".join(body)
