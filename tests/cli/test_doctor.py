from __future__ import annotations

import json

from tests.cli.command import CommandLine
from tests.servers.elastic import ElasticServer
from tests.servers.http_input import LogstashServer, OtlpServer
from tests.servers.loki import LokiServer

SECRET = "hunter2"


def test_healthy_receivers(cli: CommandLine) -> None:
    """Each configured receiver gets one event, Elasticsearch and Logstash as ECS; exit code 0."""
    with LokiServer() as loki, ElasticServer() as elastic, LogstashServer() as logstash, OtlpServer() as otlp:
        urls = {"LOKI": loki.url, "ELASTIC": elastic.url, "LOGSTASH": logstash.url, "OTLP": otlp.url}
        done = cli("doctor", variables={f"PEPPERPY_{kind}_URL": url for kind, url in urls.items()})
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "".join(
            f"ok   {kind.lower()} at {url}: it took the event\n" for kind, url in urls.items()
        )
        assert json.loads(loki.lines[0])["event"] == "doctor.asked"
        (document,) = elastic.documents.values()
        assert document["message"] == logstash.events[0]["message"] == "doctor.asked"
        assert otlp.records[0][1]["eventName"] == "doctor.asked"


def test_one_sick_receiver(cli: CommandLine) -> None:
    """Exit code 1 and advice, for people and as JSON; what identifies us is not shown."""
    with LokiServer() as loki, ElasticServer(api_key="good") as elastic:
        variables = {
            "PEPPERPY_LOKI_URL": loki.url,
            "PEPPERPY_ELASTIC_URL": elastic.url,
            "PEPPERPY_ELASTIC_API_KEY": SECRET,
        }
        words = cli("doctor", variables=variables)
        plain = cli("doctor", "--json", variables=variables)
    assert (words.returncode, plain.returncode) == (1, 1)
    fine, sick = words.stdout.splitlines()
    assert fine == f"ok   loki at {loki.url}: it took the event"
    assert sick.startswith(f"FAIL elastic at {elastic.url}: it does not know us: check user and password, api_key")
    found = json.loads(plain.stdout)
    assert (found["healthy"], [one["healthy"] for one in found["sinks"]]) == (False, [True, False])
    assert SECRET not in words.stdout + words.stderr + plain.stdout + plain.stderr


def test_without_receivers(cli: CommandLine) -> None:
    """Exit code 2, and the sentence says what to set."""
    done = cli("doctor")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no receiver is configured; set one of PEPPERPY_LOKI_URL" in done.stderr


def test_a_receiver_that_contradicts_itself(cli: CommandLine) -> None:
    """Two kinds of credentials are refused before anything is sent, and neither is shown."""
    credentials = {"PEPPERPY_LOKI_USER": "me", "PEPPERPY_LOKI_PASSWORD": SECRET, "PEPPERPY_LOKI_BEARER_TOKEN": SECRET}
    done = cli("doctor", variables={"PEPPERPY_LOKI_URL": "http://127.0.0.1:1", **credentials})
    assert (done.returncode, done.stdout) == (2, "")
    assert "sink 'loki' has user and bearer_token: give one kind of credentials" in done.stderr
    assert SECRET not in done.stderr


def test_clients_are_told(cli: CommandLine) -> None:
    """Which hooks of providers' clients are in place, and which libraries are not there; exit code 0."""
    done = cli("doctor", "--clients")
    assert (done.returncode, done.stderr) == (0, "")
    hooks = json.loads(cli("doctor", "--clients", "--json").stdout)["hooks"]
    assert {one["state"] for one in hooks} <= {"hooked", "waiting", "missing", "absent"}
    assert {"openai", "anthropic", "litellm"} <= {one["library"] for one in hooks}
    for one in hooks:
        assert one["library"] in done.stdout
        assert (one["state"] == "hooked") == (one["reason"] == "")
