"""The dashboard: one page that draws what the other pages say, and the files that it is made of.

The page holds no data and nothing of any other host, so its policy forbids both: no script but ours runs in it.
"""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Final

from pepperpy_obs.http.pages import Answer, Request

__all__ = ["dashboard_page", "static_page"]

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    ("Content-Security-Policy", _POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)


def dashboard_page(_: Request, up: str = "") -> Answer:
    """Answer with the page; `up` leads from its address to that of the front page."""
    page = _assets()["dashboard.html"].replace(b"{{up}}", up.encode())
    return Answer(page, _TYPES["html"], headers=_HEADERS)


def static_page(request: Request) -> Answer:
    """Answer with a file that the page is made of."""
    content = _assets().get(request.rest)
    if content is None:
        return Answer(f"There is no {request.rest} here.\n", status=HTTPStatus.NOT_FOUND)
    return Answer(content, _TYPES[request.rest.rpartition(".")[2]], headers=_HEADERS)


@cache
def _assets() -> dict[str, bytes]:
    """Return the files by name: a name that is asked for is looked up here, never on disk."""
    folder = files("pepperpy_obs.server") / "static"
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.name.rpartition(".")[2] in _TYPES}
