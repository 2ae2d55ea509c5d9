from __future__ import annotations

import base64
import errno
import itertools
import os
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pepperpy_obs import Config, _guard
from pepperpy_obs.errors import SetupError
from pepperpy_obs.http import connection as connections
from pepperpy_obs.http.access import Access
from pepperpy_obs.http.pages import Answer, Request, application
from pepperpy_obs.http.server import MOST_CONNECTIONS, MetricsServer
from tests.servers.certificate import make_certificate

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

pytestmark = pytest.mark.hostile

HELLO = application({"/hello": lambda _: Answer("hello")})
Listen = Callable[..., MetricsServer]


@pytest.fixture
def listen(no_thread_left: None) -> Iterator[Listen]:
    """Return a function that starts a listener on a free port and is closed after the test."""
    made: list[MetricsServer] = []

    def start(
        app: WSGIApplication = HELLO, host: str = "127.0.0.1", port: int = 0, access: Access | None = None
    ) -> MetricsServer:
        made.append(MetricsServer(app, host, port, access))
        return made[-1]

    _guard.forget()
    yield start
    for listener in made:
        listener.close()


def get(listener: MetricsServer, path: str = "/hello") -> bytes:
    """Return the body of a page."""
    with closing(HTTPConnection(listener.host, listener.port, timeout=10)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read()


def test_a_free_port_is_found_and_told(listen: Listen) -> None:
    """Port 0 takes a free one, which the handle names, on 127.0.0.1."""
    listener = listen()
    assert listener.url == f"http://127.0.0.1:{listener.port}"
    assert listener.port > 0
    assert get(listener) == b"hello"
    assert repr(listener) == f"<MetricsServer {listener.url}>"


def test_a_closed_listener_gives_its_port_back(listen: Listen) -> None:
    """After close nobody answers, no thread is left and the port can be had again; a second close does nothing."""
    listener = listen()
    get(listener)
    listener.close()
    listener.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "pepperpy_obs-server"]
    with pytest.raises(ConnectionRefusedError):
        get(listener)
    assert get(listen(port=listener.port)) == b"hello"
    assert repr(listener) == "<MetricsServer closed>"
    assert _guard.failures() == {}


def test_it_closes_at_the_end_of_a_block() -> None:
    """A listener is a context manager."""
    with MetricsServer(HELLO, "127.0.0.1", 0) as listener:
        assert get(listener) == b"hello"
    assert repr(listener) == "<MetricsServer closed>"


def test_every_address_can_be_asked_for(listen: Listen) -> None:
    """Listening on all addresses gives a URL that works from this machine; IPv6 addresses are bracketed."""
    assert listen(host="0.0.0.0").url.startswith("http://127.0.0.1:")
    if socket.has_ipv6:
        try:
            listener = listen(host="::1")
        except SetupError:
            return
        assert listener.url == f"http://[::1]:{listener.port}"
        assert get(listener) == b"hello"


@pytest.mark.parametrize("port", [-1, 65536, "8000", True, 80.0])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    """Anything but a whole number that a port can be is a set-up error that says which may be given."""
    with pytest.raises(SetupError, match=r"port=.*; give a whole number from 0 \(any free port\) to 65535"):
        MetricsServer(HELLO, "127.0.0.1", port)


def test_a_port_that_is_taken_is_named(listen: Listen) -> None:
    """A taken port is a set-up error that says so and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        told = f"port {taken} of '127.0.0.1' is taken by another program; .* 0 for any free one; of several workers"
        with pytest.raises(SetupError, match=told):
            listen(port=taken)


def test_a_port_that_is_our_own_already_is_told_apart(listen: Listen) -> None:
    """Who serves twice is told that this process does already, and where; once closed, the port is free again."""
    first = listen()
    with pytest.raises(SetupError, match=f"is served by this process already, at {first.url}; keep its handle"):
        listen(port=first.port)
    first.close()
    assert listen(port=first.port).port == first.port


def test_an_address_of_somebody_else_is_refused() -> None:
    """An address that this machine does not have is a set-up error."""
    with pytest.raises(SetupError, match=r"cannot listen on port 0 of '192\.0\.2\.1'"):
        MetricsServer(HELLO, "192.0.2.1", 0)


def test_requests_do_not_wait_for_each_other(listen: Listen) -> None:
    """A page that takes long holds up nobody else: here it cannot end before the others were served."""
    served = threading.Event()

    def slow(_: Request) -> Answer:
        assert served.wait(10)
        return Answer("at last")

    listener = listen(application({"/slow": slow, "/hello": lambda _: Answer("hello")}))
    answers: list[bytes] = []
    thread = threading.Thread(target=lambda: answers.append(get(listener, "/slow")))
    thread.start()
    assert get(listener) == b"hello"
    served.set()
    thread.join()
    assert answers == [b"at last"]


def test_clients_that_leave_or_talk_nonsense_are_no_failure_of_ours(listen: Listen) -> None:
    """A client that hangs up, or sends rubbish, disturbs nobody."""
    listener = listen()
    socket.create_connection((listener.host, listener.port)).close()
    with socket.create_connection((listener.host, listener.port)) as rude:
        rude.sendall(b"\0\xff rubbish\r\n\r\n")
        assert b"400" in rude.recv(1000)
    assert get(listener) == b"hello"
    assert _guard.failures() == {}


def test_a_forked_child_leaves_the_port_to_its_parent(listen: Listen) -> None:
    """After a fork only the parent listens: once it has closed, the port is free although the child lives on."""
    listener = listen()
    to_child, from_parent = os.pipe()
    to_parent, from_child = os.pipe()
    child = os.fork()
    if child == 0:  # waits until the parent has had its say
        os.close(from_parent)
        os.write(from_child, b".")  # what happens after a fork has happened
        os.read(to_child, 1)
        os._exit(0 if repr(listener) == "<MetricsServer closed>" else 1)
    os.close(to_child)
    try:
        assert os.read(to_parent, 1) == b"."
        assert get(listener) == b"hello"
        listener.close()
        assert get(listen(port=listener.port)) == b"hello"
    finally:
        os.close(from_parent)
        os.close(to_parent)
        os.close(from_child)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def answer_to(listener: MetricsServer, request: bytes) -> bytes:
    """Return all that is answered to a raw request."""
    found: list[bytes] = []
    # What is left unread of a request resets the connection.
    with socket.create_connection((listener.host, listener.port), timeout=10) as connection, suppress(ConnectionError):
        connection.sendall(request)
        while piece := connection.recv(65536):
            found.append(piece)
    return b"".join(found)


@pytest.mark.parametrize("host", [None, "", "  "])
def test_no_host_is_not_every_host(host: str) -> None:
    """An empty host is refused, though sockets take it for all addresses."""
    with pytest.raises(SetupError, match=r"host=.*; give an address of this machine: 127\.0\.0\.1, or 0\.0\.0\.0"):
        MetricsServer(HELLO, host, 0)


def test_one_connection_too_many_is_refused_at_once(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sixty-fifth connection gets 503, and the next one is served once another has ended."""
    listener = listen()
    idle = [socket.create_connection((listener.host, listener.port)) for _ in range(MOST_CONNECTIONS)]
    refused = answer_to(listener, b"")
    idle.pop().close()
    # The thread of the one that left needs a moment to see it.
    served = b""
    for _ in range(500):
        if (served := get(listener)) == b"hello":
            break
        time.sleep(0.01)
    for one in idle:
        one.close()

    assert refused.startswith(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n")
    assert refused.endswith(b"\r\n\r\nToo many connections.\n")
    assert served == b"hello"
    assert _guard.failures() == {}


def test_a_head_that_drips_in_has_one_deadline(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends a byte now and then does not hold a connection for longer than the head may take."""
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 0.3)
    listener = listen()
    sent = 0
    with socket.create_connection((listener.host, listener.port), timeout=10) as slow:
        slow.settimeout(0.05)
        while True:
            slow.send(b"G")
            sent += 1
            try:
                if not slow.recv(1):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break

    assert 2 <= sent < 100  # with a deadline for each byte it would go on for ever
    assert get(listener) == b"hello"
    assert _guard.failures() == {}


def test_a_head_has_a_largest_size(listen: Listen) -> None:
    """A request whose head has more than 64 KiB is refused, and no more of it is read."""
    listener = listen()
    answer = answer_to(listener, b"GET /" + b"a" * 70_000)

    assert b"414" in answer.splitlines()[0] or answer == b""
    assert get(listener) == b"hello"


def test_an_accept_that_fails_is_paused_after(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no descriptor is free, the server waits before it tries again, and then serves."""
    listener = listen()
    get_request, tried = listener._server.get_request, []

    def fails() -> object:
        tried.append(time.monotonic())
        if len(tried) <= 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return get_request()

    monkeypatch.setattr(listener._server, "get_request", fails)
    get(listener)  # the accept that was under way
    assert get(listener) == b"hello"

    pauses = [later - earlier for earlier, later in itertools.pairwise(tried[:4])]
    assert pauses == sorted(pauses)
    assert pauses[0] >= 0.04
    assert _guard.failures()["server"] == 3


@pytest.mark.parametrize(
    "host, status",
    [
        ("localhost:{port}", 200),
        ("127.0.0.1:{port}", 200),
        ("10.1.2.3:8000", 200),
        ("[::1]:{port}", 200),
        ("LOCALHOST", 200),
        ("shop.default.svc:8000", 200),
        ("evil.example", 403),
        ("evil.example:{port}", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("", 403),
        ("localhost\r\nHost: evil.example", 403),
        ("evil.example\r\nHost: localhost", 403),
    ],
)
def test_other_host_names_are_refused(listen: Listen, host: str, status: int) -> None:
    """A page in a browser cannot read ours by a name that its owner lets point to this machine."""
    listener = listen(access=Access(frozenset({"shop.default.svc"})))
    request = f"GET /hello HTTP/1.1\r\nHost: {host.format(port=listener.port)}\r\nConnection: close\r\n\r\n"
    answer = answer_to(listener, request.encode())

    assert int(answer.split()[1]) == status
    assert (b"metrics_allowed_hosts" in answer) is (status == 403)


def test_a_token_or_a_password_is_asked_for(listen: Listen) -> None:
    """Without the right one there is 401 with a challenge, with it the page; a client of HTTP/1.0 needs no host."""
    listener = listen(access=Access(token="t0ken", user="me", password="pä ss"))
    right = base64.b64encode("me:pä ss".encode()).decode()
    tried = {
        "": 401,
        "Bearer t0ken": 200,
        "bearer t0ken": 200,
        "Bearer t0ke": 401,
        f"Basic {right}": 200,
        "Basic bWU6eA==": 401,
        "Basic ?": 401,
        "Digest t0ken": 401,
    }
    found = {}
    for header in tried:
        line = f"Authorization: {header}\r\n" if header else ""
        answer = answer_to(listener, f"GET /hello HTTP/1.0\r\n{line}\r\n".encode())
        found[header] = int(answer.split()[1])
        assert (b'WWW-Authenticate: Basic realm="pepperpy_obs"' in answer) is (found[header] == 401)

    assert found == tried
    assert "t0ken" not in repr(listener._access)


def test_pages_are_served_over_tls(listen: Listen, tmp_path: Path) -> None:
    """With a certificate, pages come over TLS alone; a client that speaks plainly disturbs no other."""
    certificate, key = make_certificate(tmp_path)
    config = Config(config_file=None, metrics_cert_file=certificate, metrics_key_file=key)
    listener = listen(access=Access.of(config))
    context = ssl.create_default_context(cafile=str(certificate))
    assert answer_to(listener, b"GET /hello HTTP/1.0\r\n\r\n")[:4] != b"HTTP"
    with urllib.request.urlopen(f"{listener.url}/hello", context=context) as page:
        assert page.read() == b"hello"

    assert listener.url == f"https://127.0.0.1:{listener.port}"
    assert _guard.failures() == {}


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"metrics_user": "me"}, "metrics_user and metrics_password go together"),
        ({"metrics_key_file": "key.pem"}, "metrics_key_file is given without metrics_cert_file"),
        ({"metrics_cert_file": "/nowhere/cert.pem"}, "metrics_cert_file '/nowhere/cert.pem' cannot be used: .*in PEM"),
    ],
)
def test_half_of_an_access_is_refused(settings: dict[str, Any], message: str) -> None:
    """What contradicts itself, or cannot be read, is a set-up error that says what to give."""
    with pytest.raises(SetupError, match=message):
        Access.of(Config(config_file=None, **settings))
