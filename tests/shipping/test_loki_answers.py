"""What Loki's refusals mean for each line, against a server that words them as Loki does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.loki_wordings import ADVICE, WORDINGS, Wording
from pepperpy_obs.shipping.otlp import Otlp
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import Answer, Payload
from pepperpy_obs.shipping.shipper import Shipper
from tests.servers import loki_words as words
from tests.servers.loki import SECOND, LokiServer, go_time
from tests.servers.wire import Fault, Reply, wait_until

Make = Callable[..., Record]
Ship = Callable[..., Shipper]
NOW = time.time_ns()
QUICK: dict[str, Any] = {"linger": 0, "retry_first": 0.01, "retry_most": 0.02}
STREAM = '{instance="host-0", service_name="unknown_service"}'


def judged(text: str, *records: Record) -> list[str]:
    """Return what becomes of each record by a 400 with that text."""
    send_result = Loki(url="http://loki").judge(Payload(records, "host-0"), Answer(400, text.encode()))
    return [outcome.reason or outcome.what for outcome in send_result.outcomes] or [send_result.action]


@pytest.mark.parametrize("wording", [words.LOWER, words.UPPER])
def test_lines_that_are_too_long(wording: Mapping[str, str], ship: Ship, event: Make) -> None:
    """Each is rejected once, under its name; every other line arrives exactly once, in any version's words."""
    with LokiServer(wording=wording, longest=500) as server:
        shipper = ship(Loki(url=server.url, **QUICK))
        shipper.offer([event(n, NOW + n, **({"pad": "x" * 600} if n in {3, 20} else {})) for n in range(40)])
        assert shipper.flush(10)
        (ledger,) = shipper.ledgers().values()
        assert (ledger.acknowledged, dict(ledger.rejected)) == (38, {"line_too_long": 2})
        assert (server.arrivals, len(server.requests)) == (38, 1)


@pytest.mark.parametrize("most, count", [(60, 128), (65_536, 2)])
def test_metadata_past_its_limit_is_left_out(most: int, count: int, ship: Ship, event: Make) -> None:
    """Such a line goes once more without metadata, which it has all in itself; the others are not sent again."""
    with LokiServer(metadata_bytes=most, metadata_count=count) as server:
        shipper = ship(Loki(url=server.url, **QUICK))
        more = {"agent": "a" * 80, "model": "m", "operation": "o"}
        records = [event(n, NOW + n, level="info", **(more if n == 5 else {})) for n in range(10)]
        shipper.offer(records)
        assert shipper.flush(10)
        (ledger,) = shipper.ledgers().values()
        assert (ledger.acknowledged, ledger.rejected, ledger.held) == (10, {}, "")
        assert (server.arrivals, len(server.requests)) == (10, 2)
        metadata = {json.loads(line)["n"]: meta for kept in server.streams.values() for _, line, meta in kept}
        assert (metadata[4], metadata[5]) == ('{"level": "info"}', "{}")


def test_what_no_event_can_satisfy_is_held(ship: Ship, event: Make) -> None:
    """Metadata that Loki does not allow, too many labels, no tenant: all is kept, and health says what to change."""
    found: list[str] = []
    servers = [LokiServer(metadata_allowed=False), LokiServer(most_labels=0), LokiServer(auth=True)]
    for server in servers:
        with server:
            shipper = ship(Loki(url=server.url, **QUICK))
            shipper.offer([event(1, NOW, level="info")])
            assert wait_until(lambda shipper=shipper: shipper.ledgers()["loki"].held)
            ledger = shipper.ledgers()["loki"]
            assert (ledger.pending, ledger.rejected) == (1, {})
            found.append(ledger.held)
            server.metadata_allowed, server.most_labels, server.auth = True, 15, False
            assert shipper.flush(10)
            assert (server.arrivals, shipper.ledgers()["loki"].held) == (1, "")
    assert "set loki_metadata = false here" in found[0]
    assert "give fewer loki_labels" in found[1]
    assert found[2].startswith("401: no org id")


def test_without_metadata(ship: Ship, event: Make) -> None:
    """A Loki that allows none takes every line of a sink that sends none."""
    with LokiServer(metadata_allowed=False) as server:
        shipper = ship(Loki(url=server.url, metadata=False, **QUICK))
        shipper.offer([event(n, NOW + n, level="info") for n in range(5)])
        assert shipper.flush(10)
        assert server.arrivals == 5


def test_the_count_of_the_old_is_loki_s(event: Make) -> None:
    """Loki writes whole seconds: how many of that second it refused only its count says."""
    limit = NOW // SECOND * SECOND
    records = [event(n, limit + at) for n, at in enumerate([-5 * SECOND, 100, 200, 300])]
    old = words.TOO_OLD.format(stream=STREAM, at="2026-11-23T12:00:00Z", oldest=rfc3339(limit))
    assert judged(old, *records) == ["too_old", "acknowledged", "acknowledged", "acknowledged"]
    assert judged(f"2 errors like: {old}", *records) == ["too_old", "too_old", "acknowledged", "acknowledged"]
    assert judged(old, *records[1:]) == ["too_old", "acknowledged", "acknowledged"]


def test_several_reasons_in_one_answer(event: Make) -> None:
    """Each line is counted under the reason that Loki found first."""
    week = 8 * 86_400 * SECOND
    records = [event(0, NOW - week, pad="x" * 400), event(1, NOW, pad="x" * 400), event(2, NOW), event(3, NOW + week)]
    texts = [
        words.TOO_OLD.format(stream=STREAM, at=rfc3339(NOW - week), oldest=rfc3339(NOW - week + 3600 * SECOND)),
        words.LOWER["long"].format(limit=300, stream=STREAM, n=500),
        words.TOO_NEW.format(stream=STREAM, at=rfc3339(NOW + week)),
    ]
    assert judged(words.grouped(texts), *records) == ["too_old", "line_too_long", "acknowledged", "too_new"]


def test_a_refused_stream_does_not_mean_the_others(event: Make) -> None:
    """A refusal that names labels means the lines of that stream: they are kept, the others are in."""
    records = [event(1, NOW, service="a"), event(2, NOW, service="b"), event(3, NOW, service="a")]
    text = words.LABEL_COUNT.format(stream='{instance="host-0", service_name="a"}', n=16, limit=15)
    assert judged(text, *records) == ["label_count", "acknowledged", "label_count"]
    behind = "reason: 'entry too far behind',\nuser 'fake', total ignored: 1 out of 2 for stream: "
    assert judged(behind + '{instance="host-0", service_name="a"}', *records) == [
        "too_far_behind",
        "acknowledged",
        "acknowledged",
    ]


def test_words_that_nobody_knows_multiply_nothing(ship: Ship, event: Make) -> None:
    """Lines that may be in are not sent again, save one; they are counted, and kept with Loki's words."""
    said = b"this line is against our house rules"

    class Strict(LokiServer):
        def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
            reply = super().answer(path, headers, body)
            return Reply(400, said) if b"rude" in body else reply

    with Strict() as server:
        shipper = ship(Loki(url=server.url, gzip=False, **QUICK))
        shipper.offer([event(0, NOW)])
        assert shipper.flush(10)
        shipper.offer([event(n, NOW + n, **({"word": "rude"} if n == 7 else {})) for n in range(1, 21)])
        assert shipper.flush(10)
        (ledger,) = shipper.ledgers().values()
        assert (ledger.acknowledged, dict(ledger.rejected)) == (2, {"unknown_answer": 19})
        assert server.arrivals == 22
        (letters,) = shipper.directory.rglob("*.rejected.ndjson")
        assert {json.loads(line)["detail"] for line in letters.read_text().splitlines()} == {f"400: {said.decode()}"}


def test_a_loki_that_refuses_all_in_unknown_words_loses_nothing(ship: Ship, event: Make) -> None:
    """Neither the last nor the first event alone is taken: all wait, health says the words, and later all go once."""
    faults = [Fault("reply", Reply(400, b"come back tomorrow")) for _ in range(6)]
    with LokiServer(faults) as server:
        shipper = ship(Loki(url=server.url, **QUICK))
        shipper.offer([event(n, NOW + n) for n in range(20)])
        assert wait_until(lambda: "come back tomorrow" in shipper.ledgers()["loki"].held)
        assert shipper.flush(10)
        (ledger,) = shipper.ledgers().values()
        assert (ledger.acknowledged, ledger.rejected, server.arrivals) == (20, {}, 20)


def test_loki_s_otlp_path_is_as_partial(ship: Ship, event: Make) -> None:
    """Its 400 means the lines that it names, in protobuf; all others are in, and none is sent again."""
    with LokiServer(longest=900, metadata_bytes=600) as server:
        shipper = ship(Otlp(url=server.url + "/otlp", **QUICK))
        pads = {4: "x" * 900, 9: "y" * 500}
        shipper.offer([event(n, NOW + n, **({"pad": pads[n]} if n in pads else {})) for n in range(20)])
        assert shipper.flush(10)
        (ledger,) = shipper.ledgers().values()
        assert (ledger.acknowledged, dict(ledger.rejected)) == (19, {"line_too_long": 1})
        assert server.arrivals == 19


def test_what_a_refusal_for_order_hides_is_found_out(ship: Ship, event: Make) -> None:
    """Loki tells only that a line came too late, not that another was too long: that one is counted all the same."""
    with LokiServer() as server:
        shipper = ship(Loki(url=server.url, batch_bytes=1_000_000, **QUICK))
        shipper.offer([event(0, NOW)])
        assert shipper.flush(10)
        shipper.offer([event(1, NOW - 2 * 3600 * SECOND), event(2, NOW, pad="x" * 300_000), event(3, NOW)])
        assert shipper.flush(10)
        (ledger,) = shipper.ledgers().values()
        assert (ledger.acknowledged, dict(ledger.rejected)) == (3, {"line_too_long": 1})
        assert server.arrivals == 3


@pytest.mark.parametrize("wording", WORDINGS, ids=lambda wording: wording.words[:40])
@pytest.mark.parametrize("spelled", [str, str.upper])
def test_every_wording_is_known(wording: Wording, spelled: Callable[[str], str], event: Make) -> None:
    """In capitals or not, with words before it and behind it; and one that a person can act on has advice."""
    far = "2000-01-01T00:00:00Z" if wording.reason == "too_new" else "2100-01-01T00:00:00Z"
    values = {"<stream>": f"'{STREAM}'", "<number>": "'1'", "<limit>": "'1'", "<time>": far, "<oldest>": far}
    text = wording.words
    for name, value in values.items():
        text = text.replace(name, value)
    (found,) = judged(f"so: {spelled(text.replace('<any>', 'x'))}; that is all", event(1, NOW, level="info"))
    wanted = {"hold": "hold", "nothing": "split"}.get(wording.effect, wording.reason)
    assert found == wanted
    assert wording.effect == "nothing" or wording.reason in ADVICE


@pytest.mark.parametrize("spec", [Loki, Otlp])
def test_each_stream_goes_in_a_request_of_its_own(spec: type[Loki | Otlp], ship: Ship, event: Make) -> None:
    """Of several streams Loki tells only what became of the last: what it refuses of another would be lost unseen."""
    with LokiServer() as server:
        shipper = ship(spec(url=server.url + ("/otlp" if spec is Otlp else ""), **QUICK))
        shipper.offer([event(n, NOW, service=name) for n, name in enumerate("ab")])
        assert shipper.flush(10)
        old = NOW - 2 * 3600 * SECOND
        shipper.offer(
            [event(n, old if n == 10 else NOW, service=name) for n, name in zip(range(10, 14), "aabb", strict=True)]
        )
        assert shipper.flush(10)
        (ledger,) = shipper.ledgers().values()
        rejected = {"too_far_behind": 1} if spec is Otlp else {}
        assert (dict(ledger.rejected), ledger.acknowledged) == (rejected, 6 - len(rejected))
        assert server.arrivals == ledger.acknowledged


def test_what_a_throttled_stream_took_is_not_sent_again(ship: Ship, event: Make) -> None:
    """A Loki that does not shard streams takes lines up to the stream's limit, and names those that it did not."""
    with LokiServer(stream_burst=1_000) as server:
        shipper = ship(Loki(url=server.url, **QUICK))
        shipper.offer([event(n, NOW + n) for n in range(50)])
        assert shipper.flush(10)
        (ledger,) = shipper.ledgers().values()
        assert (ledger.acknowledged, ledger.rejected, server.arrivals) == (50, {}, 50)
        assert set(ledger.retries) == {"429"}


def test_where_lines_may_be_hidden_a_throttled_request_goes_again(event: Make) -> None:
    """Loki has counted fewer lines than went: those before the first that it names may be refused for other reasons."""
    records = [event(n, NOW + n) for n in range(3)]
    named = f"entry with timestamp {go_time(NOW + 2)} ignored, reason: '{words.STREAM_RATE}',\n"
    for of, wanted in ((3, ["acknowledged", "acknowledged", "again"]), (2, [])):
        text = f"{named}user 'fake', total ignored: 1 out of {of} for stream: {STREAM}"
        send_result = Loki(url="http://loki").judge(Payload(records, "host-0"), Answer(429, text.encode()))
        assert ([one.what for one in send_result.outcomes], send_result.reason) == (wanted, "429")


def rfc3339(at: int) -> str:
    """Return a time as Loki writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at // SECOND))
