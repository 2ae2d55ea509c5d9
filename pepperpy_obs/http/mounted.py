"""The rules of access for pages that are mounted in a server of the application's own."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from pepperpy_obs.http.access import Access

__all__ = ["NO_SUCH_HOST", "NO_TOKEN", "admitting"]

NO_SUCH_HOST: Final = "They are not served under this host name; if they should be, name it in metrics_allowed_hosts.\n"
NO_TOKEN: Final = "A token or a password is needed.\n"  # noqa: S105 - a sentence


def admitting(app: WSGIApplication, access: Access) -> WSGIApplication:
    """Return the application for those that `access` admits, as our own listener does; TLS is the server's part."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        hosts = environ.get("HTTP_HOST", "").split(",") if "HTTP_HOST" in environ else [None]
        if not all(access.admits_host(host, "") for host in hosts):
            return _refused(start_response, HTTPStatus.FORBIDDEN, NO_SUCH_HOST)
        if not access.admits(environ.get("HTTP_AUTHORIZATION")):
            challenge = ("WWW-Authenticate", access.challenge)
            return _refused(start_response, HTTPStatus.UNAUTHORIZED, NO_TOKEN, challenge)
        return app(environ, start_response)

    return serve


def _refused(
    start_response: StartResponse, status: HTTPStatus, text: str, *headers: tuple[str, str]
) -> Iterable[bytes]:
    body = text.encode()
    always = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    start_response(f"{status.value} {status.phrase}", [*headers, *always])
    return [body]
