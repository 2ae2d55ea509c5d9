"""A small HTTP server for one thread of clients at a time, which fails in the ways that servers and networks fail."""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal, Self, cast


@dataclass(frozen=True)
class Reply:
    """What a server answers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    `reset`: the connection is reset before the request counts. `lost`: the request counts and its answer is reset half
    way. `garbage`: no HTTP comes back. `slow`: the answer takes `seconds`. `reply`: the request does not count, and
    `reply` comes back.
    """

    kind: Literal["reset", "lost", "garbage", "slow", "reply"]
    reply: Reply = Reply(500)
    seconds: float = 0.0


class Server:
    """Listens on a free port of 127.0.0.1; `faults` are used up one for each request."""

    def __init__(self, faults: Iterable[Fault] = (), *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.faults = deque(faults)
        self.requests: list[tuple[str, Mapping[str, str], bytes]] = []
        self.lock = threading.Lock()
        self._ended = threading.Event()
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None
        self.port = 0
        self.resume()

    @property
    def url(self) -> str:
        """Where it listens, or did."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return the answer to a request; the header names are in lower case, the body is as it came."""
        raise AssertionError(path)

    def resume(self) -> None:
        """Listen, on the same port as before."""
        self._ended.clear()
        self._listener = _Listener(("127.0.0.1", self.port), _Wire)
        self._listener.owner = self
        if self._tls is not None:
            self._listener.socket = self._tls.wrap_socket(self._listener.socket, server_side=True)
        self.port = self._listener.server_address[1]
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """Refuse every connection, and end those that are open."""
        if self._listener is None or self._thread is None:
            return
        self._ended.set()
        self._listener.shutdown()
        self._listener.end_all()
        self._listener.server_close()
        self._thread.join()
        self._listener = None

    def wait(self, seconds: float) -> None:
        """Keep a client waiting, at most until the server ends."""
        self._ended.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.pause()


def unpacked(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a body as it was before its Content-Encoding; `ValueError` for one that we do not know."""
    match headers.get("content-encoding", ""):
        case "":
            return body
        case "gzip":
            return gzip.decompress(body)
        case "deflate":
            return zlib.decompress(body)
        case other:
            raise ValueError(other)


class _Listener(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 64
    owner: Server

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(address, handler)

    def end_all(self) -> None:
        """Reset every open connection."""
        for connection in tuple(self.open):
            reset(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients come and go."""


def reset(connection: socket.socket) -> None:
    """End a connection with RST."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


class _Wire(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        cast("_Listener", self.server).open.add(self.connection)

    def finish(self) -> None:
        cast("_Listener", self.server).open.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name for it
        """Print nothing."""

    def do_POST(self) -> None:
        """Read the request, let it fail if it is to fail, answer it if not."""
        owner = cast("_Listener", self.server).owner
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with owner.lock:
            fault = owner.faults.popleft() if owner.faults else None
            owner.requests.append((self.path, headers, body))
            served = fault is None or fault.kind in {"lost", "slow"}
            reply = owner.answer(self.path, headers, body) if served else Reply(500)
        self._respond(fault, reply, owner)

    def _respond(self, fault: Fault | None, reply: Reply, owner: Server) -> None:
        match fault:
            case Fault(kind="reset"):
                return self._end()
            case Fault(kind="lost"):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of")
                self.wfile.flush()
                return self._end()
            case Fault(kind="garbage"):
                self.wfile.write(b"\x00\x01 nothing that speaks HTTP\r\n\r\n")
                return self._end()
            case Fault(kind="slow", seconds=seconds):
                owner.wait(seconds)
            case Fault(kind="reply", reply=reply):
                pass
            case _:
                pass
        return self._send(reply)

    def _end(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        reset(self.connection)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)


def wait_until(true: object, seconds: float = 10.0) -> bool:
    """Ask a callable until it says yes, for at most that long; return its last word."""
    assert callable(true)
    end = time.monotonic() + seconds
    while not (found := bool(true())) and time.monotonic() < end:
        time.sleep(0.005)
    return found
