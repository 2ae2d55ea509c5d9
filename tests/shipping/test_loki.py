from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from pepperpy_obs.errors import SetupError
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import ACKNOWLEDGED, Answer, Payload, RecordResult
from pepperpy_obs.shipping.shipper import Shipper
from tests.servers.loki import SECOND, LokiServer
from tests.servers.wire import Fault, Reply, wait_until

Make = Callable[..., Record]
Ship = Callable[..., Shipper]
NOW = time.time_ns()


def sink(server: LokiServer) -> Loki:
    """Return a sink in a hurry."""
    return Loki(url=server.url, linger=0, retry_first=0.01, retry_most=0.02)


class TestEncode:
    def test_one_line(self, event: Make) -> None:
        """The line is the event's own bytes; labels are few; the rest is metadata, all of it strings."""
        record = event(1, NOW, service="shop", environment="test", level="info", operation="ask", outcome="ok", kind=5)
        request = Loki(url="http://loki", gzip=False, tenant="me").encode(Payload([record], "host-0"))
        assert json.loads(request.body) == {
            "streams": [
                {
                    "stream": {"service_name": "shop", "environment": "test", "instance": "host-0"},
                    "values": [
                        [
                            str(NOW),
                            record.line.decode(),
                            {"level": "info", "operation": "ask", "outcome": "ok", "kind": "5"},
                        ]
                    ],
                }
            ]
        }
        assert request.path == "/loki/api/v1/push"
        assert dict(request.headers) == {"Content-Type": "application/json"}

    def test_the_same_records_make_the_same_bytes(self, event: Make) -> None:
        """A retry is byte-identical, compression and all: Loki drops an exact copy."""
        payload = Payload([event(n, NOW) for n in range(20)], "host-0")
        assert Loki(url="http://loki").encode(payload) == Loki(url="http://loki").encode(payload)

    def test_lines_go_oldest_first(self, event: Make) -> None:
        """Within a request, too: newest first, Loki would refuse what is an hour behind."""
        payload = Payload([event(1, NOW), event(2, NOW - 1), event(3, NOW + 1)], "host-0")
        body = json.loads(Loki(url="http://loki", gzip=False).encode(payload).body)
        assert [int(value[0]) for value in body["streams"][0]["values"]] == [NOW - 1, NOW, NOW + 1]

    def test_wrong_labels_are_refused_at_once(self) -> None:
        """A label that Loki could not parse would cost whole requests."""
        with pytest.raises(SetupError, match=r"'a-b' cannot be a Loki label: give letters"):
            Loki(url="http://loki", labels={"a-b": "c"})
        with pytest.raises(SetupError, match=r"label 'a' has 513 characters: give at most 512"):
            Loki(url="http://loki", labels={"a": "b" * 513})

    def test_long_names_are_cut(self, event: Make) -> None:
        """A label past Loki's 2048 bytes would cost every line of the stream."""
        record = event(1, NOW, service="\N{COLLISION SYMBOL}" * 3000, environment="e" * 3000)
        body = json.loads(Loki(url="http://loki", gzip=False).encode(Payload([record], "host-0")).body)
        assert {len(label.encode()) for label in body["streams"][0]["stream"].values()} == {2048, 512, 6}


@pytest.mark.parametrize(
    "answer, action",
    [
        (Answer(204), "settle"),
        (Answer(200), "hold"),
        (Answer(200, b"<html>log in</html>"), "hold"),
        (Answer(400, b"Client sent an HTTP request to an HTTPS server.\n"), "hold"),
        (Answer(400, b"<!DOCTYPE html><p>Bad Request</p>"), "hold"),
        (Answer(260, b"blocked"), "hold"),
        (Answer(400, b"couldn't parse labels: {a-b}"), "split"),
        (Answer(400, b"something new"), "unknown"),
        (Answer(400, b"no org id"), "hold"),
        (Answer(401, b"no org id"), "hold"),
        (Answer(403), "hold"),
        (Answer(404), "hold"),
        (Answer(413), "split"),
        (Answer(422), "hold"),
        (Answer(429), "retry"),
        (Answer(500), "retry"),
        (Answer(503), "retry"),
        (Answer(0, b"refused"), "retry"),
    ],
)
def test_each_answer_has_a_meaning(answer: Answer, action: str, event: Make) -> None:
    """Only 204 means "I have it"."""
    assert Loki(url="http://loki").judge(Payload([event(1, NOW)], "host-0"), answer).action == action


def test_others_of_a_refused_line_are_in(event: Make) -> None:
    """A 400 of validation names some lines: they are refused, every other one is acknowledged."""
    payload = Payload([event(1, NOW), event(2, NOW, long="x" * 300)], "host-0")
    text = b"Max entry size '300' bytes exceeded for stream '{a=\"b\"}' while adding an entry with length '400' bytes"
    send_result = Loki(url="http://loki").judge(payload, Answer(400, text))
    assert list(send_result.outcomes) == [
        ACKNOWLEDGED,
        RecordResult("rejected", "line_too_long", "longer than 300 bytes"),
    ]


class TestPush:
    def test_events_arrive_once_and_unchanged(self, ship: Ship, event: Make) -> None:
        """Every line is in Loki, as it was spooled."""
        with LokiServer() as server:
            records = [event(n, NOW + n) for n in range(100)]
            shipper = ship(sink(server))
            shipper.offer(records)
            assert shipper.flush(10)
            assert server.lines == [record.line.decode() for record in records]
            (ledger,) = shipper.ledgers().values()
            assert (ledger.accepted, ledger.acknowledged, ledger.pending, ledger.balanced) == (100, 100, 0, True)

    def test_a_poison_line_is_found_and_put_aside(self, ship: Ship, event: Make) -> None:
        """What spoils a request is bisected, rejected with its reason and kept in the dead-letter file."""
        with LokiServer() as server:
            records = [event(n, NOW + n) for n in range(33)]
            records[20] = Record(NOW, "poison", b"no json")
            shipper = ship(sink(server))
            shipper.offer(records)
            assert shipper.flush(10)
            assert sorted(server.lines) == sorted(one.line.decode() for one in records if one.id != "poison")
            (ledger,) = shipper.ledgers().values()
            assert (ledger.acknowledged, dict(ledger.rejected), ledger.balanced) == (32, {"unencodable": 1}, True)

    def test_old_lines_are_rejected_by_name(self, ship: Ship, event: Make) -> None:
        """Lines past Loki's age limits are rejected, each with the reason; the others count as acknowledged."""
        with LokiServer() as server:
            shipper = ship(sink(server))
            shipper.offer([event(1, NOW - 8 * 86_400 * SECOND), event(2, NOW), event(3, NOW + 3600 * SECOND)])
            assert shipper.flush(10)
            (ledger,) = shipper.ledgers().values()
            assert (ledger.acknowledged, dict(ledger.rejected)) == (1, {"too_old": 1, "too_new": 1})
            assert [json.loads(line)["n"] for line in server.lines] == [2]

    def test_a_clock_that_jumped_back_costs_nothing(self, ship: Ship, event: Make) -> None:
        """Lines that are too far behind their stream go once more, into a stream of their own."""
        with LokiServer() as server:
            shipper = ship(sink(server))
            shipper.offer([event(1, NOW)])
            assert shipper.flush(10)
            shipper.offer([event(n, NOW - 7200 * SECOND) for n in (2, 3)] + [event(4, NOW)])
            assert shipper.flush(10)
            by_stream = {name: [json.loads(line)["n"] for _, line, _ in kept] for name, kept in server.streams.items()}
            assert by_stream == {
                '{instance="host-0", service_name="unknown_service"}': [1, 4],
                '{instance="host-0", replay="1", service_name="unknown_service"}': [2, 3],
            }

    def test_a_batch_over_the_burst_is_halved(self, ship: Ship, event: Make) -> None:
        """Repeated 429 would last for ever with a batch that is bigger than what Loki takes at once."""
        with LokiServer(burst=4000) as server:
            shipper = ship(sink(server))
            shipper.offer([event(n, NOW + n, filler="x" * 100) for n in range(64)])
            assert shipper.flush(20)
            assert [json.loads(line)["n"] for line in server.lines] == list(range(64))

    def test_without_its_tenant_it_holds_and_says_so(self, ship: Ship, event: Make) -> None:
        """A mistake in the set-up keeps all events, and the ledger says in words what is wrong."""
        with LokiServer(auth=True) as server:
            shipper = ship(sink(server))
            shipper.offer([event(1, NOW)])
            assert wait_until(lambda: shipper.ledgers()["loki"].held)
            ledger = shipper.ledgers()["loki"]
            assert (ledger.held, ledger.pending, ledger.balanced) == ("401: no org id", 1, True)

    def test_an_answer_that_was_lost_makes_no_second_line(self, ship: Ship, event: Make) -> None:
        """The retry is the exact copy that Loki drops."""
        faults = [Fault("lost"), Fault("reset"), Fault("garbage"), Fault("reply", Reply(503))]
        with LokiServer(faults) as server:
            shipper = ship(sink(server))
            shipper.offer([event(n, NOW + n) for n in range(10)])
            assert shipper.flush(10)
            assert [json.loads(line)["n"] for line in server.lines] == list(range(10))
            assert len({body for _, _, body in server.requests}) == 1
            (ledger,) = shipper.ledgers().values()
            assert dict(ledger.retries) == {"no_answer": 3, "503": 1}
