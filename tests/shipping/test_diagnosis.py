from __future__ import annotations

import json
import time

import pytest

from pepperpy_obs.formats.read import read_event
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
    assert "nothing listens there: check host and port" in words(Loki(url=loki.url))
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


@pytest.mark.parametrize(
    "item, text",
    [
        (
            (
                403,
                "cluster_block_exception",
                "index [x] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];",
            ),
            "free space",
        ),
        (
            (403, "cluster_block_exception", "index [x] blocked by: [FORBIDDEN/8/index write (api)];"),
            "index.blocks.write",
        ),
        ((400, "illegal_argument_exception", "pipeline with id [logs] does not exist"), "make that ingest pipeline"),
        (
            (
                429,
                "cluster_block_exception",
                "index [x] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has];",
            ),
            "free space",
        ),
        (
            (
                400,
                "validation_exception",
                "Validation Failed: 1: this action would add [2] shards, but has [9]/[9] maximum normal shards open;",
            ),
            "delete old indices",
        ),
        ((400, "invalid_index_name_exception", "Invalid index name [_x]"), "elastic_target"),
        ((400, "index_closed_exception", "closed"), "POST TARGET/_open"),
        ((404, "index_not_found_exception", "no such index [x]"), "elasticsearch-index-template.json"),
        ((400, "illegal_argument_exception", "Limit of total fields [1000] has been exceeded"), "total_fields.limit"),
        ((400, "document_parsing_exception", "[1:2] failed to parse field [x] of type [long]"), "_rollover"),
    ],
)
def test_every_refusal_of_elasticsearch_that_we_know_has_advice(item: tuple[int, str, str], text: str) -> None:
    """It says what to change, with Elasticsearch's own words before it."""
    with ElasticServer(items=[item]) as server:
        said = words(Elastic(url=server.url))
    assert text in said
    assert item[2][:40] in said


def test_a_failure_store_is_told_of() -> None:
    """The doctor is not content with its 201."""
    refused = (400, "document_parsing_exception", "failed to parse field [x]")
    with ElasticServer(items=[refused], failure_store=True) as server:
        said = words(Elastic(url=server.url))
    assert "did not take the event: failure_store, 201 failure_store: used; it put the event aside" in said


def test_every_refusal_of_loki_that_we_know_has_advice() -> None:
    """The event has metadata and a service as the service's own have, so it meets what they would meet."""
    with LokiServer(metadata_allowed=False) as off, LokiServer(most_labels=0) as few, LokiServer(longest=10) as short:
        assert "set loki_metadata = false here" in words(Loki(url=off.url))
        assert "give fewer loki_labels" in words(Loki(url=few.url))
        assert "raise max_line_size there" in words(Loki(url=short.url))
    with LokiServer([Fault("reply", Reply(400, b"nobody said this before"))]) as server:
        assert "in words that we do not know (400: nobody said this before)" in words(Loki(url=server.url))


@pytest.mark.parametrize("kind", ["text", "long"])
def test_costs_that_cannot_be_summed(kind: str) -> None:
    """The event is taken, and the doctor says what to load: texts have no sum, and an integer cuts cents."""
    with ElasticServer() as server:
        server.caps = {kind: {"type": kind}}
        assert f"costs are mapped as {kind} and cannot be summed: load elasticsearch-index" in words(
            Elastic(url=server.url)
        )
        server.caps = {"double": {"type": "double"}}
        assert diagnose(Elastic(url=server.url), NOW, "cd" * 16).healthy


def test_the_event_has_the_service_s_own_shape() -> None:
    """Costs, tokens, service and environment stand where a call has them; its name is one that nothing counts."""
    about = {"service": "shop", "environment": "test"}
    with LokiServer() as loki, ElasticServer() as elastic:
        assert diagnose(Loki(url=loki.url), NOW, KEY, about).healthy
        assert diagnose(Elastic(url=elastic.url), NOW, KEY, about).healthy
        assert list(loki.streams) == ['{environment="test", instance="doctor", service_name="shop"}']
        (document,) = elastic.documents.values()
    assert (document["pepperpy"]["cost_usd"], document["service"]["name"]) == (0.000002, "shop")
    assert read_event(json.dumps(document))["event"] == document["message"] == "doctor.asked"
