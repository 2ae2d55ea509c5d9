"""A small HTTP server in threads of its own: enough for a scraper and a probe, with nothing to install.

On its own address only (127.0.0.1) unless told otherwise. Its threads are daemons: they never hold up an exit.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import weakref
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from pepperpy_obs._guard import failed
from pepperpy_obs.errors import SetupError

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

__all__ = ["Listener"]

_PATIENCE: Final = 10.0
"""Seconds that a client may take between two bytes."""


class Listener:
    """Listens from the moment it is made until it is closed.

    A forked child does not listen: it gives up its copy of the socket, and the parent goes on.
    """

    def __init__(self, app: WSGIApplication, host: str, port: int) -> None:
        self._closed = False
        self._server = _bind(host, port)
        self._server.set_app(app)
        self._thread = threading.Thread(target=self._accept, name="pepperpy_obs-server", daemon=True)
        self._thread.start()
        _listeners.add(self)

    @property
    def host(self) -> str:
        """The address it listens on."""
        return str(self._server.server_address[0])

    @property
    def port(self) -> int:
        """The port it listens on, also if it was asked for any free one."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """Where to find it from this machine, without a slash at the end."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - a comparison
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def close(self) -> None:
        """Stop listening and give the port back; requests under way are finished. Idempotent."""
        if self._closed:
            return
        self._closed = True
        _listeners.discard(self)
        self._wake()
        self._thread.join(timeout=1.0)
        self._server.server_close()

    def _accept(self) -> None:
        # Not `serve_forever`, which wakes up twice a second for ever to see whether it is to stop.
        while not self._closed:
            self._server.handle_request()

    def _wake(self) -> None:
        try:
            socket.create_connection((self.url.split("://")[1].rsplit(":", 1)[0].strip("[]"), self.port), 1.0).close()
        except OSError as error:
            failed("server", error)

    def abandon(self) -> None:
        """In a forked child: let go of the parent's socket."""
        self._closed = True
        self._server.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'closed' if self._closed else self.url}>"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        """Bind, without asking DNS for a name of the address as the standard library does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, *_: Any, **__: Any) -> None:
        """Count what went wrong, unless it is only a client that left or fell asleep."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            failed("server", error)


class _ServerV6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = _PATIENCE
    server_version = "pepperpy_obs"
    sys_version = ""

    def log_message(self, *_: Any, **__: Any) -> None:
        """Log nothing: a scrape every few seconds is no news."""


def _bind(host: str, port: int) -> _Server:
    if type(port) is not int or not 0 <= port <= 65535:
        msg = f"port={port!r}; give a whole number from 0 (any free port) to 65535"
        raise SetupError(msg)
    try:
        return (_ServerV6 if ":" in host else _Server)((host, port), _Handler)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            msg = _taken(host, port)
        else:
            msg = f"cannot listen on port {port} of {host!r}: {error}; give an address of this machine and a free port"
        raise SetupError(msg) from error


def _taken(host: str, port: int) -> str:
    ours = next((one for one in list(_listeners) if one.port == port), None)
    if ours is not None:
        return f"port {port} is served by this process already, at {ours.url}; keep its handle, or close() it first"
    advice = "give another port, or 0 for any free one; of several workers of one server each needs a port of its own"
    return f"port {port} of {host!r} is taken by another program; {advice}"


_listeners: weakref.WeakSet[Listener] = weakref.WeakSet()


def _after_fork() -> None:
    for listener in list(_listeners):
        listener.abandon()
    _listeners.clear()


os.register_at_fork(after_in_child=_after_fork)
