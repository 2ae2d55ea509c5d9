"""The same small shop in each web framework: an order by its number, and a streamed answer for an agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse as FastStream
from flask import Blueprint, Flask
from litestar import Litestar, get
from litestar.params import FromPath
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

from pepperpy_obs import agent, measured

_django: Any = import_module("django")  # it has no types
_conf: Any = import_module("django.conf")
_http: Any = import_module("django.http")
_urls: Any = import_module("django.urls")
_asgi: Any = import_module("django.core.handlers.asgi")
_wsgi: Any = import_module("django.core.handlers.wsgi")


@measured(operation="work", kind="tool")
def work() -> str:
    """Do what a route does."""
    return "done"


@measured(operation="parts")
def parts() -> Iterator[bytes]:
    """Stream an answer, with a call for each part."""
    for _ in range(2):
        yield work().encode()


@measured(operation="parts")
async def async_parts() -> AsyncIterator[bytes]:
    """Stream likewise."""
    for _ in range(2):
        yield work().encode()


def fastapi() -> Any:
    """Return FastAPI's application."""
    app, router = FastAPI(), APIRouter(prefix="/shop")

    @router.get("/orders/{number}")
    def order(number: int) -> str:
        return work()

    @router.get("/stream")
    def stream() -> FastStream:
        with agent("writer"):
            return FastStream(parts())

    @router.get("/async")
    async def async_stream() -> FastStream:
        with agent("writer"):
            return FastStream(async_parts())

    app.include_router(router)
    return app


def starlette() -> Any:
    """Return Starlette's application."""

    def order(_: Any) -> PlainTextResponse:
        return PlainTextResponse(work())

    def stream(_: Any) -> StreamingResponse:
        with agent("writer"):
            return StreamingResponse(parts())

    return Starlette(
        routes=[Mount("/shop", routes=[Route("/orders/{number}", order), Route("/stream", stream)])],
    )


def litestar() -> Any:
    """Return Litestar's application."""

    @get("/shop/orders/{number:int}")
    async def order(number: FromPath[int]) -> str:
        return work()

    return Litestar([order], logging_config=None)


def _django_order(_: Any, number: int) -> Any:
    return _http.HttpResponse(work())


def _django_stream(_: Any) -> Any:
    with agent("writer"):
        return _http.StreamingHttpResponse(parts())


urlpatterns = [
    _urls.path("shop/orders/<int:number>", _django_order),
    _urls.path("shop/stream", _django_stream),
]


@pytest.fixture(scope="module", autouse=True)
def configured_django() -> None:
    """Set Django up, whose settings are the process's."""
    _conf.settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x", LOGGING_CONFIG=None)
    _django.setup()


def flask() -> Any:
    """Return Flask's application."""
    app, blueprint = Flask(__name__), Blueprint("shop", __name__, url_prefix="/shop")

    @blueprint.route("/orders/<int:number>")
    def order(number: int) -> str:
        return work()

    @blueprint.route("/stream")
    def stream() -> Any:
        with agent("writer"):
            return app.response_class(parts())

    app.register_blueprint(blueprint)
    return app


def django_asgi() -> Any:
    """Return Django's application of ASGI."""
    return _asgi.ASGIHandler()


def django_wsgi() -> Any:
    """Return Django's application of WSGI."""
    return _wsgi.WSGIHandler()
