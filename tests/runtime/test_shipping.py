"""From a decorated call to a receiver: what `Config` names gets every event, as whom and how it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import pepperpy_obs
from pepperpy_obs import Config, PrometheusExporter, SetupError, _guard, agent, configure, health, measured
from pepperpy_obs.runtime.sinks import backlogs, open_shipper, sinks_of, spool_of
from pepperpy_obs.shipping.record import Record, frames
from tests.servers.elastic import ElasticServer
from tests.servers.http_input import LogstashServer, OtlpServer, plain
from tests.servers.loki import LokiServer
from tests.servers.wire import Fault, Reply, wait_until

Start = Callable[..., None]
NO_LABEL = "http://127.0.0.1:9"


@pytest.fixture
def start(tmp_path: Path, no_thread_left: None) -> Iterator[Start]:
    """Return a function that configures the default runtime with a spool of the test's own."""
    _guard.forget()

    def configured(**settings: Any) -> None:
        told: dict[str, Any] = {
            "config_file": None,
            "log_format": "none",
            "ship_directory": tmp_path / "spool",
            "service": "shop",
        }
        configure(Config(**{**told, **settings}))

    yield configured
    configure(Config(config_file=None, log_format="none"))
    pepperpy_obs.shutdown()


@measured(operation="plan", attributes={"try": 7})
def plan(number: int) -> int:
    """Be an observed call."""
    return number


def work(calls: int = 100) -> None:
    """Call, and end: what receivers that are up have then is all they get."""
    with agent("scout"):
        assert [plan(number) for number in range(calls)] == list(range(calls))
    pepperpy_obs.shutdown()


def test_to_loki(start: Start) -> None:
    """Each event is one line, in one stream of few labels, for the tenant and under the name that were set."""
    with LokiServer(auth=True) as loki:
        start(
            loki_url=loki.url,
            loki_tenant="team-a",
            loki_user="me",
            loki_password=SecretStr("secret"),
            loki_labels="tier=web",
            environment="test",
        )
        work()
        ((name, lines),) = loki.streams.items()
        assert '{environment="test", instance="' in name
        assert '-0", service_name="shop", tier="web"}' in name
        events = [json.loads(line) for _, line, _ in lines]
        assert {(event["operation"], event["agent"], event["try"]) for event in events} == {("plan", "scout", 7)}
        assert len({event["event_id"] for event in events}) == 100
        assert {json.loads(metadata)["operation"] for *_, metadata in lines} == {"plan"}
        headers = loki.requests[0][1]
        assert headers["x-scope-orgid"] == "team-a"
        assert headers["authorization"] == "Basic " + b64encode(b"me:secret").decode()


def test_to_elasticsearch(start: Start) -> None:
    """Each event is one ECS document under its own id, in the index that was set."""
    with ElasticServer(api_key="k3y") as elastic:
        start(elastic_url=elastic.url, elastic_api_key=SecretStr("k3y"), elastic_target="logs-shop-test")
        work()
        documents = elastic.indices["logs-shop-test"]
        assert len(documents) == 100
        for key, document in documents.items():
            assert document["event"]["id"] == key
            assert document["event"]["outcome"] == "success"
            assert document["service"] == {"name": "shop"}
            assert document["labels"] == {"operation": "plan", "agent": "scout", "kind": "task", "try": "7"}


def test_to_logstash(start: Start) -> None:
    """Each event is one ECS document in an array, not compressed if that was asked for."""
    with LogstashServer(authorization="Bearer t0ken") as logstash:
        start(logstash_url=logstash.url, logstash_bearer_token=SecretStr("t0ken"), logstash_gzip=False)
        work()
        assert len({event["event"]["id"] for event in logstash.events}) == 100
        assert {event["message"] for event in logstash.events} == {"operation.finished plan ok"}
        assert "content-encoding" not in logstash.requests[0][1]


def test_to_a_collector(start: Start) -> None:
    """Each event is one log record of the service's resource; further headers are sent along."""
    with OtlpServer() as otlp:
        start(otlp_url=otlp.url, otlp_headers="X-Scope: a, X-Key: b")
        work()
        assert len(otlp.records) == 100
        assert {about["service.name"] for about, _ in otlp.records} == {"shop"}
        assert {record["eventName"] for _, record in otlp.records} == {"operation.finished"}
        assert {plain(record["attributes"])["try"] for _, record in otlp.records} == {"7"}
        headers = otlp.requests[0][1]
        assert (headers["x-scope"], headers["x-key"]) == ("a", "b")


def test_to_several_at_once(start: Start) -> None:
    """Each receiver gets every event, whatever becomes of the others."""
    with LokiServer() as loki, ElasticServer() as elastic:
        start(loki_url=loki.url, elastic_url=elastic.url, otlp_url=NO_LABEL)
        work()
        assert (len(loki.lines), len(elastic.documents)) == (100, 100)


def scraped() -> dict[str, int]:
    """Return the samples of shipping, by name and labels."""
    lines = PrometheusExporter().text().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line.startswith("pepperpy_obs_ship_"))
    return {name: int(float(value)) for name, value in pairs}


def test_what_is_scraped_adds_up(start: Start) -> None:
    """At every scrape accepted is what was acknowledged, rejected and dropped, and what is pending: none in the end."""
    with LokiServer(longest=2000) as loki:
        start(loki_url=loki.url)

        def settled() -> bool:
            found = scraped()
            results = [
                found[f'pepperpy_obs_ship_events_total{{result="{result}",sink="loki"}}']
                for result in ("acknowledged", "rejected", "dropped")
            ]
            pending = found['pepperpy_obs_ship_pending{sink="loki"}']
            assert found['pepperpy_obs_ship_accepted_total{sink="loki"}'] == sum(results) + pending
            return results == [200, 1, 0] and pending == 0

        for number in range(200):
            plan(number)
            if number % 20 == 0:
                settled()
        measured(operation="x" * 4000)(plan)(1)
        assert wait_until(settled)
        assert "loki (" in next(
            issue for issue in health().issues if issue.startswith("dropped: 1 log lines were lost")
        )


def test_health_says_who_refuses_us(start: Start) -> None:
    """A 401 holds every event, and the check says which receiver, why, and how many wait; repaired, all arrive."""
    with LokiServer([Fault("reply", Reply(401, b"no org id\n"))] * 1000) as loki:
        start(loki_url=loki.url)
        for number in range(10):
            plan(number)
        pepperpy_obs.flush()
        assert wait_until(lambda: "loki waits for a person" in health().checks["exporters"].text)
        found = health()
        assert found.checks["exporters"].status == "warn"
        assert found.checks["exporters"].text == "loki waits for a person, with 10 events: 401: no org id"
        assert scraped()['pepperpy_obs_ship_held{sink="loki"}'] == 1


def test_what_is_wrong_leaves_nothing_open(start: Start, tmp_path: Path) -> None:
    """Settings that fail after the receivers were opened leave no thread, and the directory to the next."""
    with pytest.raises(SetupError):
        start(loki_url=NO_LABEL, price_file=tmp_path / "missing.toml")
    with pytest.raises(SetupError, match="no spool can be kept in '/proc/none'"):
        start(loki_url=NO_LABEL, ship_directory="/proc/none")
    with pytest.raises(SetupError, match="loki_labels holds 'tier'; give name=value"):
        start(loki_url=NO_LABEL, loki_labels="tier")
    with LokiServer() as loki:
        start(loki_url=loki.url)
        work(1)
        assert '-0"' in next(iter(loki.streams))


def test_where_events_wait_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the user's own directory for state, one for each service and its receivers, whatever its name's characters."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    one, two = (
        spool_of(Config(config_file=None, loki_url="http://loki:3100", loki_tenant=tenant)) for tenant in ("a", "b")
    )
    assert one.parent == two.parent == tmp_path / "pepperpy_obs" / "spool"
    assert one != two
    assert spool_of(Config(config_file=None, service="../a b")).parent.name == "__a_b"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert spool_of(Config(config_file=None)).parents[1] == tmp_path / ".local" / "state" / "pepperpy_obs"


def test_a_backlog_of_other_settings_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Events that wait for a receiver under another address are named with what to do, until a process has them."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    before = Config(config_file=None, loki_url="http://127.0.0.1:9", service="shop")
    left = open_shipper(before)
    assert left is not None
    left.offer([Record(1, "a", b"{}")])
    after = Config(config_file=None, loki_url="https://127.0.0.1:9", service="shop")
    assert backlogs(after) == []
    left.close(2.0)
    assert left.ended
    (words,) = backlogs(after)
    assert words.startswith(f"{len(frames([Record(1, 'a', b'{}')]))} bytes of events wait in {spool_of(before)}: start")
    assert backlogs(before) == []


def test_who_ships_nothing_loads_no_client() -> None:
    """Without a receiver neither the HTTP client nor tenacity is loaded; with one but no client the error helps."""
    program = """
import sys
from pepperpy_obs import Config, SetupError, configure
configure(Config(config_file=None, log_format="none"))
print(sorted({"httpx2", "tenacity"} & set(sys.modules)))
sys.modules["httpx2"] = None
for kind in ("loki", "elastic", "logstash", "otlp"):
    try:
        configure(Config(config_file=None, ship_directory=sys.argv[1], **{f"{kind}_url": "http://127.0.0.1:9"}))
    except SetupError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program, "/nowhere"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "[]",
        *(
            f"{kind}_url is set, and sending takes 'httpx2', which is missing: pip install 'pepperpy_obs[{kind}]'"
            for kind in ("loki", "elastic", "logstash", "otlp")
        ),
    ]


def test_the_settings_of_the_documentation_are_accepted(tmp_path: Path) -> None:
    """The settings file that docs/shipping.md shows names two receivers."""
    page = (Path(__file__).parents[2] / "docs/shipping.md").read_text()
    [shown] = re.findall(r"^```toml\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "settings.toml").write_text(shown)
    config = Config(config_file=tmp_path / "settings.toml")
    assert [(sink.kind, sink.url) for sink in sinks_of(config)] == [
        ("loki", "https://loki.example:3100"),
        ("elastic", "https://elastic.example:9200"),
    ]
    assert spool_of(config) == Path("/var/lib/checkout/spool")
