"""A running service as a source: who may ask, and what is said when it does not answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from pepperpy_obs import Config, SourceError
from pepperpy_obs.http import fetch as fetching
from pepperpy_obs.server import serve
from pepperpy_obs.sources import service, source
from tests.still import Still

PLAIN = Config(config_file=None)


def events(url: str, config: Config = PLAIN) -> int:
    """Return how many events the source has counted."""
    return sum(source(url, config=config).reading().snapshot.events.values())


@pytest.mark.parametrize(
    "settings,user_info",
    [
        ({"metrics_bearer_token": SecretStr("sesame")}, "sesame@"),
        ({"metrics_user": "ann", "metrics_password": SecretStr("p/w:1")}, "ann:p%2Fw%3A1@"),
    ],
)
def test_credentials_are_those_of_the_url_or_of_the_settings(settings: dict[str, object], user_info: str) -> None:
    """A token or a user in the URL is shown, else those of the settings; without them the error says what to give."""
    config = Config(config_file=None, **settings)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    still = Still(config=config)
    still.fold(operation="ask", outcome="ok", duration_seconds=0.5)
    with serve(0, collector=still) as listener:
        assert events(listener.url.replace("://", f"://{user_info}")) == 1
        assert events(listener.url, config) == 1
        with pytest.raises(SourceError, match="wants other credentials") as caught:
            events(listener.url.replace("://", "://wrong:secret@"))
    assert "secret" not in str(caught.value)


@pytest.fixture
def answering(request: pytest.FixtureRequest, no_thread_left: None) -> Iterator[str]:
    """Return the address of a server that sends these bytes, and then nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(request.param)
                done.wait(10)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        done.set()
        thread.join()


@pytest.mark.parametrize(
    "answering,message",
    [
        (b"", "does not answer: timed out"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n{", "does not answer: timed out"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + 200_000 * b"x", "did not end within 100000 bytes"),
        (b"\x00\x01\r\n\r\n", "does not answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<html/>", "gives no JSON"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"format": 9}', "not a reading .* this version reads format 1"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "has no such page: is it a service of pepperpy_obs"),
        (b"HTTP/1.1 503 Unavailable\r\nContent-Length: 5\r\n\r\nwait\n", "answers with status 503: wait"),
    ],
    indirect=["answering"],
)
def test_an_answer_is_bounded_and_what_is_none_is_said(
    answering: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the time nor the length of an answer is left to its sender, and whatever is wrong is said in words."""
    monkeypatch.setattr(service, "_TIMEOUT", 0.5)
    monkeypatch.setattr(fetching, "_LONGEST", 100_000)
    with pytest.raises(SourceError, match=message):
        events(answering)


def test_nothing_listens_there() -> None:
    """A refused connection is an error of the source, with its address."""
    with pytest.raises(SourceError, match=r"http://127\.0\.0\.1:1 does not answer: .*refused"):
        events("http://127.0.0.1:1")
