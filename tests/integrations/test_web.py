"""One event for each request of real frameworks, named by the route's template; streams keep their trace and agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from flask import Flask
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from pepperpy_obs import current_call, measure
from pepperpy_obs._guard import failures
from pepperpy_obs.context import CURRENT
from pepperpy_obs.integrations.web import AsgiMiddleware, WsgiMiddleware
from pepperpy_obs.testing import captured
from tests.integrations.web_apps import (
    configured_django,
    django_asgi,
    django_wsgi,
    fastapi,
    flask,
    litestar,
    starlette,
    work,
)
from tests.integrations.web_clients import ask, send

__all__ = ["configured_django"]

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
Sent = list[dict[str, Any]]


def of_request(event: dict[str, Any]) -> tuple[Any, ...]:
    """Return what an event says of a request."""
    names = ("operation", "outcome", "http.route", "http.response.status_code", "url.path")
    return tuple(event.get(name) for name in names)


ASGI: dict[str, tuple[Callable[[], Any], str]] = {
    "FastAPI": (fastapi, "/shop/orders/{number}"),
    "Starlette": (starlette, "/shop/orders/{number}"),
    "Litestar": (litestar, "/shop/orders/{number}"),
    "Django": (django_asgi, "/shop/orders/<int:number>"),
}
WSGI: dict[str, tuple[Callable[[], Any], str]] = {
    "Flask": (flask, "/shop/orders/<int:number>"),
    "Django": (django_wsgi, "/shop/orders/<int:number>"),
}


@pytest.mark.parametrize("framework", ASGI)
def test_a_request_of_asgi_is_one_event_named_by_its_route(framework: str) -> None:
    """A child of its caller, with its fields, and the caller of the route's calls; unknown paths are one operation."""
    make, template = ASGI[framework]
    app = AsgiMiddleware(make())
    with captured() as seen:
        send(app, "/shop/orders/7", {"traceparent": TRACEPARENT, "baggage": "customer=acme"})
        send(app, "/nowhere/8")
    done, request, unknown = seen.events
    assert of_request(request) == (f"GET {template}", "ok", template, 200, "/shop/orders/7")
    assert of_request(unknown) == ("GET (no route)", "ok", None, 404, "/nowhere/8")
    assert (request["trace_id"], request["parent_span_id"]) == (TRACEPARENT[3:35], TRACEPARENT[36:52])
    assert (done["operation"], done["parent_span_id"], done["customer"]) == ("work", request["span_id"], "acme")
    assert CURRENT.get() is None


@pytest.mark.parametrize("framework", WSGI)
def test_a_request_of_wsgi_is_one_event_named_by_its_route(framework: str) -> None:
    """Likewise."""
    make, template = WSGI[framework]
    app = WsgiMiddleware(make())
    with captured() as seen:
        ask(app, "/shop/orders/7", {"HTTP_TRACEPARENT": TRACEPARENT, "HTTP_BAGGAGE": "customer=acme"})
        ask(app, "/nowhere/8")
    done, request, unknown = seen.events
    assert of_request(request) == (f"GET {template}", "ok", template, 200, "/shop/orders/7")
    assert of_request(unknown) == ("GET (no route)", "ok", None, 404, "/nowhere/8")
    assert (request["trace_id"], request["parent_span_id"]) == (TRACEPARENT[3:35], TRACEPARENT[36:52])
    assert (done["operation"], done["parent_span_id"], done["customer"]) == ("work", request["span_id"], "acme")


STREAMS: dict[str, Callable[[], Any]] = {
    "FastAPI": lambda: send(AsgiMiddleware(fastapi()), "/shop/stream"),
    "FastAPI, async": lambda: send(AsgiMiddleware(fastapi()), "/shop/async"),
    "Starlette": lambda: send(AsgiMiddleware(starlette()), "/shop/stream"),
    "Flask": lambda: ask(WsgiMiddleware(flask()), "/shop/stream"),
    "Django": lambda: ask(WsgiMiddleware(django_wsgi()), "/shop/stream"),
}


@pytest.mark.parametrize("framework", STREAMS)
def test_a_streamed_answer_keeps_its_trace_and_agent(framework: str) -> None:
    """The route has returned by then; the request ends with the last part, and knows when the first one left."""
    with captured() as seen:
        STREAMS[framework]()
    *below, request = seen.events
    assert [event["operation"] for event in below] == ["work", "work", "parts"]
    stream = below[-1]
    assert [event["parent_span_id"] for event in below] == [stream["span_id"]] * 2 + [request["span_id"]]
    assert {event["agent"] for event in below} == {"writer"}
    assert request["outcome"] == "ok"
    assert 0 < request["time_to_first_item_seconds"] <= request["duration_seconds"]
    assert request["duration_seconds"] >= stream["duration_seconds"]


def test_a_streamed_answer_that_nobody_reads_on_is_abandoned() -> None:
    """The server closes it, and with it the call that makes it."""
    with captured() as seen:
        ask(WsgiMiddleware(flask()), "/shop/stream", read=False)
    assert [event["outcome"] for event in seen.events if event["operation"] != "work"] == ["abandoned", "abandoned"]


async def _fails(scope: Any, receive: Any, send: Any) -> None:
    raise LookupError


async def _is_cancelled(scope: Any, receive: Any, send: Any) -> None:
    raise asyncio.CancelledError


def _answers(status: int) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    return app


@pytest.mark.parametrize(
    "app, outcome, kind",
    [
        (_answers(204), "ok", None),
        (_answers(422), "ok", None),
        (_answers(503), "error", "503"),
        (_fails, "error", "LookupError"),
        (_is_cancelled, "cancelled", None),
    ],
)
def test_a_request_ends_as_it_was_answered(app: Any, outcome: str, kind: str | None) -> None:
    """An answer of 500 or more is an error, and what the application raises passes through."""
    raised = {_fails: LookupError, _is_cancelled: asyncio.CancelledError}.get(app)
    with captured() as seen, nullcontext() if raised is None else pytest.raises(raised):
        send(AsgiMiddleware(app), "/")
    assert (seen.event["outcome"], seen.event.get("error_type")) == (outcome, kind)
    assert CURRENT.get() is None


def test_an_exception_of_wsgi_passes_through() -> None:
    """And is the request's."""

    def app(environ: Any, start_response: Any) -> Any:
        raise LookupError

    with captured() as seen, pytest.raises(LookupError):
        ask(WsgiMiddleware(app), "/")
    assert (seen.event["outcome"], seen.event["error_type"]) == ("error", "LookupError")


def test_a_mounted_application_s_route_has_its_mount() -> None:
    """But not the prefix that a proxy in front has told."""
    inner = DispatcherMiddleware(Flask("outer"), {"/api": flask()})
    with captured() as seen:
        ask(WsgiMiddleware(inner), "/api/shop/orders/7")
        ask(WsgiMiddleware(flask()), "/shop/orders/7", {"SCRIPT_NAME": "/proxied"})
    requests = [event for event in seen.events if event["operation"] != "work"]
    assert [event["http.route"] for event in requests] == [
        "/api/shop/orders/<int:number>", "/shop/orders/<int:number>",
    ]  # fmt: skip
    assert requests[1]["url.path"] == "/proxied/shop/orders/7"


def test_background_tasks_are_children_but_no_part_of_the_request() -> None:
    """Starlette runs them when the answer is sent."""

    def answer(_: Any) -> PlainTextResponse:
        return PlainTextResponse("x", background=BackgroundTask(work))

    with captured() as seen:
        send(AsgiMiddleware(Starlette(routes=[Route("/", answer)])), "/")
    by_name = {event["operation"]: event for event in seen.events}
    assert by_name["work"]["parent_span_id"] == by_name["GET /"]["span_id"]


def test_a_websocket_is_no_request_but_its_caller_is_known() -> None:
    """Its calls belong to the trace that its headers name."""

    async def connected(websocket: Any) -> None:
        await websocket.accept()
        work()

    app = AsgiMiddleware(Starlette(routes=[WebSocketRoute("/ws", connected)]))
    with captured() as seen:
        send(app, "/ws", {"traceparent": TRACEPARENT}, kind="websocket")
    assert (seen.event["operation"], seen.event["parent_span_id"]) == ("work", TRACEPARENT[36:52])


def test_paths_that_are_ignored_and_odd_methods() -> None:
    """Probes make no event; what is no method is one operation."""
    app = AsgiMiddleware(_answers(200), ignore={"/livez"})
    with captured() as seen:
        send(app, "/livez")
        send(app, "/", method="\x00evil")
    assert seen.event["operation"] == "_OTHER (no route)"


def test_routes_may_add_to_the_request() -> None:
    """It is the running call."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        current_call().add(user="ada")
        await _answers(200)(scope, receive, send)

    with captured() as seen:
        send(AsgiMiddleware(app), "/")
    assert seen.event["user"] == "ada"


def test_a_middleware_within_a_call_is_its_child() -> None:
    """As in tests of an application; lifespan passes."""

    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "lifespan"

    with captured() as seen, measure("test"):
        send(AsgiMiddleware(_answers(200)), "/")
        send(AsgiMiddleware(lifespan), "/", kind="lifespan")
    request, test = seen.events
    assert request["parent_span_id"] == test["span_id"]


def test_a_failure_of_ours_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted."""

    def broken(*_: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr("pepperpy_obs.integrations.web.request.caller_of", broken)
    assert [one["type"] for one in send(AsgiMiddleware(_answers(200)), "/")] == [
        "http.response.start", "http.response.body",
    ]  # fmt: skip
    assert ask(WsgiMiddleware(flask()), "/shop/orders/1") == ("200 OK", b"done")
    assert failures()["web"] == 2
