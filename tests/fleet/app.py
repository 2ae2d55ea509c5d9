"""An application that servers start in several workers: each request is a call that costs a cent.

`/` answers with the worker's process id, and whether it serves the pages; `/die` counts a call and kills its worker.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable
from typing import Any

from pepperpy_obs import configure, costed, flush, measured, serve

pages = None
if os.environ.get("PEPPERPY_SHARE_DIRECTORY"):  # not where tests are collected
    configure()
    pages = serve() if os.environ.get("PEPPERPY_METRICS_PORT") else None


@costed(kind="llm", provider="acme", model="small", usage=lambda _: {"input_tokens": 3, "output_tokens": 4})
def ask() -> str:
    """Ask a model."""
    return "answer"


@measured(kind="tool")
def look_up() -> None:
    """Call no model."""


def answer(path: str) -> bytes:
    """Answer a request."""
    ask()
    look_up()
    if path == "/die":
        flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return json.dumps({"pid": os.getpid(), "serves": pages is not None and pages.listening}).encode()


def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Serve for WSGI."""
    body = answer(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Serve for ASGI."""
    if scope["type"] == "lifespan":
        while True:
            event = (await receive())["type"]
            await send({"type": f"{event}.complete"})
            if event == "lifespan.shutdown":
                return
    body = answer(scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


__all__ = ["asgi", "wsgi"]
