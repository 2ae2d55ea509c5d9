from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from pepperpy_obs import _guard
from pepperpy_obs.errors import SetupError
from pepperpy_obs.export.listener import Listener
from pepperpy_obs.export.web import Answer, Request, application

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

HELLO = application({"/hello": lambda _: Answer("hello")})
Listen = Callable[..., Listener]


@pytest.fixture
def listen(no_thread_left: None) -> Iterator[Listen]:
    """Return a function that starts a listener on a free port and is closed after the test."""
    made: list[Listener] = []

    def start(app: WSGIApplication = HELLO, host: str = "127.0.0.1", port: int = 0) -> Listener:
        made.append(Listener(app, host, port))
        return made[-1]

    _guard.forget()
    yield start
    for listener in made:
        listener.close()


def get(listener: Listener, path: str = "/hello") -> bytes:
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
    assert repr(listener) == f"<Listener {listener.url}>"


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
    assert repr(listener) == "<Listener closed>"
    assert _guard.failures() == {}


def test_it_closes_at_the_end_of_a_block() -> None:
    """A listener is a context manager."""
    with Listener(HELLO, "127.0.0.1", 0) as listener:
        assert get(listener) == b"hello"
    assert repr(listener) == "<Listener closed>"


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
        Listener(HELLO, "127.0.0.1", port)


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
        Listener(HELLO, "192.0.2.1", 0)


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
    child = os.fork()
    if child == 0:  # waits until the parent has had its say
        os.close(from_parent)
        os.read(to_child, 1)
        os._exit(0 if repr(listener) == "<Listener closed>" else 1)
    os.close(to_child)
    try:
        assert get(listener) == b"hello"
        listener.close()
        assert get(listen(port=listener.port)) == b"hello"
    finally:
        os.close(from_parent)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
