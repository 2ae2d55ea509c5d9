from __future__ import annotations

import ssl
import threading
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs.errors import SetupError
from pepperpy_obs.shipping.elastic import Elastic
from pepperpy_obs.shipping.results import Answer, Request, retry_after
from pepperpy_obs.shipping.sink import SinkSpec
from pepperpy_obs.shipping.transport import Pause, Transport, persist
from tests.servers.certificate import make_certificate
from tests.servers.wire import Fault, Reply, Server, wait_until

WHEN = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
HELLO = Request("/hello", b"body", {"Content-Type": "text/plain"})


class Echo(Server):
    """Answers every request with what it got."""

    def answer(self, path: str, headers: object, body: bytes) -> Reply:
        """Echo."""
        return Reply(200, path.encode() + b" " + body)


class TestRetryAfter:
    @pytest.mark.parametrize(
        "text, seconds",
        [
            ("7", 7.0),
            ("0", 0.0),
            ("86400", 300.0),
            (format_datetime(WHEN + timedelta(seconds=90), usegmt=True), 90.0),
            (format_datetime(WHEN - timedelta(seconds=90), usegmt=True), 0.0),
            ("Mon, 23 Nov 2026 12:00:30 -0000", 30.0),
            ("soon", None),
            ("-1", None),
            ("", None),
        ],
    )
    def test_seconds_or_a_date(self, text: str, seconds: float | None) -> None:
        """Both forms of the header count, neither for longer than we allow; anything else counts as nothing."""
        assert retry_after(Answer(429, headers={"retry-after": text}), WHEN, 300.0) == seconds


class TestPersist:
    def spec(self, first: float = 0.001, most: float = 0.004) -> SinkSpec:
        """Return a sink with these pauses."""
        return Elastic(url="http://es", retry_first=first, retry_most=most)

    def test_it_goes_on_until_there_is_no_pause(self) -> None:
        """However often it takes."""
        left = [Pause(), Pause(0.001), Pause(held=True), None]
        assert persist(lambda: left.pop(0), self.spec(), threading.Event())
        assert left == []

    def test_a_stop_ends_any_pause_at_once(self) -> None:
        """Even one of an hour that the receiver asked for."""
        stop = threading.Event()
        tried = threading.Event()

        def attempt() -> Pause:
            tried.set()
            return Pause(3600.0)

        ended: list[bool] = []
        thread = threading.Thread(target=lambda: ended.append(persist(attempt, self.spec(), stop)))
        thread.start()
        assert tried.wait(5)
        stop.set()
        thread.join(5)
        assert ended == [False]

    def test_pauses_are_spread_and_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each pause is anywhere below a limit that doubles up to the most; at the most it is still spread."""
        pauses: list[float] = []
        stop = threading.Event()

        def wait(timeout: float | None = None) -> bool:
            assert timeout is not None
            pauses.append(timeout)
            return False

        monkeypatch.setattr(stop, "wait", wait)
        left = [*[Pause()] * 200, None]
        assert persist(lambda: left.pop(0), self.spec(1.0, 60.0), stop)
        assert all(pause <= min(60.0, 2.0**n) for n, pause in enumerate(pauses))
        assert len(set(pauses[10:])) == len(pauses[10:])
        assert min(pauses[10:]) < 15
        assert max(pauses[10:]) > 45


class TestTransport:
    def test_one_connection_serves_many_requests(self) -> None:
        """It identifies us with every one of them."""
        with Echo() as server:
            transport = Transport(Elastic(url=server.url + "/prefix/", user="me", password="secret"))
            assert [transport.post(HELLO).body for _ in range(3)] == [b"/prefix/hello body"] * 3
            assert {headers["authorization"] for _, headers, _ in server.requests} == {"Basic bWU6c2VjcmV0"}
            transport.close()

    @pytest.mark.parametrize(
        "fault, words", [(Fault("reset"), "Error"), (Fault("garbage"), "Protocol"), (Fault("lost"), "Error")]
    )
    def test_what_a_network_does_is_an_answer(self, fault: Fault, words: str) -> None:
        """Nothing is raised: the status is 0 and the body says what happened; the next request goes through."""
        with Echo([fault]) as server:
            transport = Transport(Elastic(url=server.url))
            answer = transport.post(HELLO)
            assert (answer.status, words in answer.text) == (0, True), answer
            assert transport.post(HELLO).status == 200
            transport.close()

    @pytest.mark.parametrize(
        "credentials",
        [
            {"user": "me", "password": "hunter2"},
            {"bearer_token": "hunter2"},
            {"api_key": "hunter2"},
            {"headers": {"X-Key": "hunter2"}},
        ],
    )
    def test_an_answer_that_repeats_our_secrets(self, credentials: dict[str, Any]) -> None:
        """They are not in what is told of it, plain or as they were sent."""
        sent = b64encode(b"me:hunter2")
        with Echo([Fault("reply", Reply(401, b"who is hunter2, alias " + sent + b"?"))]) as server:
            transport = Transport(Elastic(url=server.url, **credentials))
            text = transport.post(HELLO).text
            assert "hunter2" not in text
            assert ("user" not in credentials) == (sent.decode() in text)
            transport.close()

    def test_nobody_there(self) -> None:
        """A refused connection says so."""
        transport = Transport(Elastic(url="http://127.0.0.1:9"))
        assert "refused" in transport.post(HELLO).text
        transport.close()

    def test_a_request_that_hangs_can_be_ended(self) -> None:
        """From another thread, at once; and none is made afterwards."""
        with Echo([Fault("slow", seconds=60)]) as server:
            transport = Transport(Elastic(url=server.url))
            answers: list[Answer] = []
            thread = threading.Thread(target=lambda: answers.append(transport.post(HELLO)))
            thread.start()
            assert wait_until(lambda: server.requests)
            transport.abort()
            thread.join(5)
            assert [answer.status for answer in answers] == [0]
            assert transport.post(HELLO) == Answer(0, b"aborted", reached=False)
            transport.close()

    def test_both_sides_show_certificates(self, tmp_path: Path) -> None:
        """A private authority is trusted if we name it, and the server gets our certificate."""
        cert, key = make_certificate(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.load_verify_locations(cert)
        context.verify_mode = ssl.CERT_REQUIRED
        with Echo(tls=context) as server:
            known = Transport(Elastic(url=server.url, ca_file=cert, client_cert=cert, client_key=key))
            assert known.post(HELLO).status == 200
            known.close()
            stranger = Transport(Elastic(url=server.url))
            assert "certificate verify failed" in stranger.post(HELLO).text
            stranger.close()
            nameless = Transport(Elastic(url=server.url, ca_file=cert))
            assert nameless.post(HELLO).status == 0
            nameless.close()

    def test_certificates_that_cannot_be_read_are_refused_at_once(self, tmp_path: Path) -> None:
        """A file that is not there, one that is no PEM, and a key without its certificate."""
        bad = tmp_path / "bad.pem"
        bad.write_text("nothing")
        with pytest.raises(SetupError, match=r"there is no such file; give a PEM file"):
            Elastic(url="https://es", ca_file=tmp_path / "none.pem")
        with pytest.raises(SetupError, match=r"cannot be read"):
            Transport(Elastic(url="https://es", ca_file=bad))
        with pytest.raises(SetupError, match=r"has a client_key and no client_cert"):
            Elastic(url="https://es", client_key=bad)


@pytest.mark.parametrize(
    "url, words",
    [
        ("loki:3100", "give a URL like"),
        ("ftp://loki", "give a URL like"),
        ("http://", "give a URL like"),
        ("http://loki?token=secret", "give it without"),
        ("http://loki#secret", "give it without"),
        ("http://loki?", "give it without"),
        ("ftp://loki?token=secret", "give a URL like"),
        ("http://me:secret@loki", "give user and password"),
    ],
)
def test_wrong_addresses_are_refused_at_once(url: str, words: str) -> None:
    """The message says what to give instead, and never repeats a password."""
    with pytest.raises(SetupError, match=words) as caught:
        Elastic(url=url)
    assert "secret" not in str(caught.value)


def test_one_kind_of_credentials() -> None:
    """Two would leave open which of them counts."""
    with pytest.raises(SetupError, match=r"has user and api_key: give one kind of credentials"):
        Elastic(url="http://es", user="me", api_key="key")


def test_time_is_not_part_of_a_request() -> None:
    """The time field of the gzip header (RFC 1952, 2.3.1) is zero: the same bytes come out a second later."""
    assert Elastic(url="http://es").request("/x", "text/plain", b"body").body[4:8] == bytes(4)
