"""Asks web applications as servers do."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any

Sent = list[dict[str, Any]]


def send(
    app: Any, path: str, headers: dict[str, str] | None = None, *, method: str = "GET", kind: str = "http"
) -> Sent:
    """Ask an application of ASGI as a server does, and return what it has sent."""
    sent: Sent = []
    received: list[bool] = []

    async def receive() -> dict[str, Any]:
        if kind == "websocket":
            return {"type": "websocket.connect"}
        if not received:
            received.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()  # as a client that waits for the rest
        return {}

    async def keep(message: dict[str, Any]) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {
        "type": kind, "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"testserver"), *raw], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    asyncio.run(app(scope, receive, keep))
    return sent


def ask(app: Any, path: str, headers: dict[str, str] | None = None, *, read: bool = True) -> tuple[str, bytes]:
    """Ask an application of WSGI likewise."""
    statuses: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "testserver",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(), "wsgi.errors": None, "wsgi.multithread": True, "wsgi.multiprocess": False,
        "wsgi.run_once": False, **(headers or {}),
    }  # fmt: skip

    def started(status: str, _: Any, __: Any = None) -> Callable[[bytes], None]:
        statuses.append(status)
        return lambda data: None

    body = app(environ, started)
    try:
        whole = b"".join(body) if read else next(iter(body))
    finally:
        if hasattr(body, "close"):
            body.close()
    return statuses[0], whole
