from __future__ import annotations

import time

import pytest

from pepperpy_obs.shipping.diagnosis import diagnose
from pepperpy_obs.shipping.elastic import Elastic
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.sink import SinkSpec
from tests.servers.elastic import ElasticServer
from tests.servers.loki import LokiServer
from tests.servers.wire import Fault, Reply, Server

NOW = time.time_ns()
KEY = "ab" * 16


def words(spec: SinkSpec) -> str:
    """Return what the doctor says of a sick sink."""
    found = diagnose(spec, NOW, KEY)
    assert not found.healthy
    return str(found)


def test_a_healthy_sink() -> None:
    """The event is there, and the doctor says so."""
    with LokiServer() as loki, ElasticServer() as elastic:
        assert diagnose(Loki(url=loki.url), NOW, KEY).healthy
        found = diagnose(Elastic(url=elastic.url), NOW, KEY)
        assert (found.healthy, str(found)) == (True, f"elastic at {elastic.url}: it took the event")
        assert len(loki.lines) == len(elastic.documents) == 1


def test_what_is_wrong_is_said_in_words() -> None:
    """Each common mistake has advice of its own, with the receiver's own words behind it."""
    with LokiServer(auth=True) as loki, ElasticServer(api_key="good") as elastic:
        assert "it does not know us: check user" in words(Loki(url=loki.url))
        assert "nothing is there: check the URL's path" in words(Loki(url=loki.url + "/wrong"))
        assert "it does not know us" in words(Elastic(url=elastic.url, api_key="bad"))
        assert "WRONG_VERSION_NUMBER" in words(Loki(url=loki.url.replace("http:", "https:")))
    assert "nobody listens there: check host and port" in words(Loki(url=loki.url))
    assert "there is no such host" in words(Loki(url="http://no-such-host.invalid"))


@pytest.mark.parametrize(
    "fault, text",
    [
        (Fault("reply", Reply(503)), "it is in trouble itself"),
        (Fault("reply", Reply(200, b"<html>")), "that is not what this kind of sink answers (200: <html>)"),
        (
            Fault("reply", Reply(400, b"Client sent an HTTP request to an HTTPS server.")),
            "it wants TLS there: https://",
        ),
        (Fault("reply", Reply(302)), "that is not what this kind of sink answers"),
        (Fault("slow", seconds=9), "it took the event and answered nothing"),
        (Fault("garbage"), "no answer came"),
    ],
)
def test_sick_servers(fault: Fault, text: str) -> None:
    """A server that is up and unwell is told from one that is not there."""
    server: Server
    with ElasticServer([fault]) as server:
        assert text in words(Elastic(url=server.url, read_timeout=0.2))


def test_one_refused_event() -> None:
    """A sink that answers and refuses the event says why."""
    with ElasticServer(items=[(400, "mapper_parsing_exception", "failed to parse field [x]")]) as server:
        assert "did not take the event: mapper_parsing_exception, 400" in words(Elastic(url=server.url))
