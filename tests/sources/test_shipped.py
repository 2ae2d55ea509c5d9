"""Events that were shipped are read back, each once, and fold to the numbers of the process that sent them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs import Config, MetricsCollector, SetupError, SourceError
from pepperpy_obs.formats.read import read_event
from pepperpy_obs.readings.source import Source
from pepperpy_obs.replay import elastic, loki
from pepperpy_obs.replay.moments import TimeReader
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.shipping.elastic import Elastic
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.outcome import Parcel
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.sources import source
from tests.servers.elastic import ElasticServer
from tests.servers.loki import LokiServer
from tests.servers.wire import Server

PLAIN = Config(config_file=None)


def records(log: Path) -> list[Record]:
    """Return the lines of a log as they are shipped."""
    lines = log.read_bytes().splitlines()
    events = [json.loads(line) for line in lines]
    at = TimeReader().read
    return [Record(at(one["timestamp"]), one["event_id"], line) for one, line in zip(events, lines, strict=True)]


def numbers(plain: Any) -> Any:
    """Return plain values with amounts as numbers: Elasticsearch keeps costs as such, and so no zeros at their ends."""
    if isinstance(plain, dict):
        return {name: numbers(value) for name, value in plain.items()}
    if isinstance(plain, list):
        return [numbers(value) for value in plain]
    return Decimal(plain) if isinstance(plain, str) and re.fullmatch(r"[0-9]+\.[0-9]+", plain) else plain


def push(server: Server, spec: Loki | Elastic, sent: list[Record], instance: str = "one") -> None:
    """Send records with the encoder that ships, without the network between."""
    request = spec.encode(Parcel(sent, instance))
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert server.answer(request.path, headers, request.body).status in {200, 204}


@pytest.fixture(params=["loki", "elastic", "elastic without points in time"])
def shipped(request: pytest.FixtureRequest, log: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    """Return each receiver in turn as a source: it has all events, and some of them twice. Pages are small."""
    monkeypatch.setattr(loki, "_PAGE", 3)
    monkeypatch.setattr(elastic, "_PAGE", 2)
    sent = records(log)
    if request.param == "loki":
        with LokiServer(now=lambda: time.time_ns()) as server:  # noqa: PLW0108 - the frozen one
            push(server, Loki(url=server.url), sent)
            push(server, Loki(url=server.url), sent[:3], "another, after a lost answer")
            yield source(f"loki+{server.url}", config=PLAIN)
    else:
        with ElasticServer(points_in_time=request.param == "elastic") as server:
            push(server, Elastic(url=server.url), sent)
            yield source(f"elasticsearch+{server.url}", config=PLAIN)


@pytest.mark.parametrize("window", [None, "2m", "1h", "24h"])
def test_what_was_shipped_counts_the_same(shipped: Source, collector: MetricsCollector, window: str | None) -> None:
    """Series, tokens, costs and the stretch are those of the process, and a doubled event counts once."""
    expected = collector.runtime.reading(window).snapshot
    assert numbers(shipped.reading(window).snapshot.to_dict()) == numbers(expected.to_dict())


def test_reports_steps_and_events_are_the_same(shipped: Source, collector: MetricsCollector) -> None:
    """Costs, histories and the newest events are those of the process."""
    here = collector.runtime
    assert numbers(Stats.of(shipped.reading()).cost.to_dict()) == numbers(here.stats().cost.to_dict())
    expected, found = (one.history("5m", "30s") for one in (here, shipped))
    steps, wanted = ([numbers(one.snapshot.to_dict()) for one in several] for several in (found, expected))
    assert steps == wanted
    assert [event["input_tokens"] for event in shipped.events(limit=3)] == [1006, 1005, 1004]
    odd = shipped.events(operation="ask 1")
    assert [event["input_tokens"] for event in odd] == [1005, 1003, 1001]
    assert [event["event_id"] for event in shipped.events(trace_id=odd[1]["trace_id"])] == [odd[1]["event_id"]]


def test_exports_of_others_are_read_as_they_are(log: Path, tmp_path: Path, collector: MetricsCollector) -> None:
    """Hits of Elasticsearch and logcli's jsonl hold our lines, and replay finds them there."""
    lines = log.read_text().splitlines()
    hits = [{"_index": "logs", "_id": "1", "_source": json.loads(line)} for line in lines]
    printed = [{"labels": {"a": "b"}, "line": line, "timestamp": "2026-11-23T12:00:00Z"} for line in lines]
    for name, rows in (("hits", hits), ("logcli", printed)):
        export = tmp_path / name
        export.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        found = source(export, config=PLAIN).reading().snapshot
        assert found.to_dict() == collector.runtime.reading().snapshot.to_dict()
    assert read_event('{"labels": {}, "line": "mine", "event": "operation.finished"}')["line"] == "mine"


@pytest.mark.parametrize(
    "url,message",
    [
        ("loki+http://host:3100?tennant=a", "has tennant; it may have service, since, tenant"),
        ("loki+http://host:3100?since=soon", "since='soon': use seconds above 0"),
        ("elasticsearch+http://host:9200/UPPER", "cannot be an index or data stream"),
    ],
)
def test_a_url_that_says_something_else_is_refused(url: str, message: str) -> None:
    """What a URL may say is named where it says something else."""
    with pytest.raises(SetupError, match=message):
        source(url, config=PLAIN)


def test_credentials_and_tenant_are_shown(log: Path) -> None:
    """A tenant of the URL or of the settings is asked as; a refusal is told without secrets."""
    with LokiServer(auth=True) as server:
        push_url = f"loki+{server.url}"
        with pytest.raises(SourceError, match="answers with status 401: no org id"):
            source(push_url, config=PLAIN).reading()
        assert not source(f"{push_url}?tenant=acme", config=PLAIN).reading().snapshot.series
        assert not source(push_url, config=Config(config_file=None, loki_tenant="acme")).reading().snapshot.series


def test_a_receiver_that_is_down_is_said() -> None:
    """Nobody answers: the error says where."""
    with pytest.raises(SourceError, match=r"http://127\.0\.0\.1:1 does not answer"):
        source("loki+http://127.0.0.1:1", config=PLAIN).reading()
