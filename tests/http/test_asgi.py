"""Pages mounted in applications: the same pages, the same rules, and an event loop that goes on."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from pydantic import SecretStr

from pepperpy_obs.config import Config
from pepperpy_obs.http.asgi import as_asgi
from pepperpy_obs.http.pages import Answer, Request, application
from pepperpy_obs.server import make_app, make_asgi_app
from tests.still import Still

pytestmark = pytest.mark.quick


async def ask(app: Any, path: str, root: str = "", **scope: Any) -> tuple[int, dict[str, str], str]:
    """Return status, headers and body."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"host", b"localhost:8000"), *scope.pop("headers", [])]
    asked = {"type": "http", "method": "GET", "path": root + path, "root_path": root, "query_string": b"", **scope}
    await app({"headers": headers, **asked}, receive, send)
    start, body = sent
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body["body"].decode()


def test_a_page_is_what_wsgi_answers() -> None:
    """Status, headers, query and body pass through; the path is told without the place that it is mounted at."""
    app = as_asgi(application({"/echo": lambda request: Answer(f"{dict(request.query)} {request.accept}")}))
    status, headers, body = asyncio.run(
        ask(app, "/echo", "/obs", query_string=b"a=%C3%A4", headers=[(b"accept", b"text/plain")])
    )
    assert (status, headers["content-type"], body) == (200, "text/plain; charset=utf-8", "{'a': 'ä'} text/plain")
    assert asyncio.run(ask(app, "/none"))[0] == 404
    assert asyncio.run(ask(app, "/echo", method="POST"))[0] == 405


def test_a_path_without_its_slash_leads_to_the_one_with_it() -> None:
    """Where pages are mounted below /obs, /obs leads to /obs/, so that what the page names is found."""
    app = as_asgi(application({"/a": lambda _: Answer("")}))
    status, headers, _ = asyncio.run(ask(app, "", "/deep/obs", query_string=b"window=1h"))
    assert (status, headers["location"]) == (308, "obs/?window=1h")


def test_a_read_does_not_hold_the_loop() -> None:
    """While a page is being made, the event loop does other things."""
    free = threading.Event()

    async def main() -> str:
        loop, asked = asyncio.get_running_loop(), asyncio.Event()

        def slow(_: Request) -> Answer:
            loop.call_soon_threadsafe(asked.set)
            return Answer(f"{free.wait(30)}")

        page = asyncio.create_task(ask(as_asgi(application({"/slow": slow})), "/slow"))
        await asked.wait()
        free.set()  # this runs while the page waits for it
        return (await page)[2]

    assert asyncio.run(main()) == "True"


def test_a_server_may_run_the_pages_alone() -> None:
    """Lifespan messages are answered, and a web socket is closed."""
    sent: list[str] = []
    messages = iter(["lifespan.startup", "lifespan.shutdown", "websocket.connect"])

    async def receive() -> dict[str, Any]:
        return {"type": next(messages)}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def main() -> None:
        app = as_asgi(application({}))
        await app({"type": "lifespan"}, receive, send)
        await app({"type": "websocket"}, receive, send)

    asyncio.run(main())
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]


@pytest.mark.parametrize(
    "headers,status",
    [
        ({"host": "localhost", "authorization": "Bearer sesame"}, 200),
        ({"host": "shop.example", "authorization": "Bearer sesame"}, 200),
        ({"host": "evil.example", "authorization": "Bearer sesame"}, 403),
        ({"host": "localhost"}, 401),
        ({"host": "localhost", "authorization": "Bearer guess"}, 401),
    ],
)
def test_the_rules_of_access_hold_where_pages_are_mounted(headers: dict[str, str], status: int) -> None:
    """Host names and tokens are looked at as our own listener does, in ASGI and in WSGI."""
    config = Config(config_file=None, metrics_bearer_token=SecretStr("sesame"), metrics_allowed_hosts=("shop.example",))
    still = Still(config=config)
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    found, told, _ = asyncio.run(ask_with(make_asgi_app(still), lines))
    assert (found, told.get("www-authenticate")) == (status, 'Bearer realm="pepperpy_obs"' if status == 401 else None)
    environ = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    seen: list[str] = []
    app: Any = make_app(still)
    app({"REQUEST_METHOD": "GET", "PATH_INFO": "/livez", **environ}, lambda line, _: seen.append(line))
    assert seen[0].startswith(str(status))


async def ask_with(app: Any, headers: list[tuple[bytes, bytes]]) -> tuple[int, dict[str, str], str]:
    """Ask for /livez with these headers only."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/livez", "headers": headers}
    await app(scope, None, send)
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}, ""
