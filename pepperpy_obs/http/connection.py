"""One connection: its request within a deadline, and its access.

A client may send its request byte by byte, or not at all, and each connection holds a thread. So there is one deadline
for the whole head of a request, with the TLS handshake before it, and a limit on its size; and another one for taking
the answer.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, Final, cast
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer

from pepperpy_obs.http.mounted import NO_SUCH_HOST, NO_TOKEN

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from pepperpy_obs.http.access import Access

__all__ = ["Handler"]

_HEAD_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 60.0
"""Seconds to take an answer, which may be of 20 MB."""
_LONGEST_HEAD: Final = 64 * 1024


class _Head(io.RawIOBase):
    """Reads from a socket until a deadline, and no more than a head may have."""

    def __init__(self, connection: socket.socket, until: float) -> None:
        self._connection = connection
        self._until = until
        self._left = _LONGEST_HEAD

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            msg = "the request did not arrive in time"
            raise TimeoutError(msg)
        if not self._left:
            return 0  # the head ends here, whatever the client thinks of it
        self._connection.settimeout(left)
        count = self._connection.recv_into(memoryview(buffer)[: self._left])
        self._left -= count
        return count


class Handler(WSGIRequestHandler):
    """Answers one request with the server's application, if `access` admits it."""

    server_version = "pepperpy_obs"
    sys_version = ""
    access: Access
    bound: str
    """The host that the server was bound to."""

    def setup(self) -> None:
        """Give the client its time, and shake hands first where TLS is on."""
        until = time.monotonic() + _HEAD_SECONDS
        if self.access.tls is not None:
            self.request.settimeout(_HEAD_SECONDS)
            self.request = self.access.tls.wrap_socket(self.request, server_side=True)
        super().setup()
        self.rfile = io.BufferedReader(_Head(self.connection, until))

    def handle(self) -> None:
        """Refuse what may not be asked; hand on the rest."""
        # As the standard library does, up to the request itself, which it reads without looking at it.
        self.raw_requestline = self.rfile.readline(_LONGEST_HEAD)
        if len(self.raw_requestline) >= _LONGEST_HEAD:
            self.requestline, self.request_version, self.command = "", "", ""
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
            return
        if not self.parse_request() or self._is_refused():
            return
        self.connection.settimeout(_ANSWER_SECONDS)
        self._serve()

    def _serve(self) -> None:
        handler = ServerHandler(
            cast("IO[bytes]", self.rfile),
            cast("IO[bytes]", self.wfile),
            self.get_stderr(),
            self.get_environ(),
            multithread=True,
        )
        server = cast("WSGIServer", self.server)
        handler.request_handler = self  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        handler.run(cast("WSGIApplication", server.get_app()))

    def _is_refused(self) -> bool:
        named: list[str | None] = [*self.headers.get_all("Host", [])] or [None]
        if not all(self.access.admits_host(host, self.bound) for host in named):
            self._refuse(HTTPStatus.FORBIDDEN, NO_SUCH_HOST)
            return True
        if not self.access.admits(self.headers.get("Authorization")):
            self._refuse(HTTPStatus.UNAUTHORIZED, NO_TOKEN, self.access.challenge)
            return True
        return False

    def _refuse(self, status: HTTPStatus, text: str, challenge: str = "") -> None:
        self.connection.settimeout(_ANSWER_SECONDS)
        self.send_response(status)
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text.encode())

    def finish(self) -> None:
        """Close what TLS has made of the connection, which the server does not know."""
        super().finish()
        if self.access.tls is not None:
            self.connection.close()

    def address_string(self) -> str:
        """Return the client's address without asking DNS for its name."""
        return str(self.client_address[0])

    def log_message(self, *_: Any, **__: Any) -> None:
        """Log nothing: a scrape every few seconds is no news."""


CLIENT_ERRORS: Final = (ConnectionError, TimeoutError, ssl.SSLError)
"""The client's doing, and no failure of ours."""
