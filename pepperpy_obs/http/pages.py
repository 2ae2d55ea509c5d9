"""A few pages behind a few paths, as a WSGI application that any server can mount. It only reads, and never raises."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qs, quote

from pepperpy_obs._guard import failed
from pepperpy_obs.errors import SetupError
from pepperpy_obs.http.negotiation import accepts_gzip, prefers_html
from pepperpy_obs.http.shared import Shared

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["PLAIN", "Answer", "Page", "Request", "application"]

PLAIN: Final = "text/plain; charset=utf-8"
_HIDDEN: Final = "/static/"
"""What belongs to another page is not listed."""
_WORTH_PACKING: Final = 1024
_AS_GZIP: Final = 16 + zlib.MAX_WBITS
_ALWAYS: Final = (
    ("Cache-Control", "no-store"),
    ("Vary", "Accept, Accept-Encoding"),
    ("X-Content-Type-Options", "nosniff"),
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a page may want to know of a request."""

    accept: str
    query: Mapping[str, str]
    """The last value of each parameter."""
    rest: str = ""
    """What follows the path of a page whose path ends with a slash."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A page as it is sent."""

    body: str | bytes
    """Text, or text that is UTF-8 already."""
    type: str = PLAIN
    status: HTTPStatus = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers."""


Page = Callable[[Request], Answer]
"""Makes an answer. A `SetupError` of it is the client's fault (400), any other exception is ours (500)."""


def application(pages: Mapping[str, Page]) -> WSGIApplication:
    """Return a WSGI application that answers GET and HEAD at the given paths; ``/`` lists them.

    A path with a slash at its end stands for all below it, and ``""`` is shown to browsers in place of the list. Where
    it is mounted below another path, that path without a slash leads to the one with it.

    Requests that ask the same at once share one answer.
    """
    shared: Shared[_Made] = Shared()

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        gzip = accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        if method not in {"GET", "HEAD"}:
            made = _made(_refused(method), gzip=gzip)
        elif not environ.get("PATH_INFO") and environ.get("SCRIPT_NAME"):
            made = _made(_slash_added(environ), gzip=gzip)
        else:
            asked = [environ.get(name, "") for name in ("PATH_INFO", "QUERY_STRING", "HTTP_ACCEPT")]
            made = shared.get((*asked, gzip), lambda: _made(_answer(pages, environ), gzip=gzip))
        start_response(made.status, made.headers.copy())
        return [] if method == "HEAD" else [made.body]

    return serve


class _Made(NamedTuple):
    """An answer as it goes out."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


def _made(answer: Answer, *, gzip: bool) -> _Made:
    body = answer.body if isinstance(answer.body, bytes) else answer.body.encode()
    headers = [("Content-Type", answer.type), *_ALWAYS, *answer.headers]
    if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append(("Allow", "GET, HEAD"))
    if gzip and len(body) >= _WORTH_PACKING:
        headers.append(("Content-Encoding", "gzip"))
        body = zlib.compress(body, 1, _AS_GZIP)
    headers.append(("Content-Length", str(len(body))))
    return _Made(f"{answer.status.value} {answer.status.phrase}", headers, body)


def _answer(pages: Mapping[str, Page], environ: WSGIEnvironment) -> Answer:
    path = environ.get("PATH_INFO", "").rstrip("/")
    accept = environ.get("HTTP_ACCEPT", "")
    page, rest = _found(pages, path)
    if page is None or (not path and not prefers_html(accept)):
        paths = "".join(f"{known}\n" for known in pages if known and not known.startswith(_HIDDEN))
        if not path:
            return Answer(paths)
        return Answer(f"There is no {path} here, but:\n{paths}", status=HTTPStatus.NOT_FOUND)
    query = {name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
    try:
        return page(Request(accept, query, rest))
    except SetupError as error:
        return Answer(f"{error}\n", status=HTTPStatus.BAD_REQUEST)
    except Exception as error:
        failed("server", error)
        return Answer("This page failed; the log says why.\n", status=HTTPStatus.INTERNAL_SERVER_ERROR)


def _found(pages: Mapping[str, Page], path: str) -> tuple[Page | None, str]:
    """Return the page at a path, and what of the path comes after its own."""
    if path in pages:
        return pages[path], ""
    below, _, rest = path.rpartition("/")
    return pages.get(f"{below}/"), rest


def _slash_added(environ: WSGIEnvironment) -> Answer:
    """Lead to the path with a slash at its end: what the page names stands below it."""
    query = f"?{asked}" if (asked := environ.get("QUERY_STRING", "")) else ""
    # Its last part alone, relative to where it stands: what is before us may have been taken off by a proxy.
    where = f"{quote(environ['SCRIPT_NAME'].rpartition('/')[2])}/{query}"
    return Answer("", status=HTTPStatus.PERMANENT_REDIRECT, headers=(("Location", where),))


def _refused(method: str) -> Answer:
    return Answer(f"{method} is not for here; use GET or HEAD.\n", status=HTTPStatus.METHOD_NOT_ALLOWED)
