"""Pages mounted with one line in applications of others, under a path of theirs."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import uvicorn
from playwright.sync_api import Page, expect
from starlette.applications import Starlette

from pepperpy_obs.server import make_app, make_asgi_app
from tests.server.conftest import HOSTILE, Shown

pytestmark = pytest.mark.slow


@contextmanager
def in_starlette(source: Shown) -> Generator[str]:
    """Serve an application of Starlette, as FastAPI's are, and yield its address."""
    app = Starlette()
    app.mount("/obs", make_asgi_app(source))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", loop="asyncio"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, *_: Any, **__: Any) -> None:
        """Say nothing."""


@contextmanager
def in_wsgi(source: Shown) -> Generator[str]:
    """Serve a WSGI application that hands a path on, as Flask's and Django's dispatchers do."""
    pages: Any = make_app(source)

    def app(environ: Any, start_response: Any) -> Any:
        path: str = environ["PATH_INFO"]
        if path.startswith("/obs"):
            return pages({**environ, "SCRIPT_NAME": "/obs", "PATH_INFO": path[4:]}, start_response)
        start_response("404 Not Found", [])
        return []

    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(30)


@pytest.mark.parametrize("mounted", [in_starlette, in_wsgi])
def test_the_dashboard_works_under_a_path(
    mounted: Callable[[Shown], Any], source: Shown, open_page: Callable[[str], Page], no_thread_left: None
) -> None:
    """/obs leads to /obs/; figures, files and traces are found below it, and links stay below it."""
    with mounted(source) as address:
        page = open_page(f"{address}/obs?live=0")
        expect(page.locator("[data-figure=calls]")).to_have_attribute("value", "41")
        assert page.url == f"{address}/obs/?live=0"
        page.get_by_label("only this agent").select_option("desk")
        expect(page.locator("[data-figure=calls]")).to_have_attribute("value", "20")
        assert page.url == f"{address}/obs/?live=0&agent=desk"
        page = open_page(f"{address}/obs/traces/t1")
        expect(page.locator(".tree .op").first).to_have_text(HOSTILE)
        page.keyboard.press("Escape")
        expect(page.locator("[data-figure=calls]")).to_be_visible()
        assert page.url == f"{address}/obs/"


def test_pages_of_a_busy_loop_wait_and_do_not_hold_it(source: Shown, no_thread_left: None) -> None:
    """While a page takes its time, the loop that it was asked of answers others."""
    asked, free = threading.Event(), threading.Event()
    reading = source.reading

    def slow(window: Any = None) -> Any:
        asked.set()
        free.wait(30)
        return reading(window)

    source.reading = slow  # type: ignore[method-assign]
    with in_starlette(source) as address:
        page = threading.Thread(target=lambda: urllib.request.urlopen(f"{address}/obs/stats").read())
        page.start()
        asked.wait(30)
        before = time.monotonic()
        assert urllib.request.urlopen(f"{address}/obs/livez").read() == b"ok\n"
        assert time.monotonic() - before < 25  # it would have waited for the other page, which nothing frees
        free.set()
        page.join(30)
