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

from pepperpy_obs import Config, MetricsCollector, SetupError, SourceError, _clock
from pepperpy_obs.cli.main import main
from pepperpy_obs.formats.read import read_event
from pepperpy_obs.readings.source import Source
from pepperpy_obs.replay import elastic, loki
from pepperpy_obs.replay.loki import LokiLog
from pepperpy_obs.replay.moments import TimeReader
from pepperpy_obs.replay.shipped import Shipped
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.shipping import transport
from pepperpy_obs.shipping.elastic import Elastic
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import Payload
from pepperpy_obs.sources import source
from tests.servers.elastic import ElasticServer
from tests.servers.loki import LokiServer
from tests.servers.wire import Fault, Reply, Server

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
    request = spec.encode(Payload(sent, instance))
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


BUSY = Fault("reply", Reply(429, b"too many outstanding requests"))


@pytest.mark.parametrize("fault", [BUSY, Fault("lost"), Fault("reply", Reply(503, b"starting"))])
def test_a_busy_receiver_is_asked_again(
    fault: Fault, log: Path, collector: MetricsCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few refusals and broken connections cost time only; a receiver that stays busy is an error."""
    monkeypatch.setattr(_clock, "sleep", lambda _: None)
    with LokiServer(now=lambda: time.time_ns()) as server:  # noqa: PLW0108 - the frozen one
        push(server, Loki(url=server.url), records(log))
        expected = numbers(collector.runtime.reading().snapshot.to_dict())
        here = source(f"loki+{server.url}", config=PLAIN)
        server.faults.extend([fault] * 3)
        assert numbers(here.reading().snapshot.to_dict()) == expected
        server.faults.extend([fault] * 4)
        with pytest.raises(SourceError, match=r"status 429|status 503|does not answer"):
            here.reading()


def test_a_loki_with_lower_limits_is_asked_for_less(log: Path, collector: MetricsCollector) -> None:
    """Fewer lines at once, and shorter times, as its refusals say: the figures are the same."""
    hour = 3_600_000_000_000
    with LokiServer(now=lambda: time.time_ns(), most_lines=2, longest_query=20 * hour) as server:  # noqa: PLW0108
        push(server, Loki(url=server.url), records(log))
        here = source(f"loki+{server.url}?since=3d", config=PLAIN)
        expected = numbers(collector.runtime.reading().snapshot.to_dict())
        assert numbers(here.reading().snapshot.to_dict()) == expected
        assert [event["input_tokens"] for event in here.events(limit=3)] == [1006, 1005, 1004]


@pytest.mark.parametrize("kind", ["loki", "elastic"])
def test_pages_of_more_bytes_than_are_kept(
    kind: str, log: Path, collector: MetricsCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long lines come in smaller pages; a single one that is too long is an error, and not silence."""
    size = max(map(len, log.read_bytes().splitlines()))
    server: LokiServer | ElasticServer
    spec: Loki | Elastic
    if kind == "loki":
        server = LokiServer(now=lambda: time.time_ns())  # noqa: PLW0108 - the frozen one
        spec, url = Loki(url=server.url), f"loki+{server.url}"
    else:
        server = ElasticServer()
        spec, url = Elastic(url=server.url), f"elasticsearch+{server.url}"
    with server:
        push(server, spec, records(log))
        expected = numbers(collector.runtime.reading().snapshot.to_dict())
        monkeypatch.setattr(transport, "_LONGEST_ANSWER", 6 * size)
        assert numbers(source(url, config=PLAIN).reading().snapshot.to_dict()) == expected
        monkeypatch.setattr(transport, "_LONGEST_ANSWER", size // 2)
        with pytest.raises(SourceError, match="longer than"):
            source(url, config=PLAIN).reading()


def test_shards_that_do_not_answer_are_an_error(log: Path) -> None:
    """Their events would be missing in silence."""
    with ElasticServer(broken_shards=2) as server:
        push(server, Elastic(url=server.url), records(log))
        with pytest.raises(SourceError, match=r"has not read all of its shards \(2 failed\)"):
            source(f"elasticsearch+{server.url}", config=PLAIN).reading()


def test_ids_that_are_mapped_as_text(log: Path, collector: MetricsCollector) -> None:
    """Without a template and without points in time, pages go by the keyword below the text."""
    with ElasticServer(points_in_time=False, text_ids=True) as server:
        push(server, Elastic(url=server.url), records(log))
        found = source(f"elasticsearch+{server.url}", config=PLAIN).reading().snapshot
        assert numbers(found.to_dict()) == numbers(collector.runtime.reading().snapshot.to_dict())


WRAPPED = {
    "Docker": lambda line: json.dumps({"log": f"{line}\n", "stream": "stdout", "time": "2026-11-23T12:00:00Z"}),
    "Kubernetes": lambda line: f"2026-11-23T12:00:00.123456789Z stdout F {line}",
    "logcli": lambda line: f'2026-11-23T12:00:00Z {{service_name="shop", a="b c"}} {line}',
    "Filebeat": lambda line: json.dumps({"@timestamp": "2026-11-23T12:00:00Z", "message": line, "log": {"offset": 3}}),
    "Fluent Bit in a hit": lambda line: json.dumps({"_id": "1", "_source": {"@timestamp": "x", "log": line}}),
    "journald": lambda line: json.dumps({"MESSAGE": line, "_PID": "7"}),
}


@pytest.mark.parametrize("by", WRAPPED)
def test_what_log_shippers_wrap_is_read(by: str, log: Path, tmp_path: Path, collector: MetricsCollector) -> None:
    """Lines that another shipper has put into its own count as they are, among lines of other programs."""
    others = [f"2026-11-23T12:00:00.1Z stdout F GET /{number}" for number in range(20)]
    export = tmp_path / "export"
    export.write_text("\n".join([*others, *map(WRAPPED[by], log.read_text().splitlines())]) + "\n")
    found = source(export, config=PLAIN).reading().snapshot
    assert found.to_dict() == collector.runtime.reading().snapshot.to_dict()


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


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Run the command line in this process, whose clock stands, and return the JSON that it prints."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


SINCE = ["--since", "2026-11-23T11:59:59"]


@pytest.mark.parametrize("what", [[], ["--by", "model,agent"], SINCE, ["--what-if", "gpt-4o-mini"]])
def test_the_verb_cost_takes_a_receiver(
    what: list[str], shipped: Source, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Costs, cross tables, periods and comparisons are those of the log; an event that came twice counts once."""
    from_log = printed(capsys, "cost", str(log), *what)
    assert isinstance(shipped, Shipped)
    kind = "loki" if isinstance(shipped, LokiLog) else "elasticsearch"
    found = printed(capsys, "cost", f"{kind}+{shipped.place.root}", *what)
    found.pop("doubles")  # some of them come within one page, others are known from the page before
    assert from_log.pop("doubles") == 0
    assert numbers(found) == numbers(from_log)
