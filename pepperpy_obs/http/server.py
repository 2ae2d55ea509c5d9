"""A small HTTP server in threads of its own: it accepts, hands each connection to a thread, and counts them.

On its own address only (127.0.0.1) unless told otherwise. Its threads are daemons: they never hold up an exit.
At most `MOST_CONNECTIONS` are served at once; one more is answered with 503 at once, by the thread that accepts.
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
from wsgiref.simple_server import WSGIServer

from pepperpy_obs._guard import failed, note
from pepperpy_obs.errors import SetupError
from pepperpy_obs.http.access import Access
from pepperpy_obs.http.connection import CLIENT_ERRORS, Handler

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

__all__ = ["MOST_CONNECTIONS", "AbsentServer", "MetricsServer", "OwnPortError", "TakenPortError"]

MOST_CONNECTIONS: Final = 64
_LONGEST_PAUSE: Final = 1.0
_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 22\r\nConnection: close\r\n\r\nToo many connections.\n"
)


class TakenPortError(SetupError):
    """Another program, or another server of this process, has the port."""


class OwnPortError(TakenPortError):
    """Another server of this process has it."""


class MetricsServer:
    """Listens from the moment it is made until it is closed.

    Raises SetupError if it cannot; `TakenPortError`, which is one, if the port is taken. A forked child does not
    listen: it gives up its copy of the socket, and the parent goes on.
    """

    shows_children = False
    """Whether its pages show what forked processes record as well."""

    def __init__(self, app: WSGIApplication, host: str, port: int, access: Access | None = None) -> None:
        self._closed = threading.Event()
        self._access = Access() if access is None else access
        self._server = _bind(host, port, self._access)
        self._server.set_app(app)
        self._thread = threading.Thread(target=self._accept, name="pepperpy_obs-server", daemon=True)
        self._thread.start()
        _servers.add(self)

    @property
    def listening(self) -> bool:
        """Whether it answers: not once it is closed, nor where its port was taken."""
        return not self._closed.is_set()

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
        scheme = "http" if self._access.tls is None else "https"
        host = _reachable(self.host)
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"

    def close(self) -> None:
        """Stop listening and give the port back; requests under way are finished. Idempotent."""
        if self._closed.is_set():
            return
        self._closed.set()
        _servers.discard(self)
        self._wake()
        self._thread.join(timeout=1.0)
        self._server.server_close()

    def _accept(self) -> None:
        # Not `serve_forever`, which wakes up twice a second for ever to see whether it is to stop.
        pause = 0.0
        while not self._closed.is_set():
            try:
                connection, address = self._server.get_request()
            except OSError as error:
                if self._closed.is_set():
                    return
                # No descriptor is free, say: the client still waits, and to try at once again would spin.
                failed("server", error)
                pause = min(2 * pause or 0.05, _LONGEST_PAUSE)
                self._closed.wait(pause)
                continue
            pause = 0.0
            if self._closed.is_set():
                connection.close()
                return
            self._server.take(connection, address)

    def _wake(self) -> None:
        try:
            socket.create_connection((_reachable(self.host), self.port), 1.0).close()
        except OSError as error:
            failed("server", error)

    def abandon(self) -> None:
        """In a forked child: let go of the parent's socket."""
        self._closed.set()
        self._server.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'closed' if self._closed.is_set() else self.url}>"


class AbsentServer(MetricsServer):
    """The handle of a server that could not be started, because its port is taken: it has an address and no pages."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._access = Access()
        self._closed = threading.Event()
        self._closed.set()

    @property
    def host(self) -> str:
        """The address that was asked for."""
        return self._address[0]

    @property
    def port(self) -> int:
        """The port that was asked for."""
        return self._address[1]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind, without asking DNS for a name of the address as the standard library does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def take(self, connection: Any, address: Any) -> None:
        """Serve a connection in a thread; refuse it if there are too many, or no thread can be had."""
        if not self._free.acquire(blocking=False):
            self._refuse(connection)
            return
        try:
            self.process_request(connection, address)
        except RuntimeError as error:  # can't start new thread
            self._free.release()
            failed("server", error)
            self._refuse(connection)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection, and make room for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def _refuse(self, connection: Any) -> None:
        try:
            connection.settimeout(0.1)
            connection.sendall(_BUSY)
        except OSError:
            pass  # it has left
        finally:
            connection.close()

    def handle_error(self, *_: Any, **__: Any) -> None:
        """Count what went wrong, unless it is only a client that left or fell asleep."""
        error = sys.exception()
        if error is not None and not isinstance(error, CLIENT_ERRORS):
            failed("server", error)


class _ServerV6(_Server):
    address_family = socket.AF_INET6


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a comparison


def _bind(host: str, port: int, access: Access) -> _Server:
    if type(port) is not int or not 0 <= port <= 65535:
        msg = f"port={port!r}; give a whole number from 0 (any free port) to 65535"
        raise SetupError(msg)
    if not isinstance(host, str) or not host.strip():  # type: ignore[redundant-expr] # pyright: ignore[reportUnnecessaryIsInstance] - users without a type checker
        msg = f"host={host!r}; give an address of this machine: 127.0.0.1, or 0.0.0.0 to let the whole network in"
        raise SetupError(msg)
    handler = type("Handler", (Handler,), {"access": access, "bound": host})
    try:
        return (_ServerV6 if ":" in host else _Server)((host, port), handler)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _taken(host, port) from error
        msg = f"cannot listen on port {port} of {host!r}: {error}; give an address of this machine and a free port"
        raise SetupError(msg) from error


def _taken(host: str, port: int) -> TakenPortError:
    ours = next((one for one in list(_servers) if one.port == port), None)
    if ours is not None:
        advice = "keep its handle, or close() it first"
        return OwnPortError(f"port {port} is served by this process already, at {ours.url}; {advice}")
    advice = (
        "give another port, or 0 for any free one; of several workers of one server each needs a port of its own, or"
        " all a share_directory"
    )
    return TakenPortError(f"port {port} of {host!r} is taken by another program; {advice}")


_servers: weakref.WeakSet[MetricsServer] = weakref.WeakSet()


def _after_fork() -> None:
    for server in list(_servers):
        server.abandon()
    _servers.clear()


def _after_fork_in_parent() -> None:
    for one in [server for server in list(_servers) if not server.shows_children]:
        note(
            "pages.forked",
            f"the page {one.url} shows what this process counts; what processes record that it forks is not on it."
            " Serve in each of them (docs/deployment.md, Several workers), or serve their log",
        )


os.register_at_fork(after_in_child=_after_fork, after_in_parent=_after_fork_in_parent)
