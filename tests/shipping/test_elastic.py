from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from pepperpy_obs.errors import SetupError
from pepperpy_obs.shipping.elastic import Elastic, as_it_is
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import Answer, Payload
from pepperpy_obs.shipping.shipper import Shipper
from tests.servers.elastic import BUSY, ElasticServer
from tests.servers.wire import Fault, Reply, wait_until

Make = Callable[..., Record]
Ship = Callable[..., Shipper]
NOW = time.time_ns()
QUICK: dict[str, Any] = {"linger": 0, "retry_first": 0.01, "retry_most": 0.02}


def sink(server: ElasticServer, api_key: str = "") -> Elastic:
    """Return a sink in a hurry."""
    return Elastic(url=server.url, api_key=api_key, document=as_it_is, linger=0, retry_first=0.01, retry_most=0.02)


def test_one_bulk(event: Make) -> None:
    """Each event is an action line of ours and a document on one line; the last ends with a newline."""
    request = Elastic(url="http://es", target="events", document=as_it_is, gzip=False).encode(
        Payload([event(1, NOW, x=float(5))], "host")
    )
    assert (request.path, request.headers["Content-Type"]) == ("/events/_bulk", "application/x-ndjson")
    action, document, end = request.body.split(b"\n")
    assert json.loads(action) == {"create": {"_id": f"{1:032x}"}}
    assert json.loads(document) == {
        "@timestamp": "2026-11-23T12:00:00.000000Z",
        "event": "test",
        "event_id": f"{1:032x}",
        "n": 1,
        "x": 5.0,
    }
    assert end == b""


@pytest.mark.parametrize(
    "status, kind, what",
    [
        (201, "", "acknowledged"),
        (200, "", "acknowledged"),
        (409, "version_conflict_engine_exception", "acknowledged"),
        (429, "es_rejected_execution_exception", "again"),
        (503, "unavailable_shards_exception", "again"),
        (403, "cluster_block_exception", "again"),
        (400, "index_closed_exception", "again"),
        (400, "mapper_parsing_exception", "reduced"),
        (400, "document_parsing_exception", "reduced"),
        (400, "illegal_argument_exception", "reduced"),
        (400, "strict_dynamic_mapping_exception", "reduced"),
        (400, "invalid_index_name_exception", "rejected"),
    ],
)
def test_each_item_has_a_meaning(status: int, kind: str, what: str, event: Make) -> None:
    """A 200 is judged item by item; a conflict means that the event is there already."""
    failed = {"status": status, "error": {"type": kind, "reason": "because"}} if kind else {"status": status}
    items = [{"create": {"status": 201}}, {"create": failed}]
    body = json.dumps({"took": 1, "errors": bool(kind), "items": items}).encode()
    send_result = Elastic(url="http://es").judge(Payload([event(1, NOW), event(2, NOW)], "host"), Answer(200, body))
    assert [outcome.what for outcome in send_result.outcomes] == ["acknowledged", what]


@pytest.mark.parametrize(
    "answer, action",
    [
        (Answer(200, b"<html>welcome</html>"), "hold"),
        (Answer(200, b'{"error":"log in first"}'), "hold"),
        (Answer(200), "hold"),
        (Answer(400, b"<html>The plain HTTP request was sent to HTTPS port</html>"), "hold"),
        (Answer(200, b'{"errors":false,"items":[]}'), "retry"),
        (Answer(400, b"id is too long"), "split"),
        (
            Answer(400, b'{"error":{"type":"illegal_argument_exception","reason":"no write index is defined for"}}'),
            "hold",
        ),
        (Answer(401), "hold"),
        (Answer(404), "hold"),
        (Answer(406), "hold"),
        (Answer(302), "hold"),
        (Answer(413), "split"),
        (Answer(429), "retry"),
        (Answer(500), "retry"),
    ],
)
def test_each_answer_has_a_meaning(answer: Answer, action: str, event: Make) -> None:
    """An answer that is not Elasticsearch's, or is short of items, settles nothing."""
    assert Elastic(url="http://es").judge(Payload([event(1, NOW)], "host"), answer).action == action


def test_a_pipeline_that_is_not_there_costs_nothing(event: Make) -> None:
    """What a person can repair is no fault of the documents, though every item gets a 400."""
    reason = "pipeline with id [none] does not exist"
    item = {"create": {"status": 400, "error": {"type": "illegal_argument_exception", "reason": reason}}}
    body = json.dumps({"took": 1, "errors": True, "items": [item, item]}).encode()
    send_result = Elastic(url="http://es").judge(Payload([event(1, NOW), event(2, NOW)], "host"), Answer(200, body))
    advice = "make that ingest pipeline, or take it out of index.default_pipeline and index.final_pipeline"
    assert (send_result.action, send_result.detail) == ("hold", f"400 illegal_argument_exception: {reason}; {advice}")


@pytest.mark.parametrize(
    "reason",
    [
        "this action would add [2] total shards, but has [9]/[9] maximum shards open;",
        "this action would add [2] shards, but has [9]/[9] maximum normal shards open;",
    ],
)
def test_an_index_that_cannot_be_made_costs_nothing(reason: str, event: Make) -> None:
    """No document is at fault: all are kept, with advice."""
    item = {"create": {"status": 400, "error": {"type": "validation_exception", "reason": reason}}}
    body = json.dumps({"took": 1, "errors": True, "items": [item]}).encode()
    send_result = Elastic(url="http://es").judge(Payload([event(1, NOW)], "host"), Answer(200, body))
    assert send_result.action == "hold"
    assert send_result.detail.startswith(f"400 validation_exception: {reason}; it has as many shards")


def test_an_index_that_cannot_be_is_refused_at_once() -> None:
    """The message says what is accepted."""
    with pytest.raises(SetupError, match=r"'Logs' cannot be an index or data stream: give lower-case"):
        Elastic(url="http://es", target="Logs")


class TestBulk:
    def test_only_the_busy_items_go_again(self, ship: Ship, event: Make) -> None:
        """Of a partial answer only what has to is resent; nothing is there twice, nothing is missing."""
        with ElasticServer(items=[None, BUSY, BUSY, None, None, BUSY]) as server:
            shipper = ship(sink(server))
            shipper.offer([event(n, NOW) for n in range(5)])
            assert shipper.flush(10)
            assert sorted(document["n"] for document in server.documents.values()) == list(range(5))
            assert server.conflicts == 0
            (ledger,) = shipper.ledgers().values()
            assert (ledger.acknowledged, dict(ledger.retries)) == (5, {"es_rejected_execution_exception": 2})

    def test_the_cursor_waits_for_the_first_unsettled(self, ship: Ship, event: Make) -> None:
        """Ended amid a batch, the next start sends from the first event on that is not answered for."""
        with ElasticServer(items=[None, BUSY, None]) as server:
            slow = ship(Elastic(url=server.url, document=as_it_is, linger=0, retry_first=600, retry_most=600))
            slow.offer([event(n, NOW) for n in range(3)])
            assert wait_until(lambda: slow.ledgers()["elastic"].acknowledged == 2)
            slow.close()
            assert slow.ended
            again = ship(sink(server))
            assert wait_until(lambda: again.ledgers()["elastic"].accepted == 2)
            assert again.flush(10)
            assert sorted(document["n"] for document in server.documents.values()) == [0, 1, 2]
            assert server.conflicts == 1

    def test_a_conflict_of_types_costs_the_users_fields(self, ship: Ship, event: Make) -> None:
        """The event goes once more without them, so that its numbers are kept, and says so."""
        with ElasticServer() as server:
            shipper = ship(Elastic(url=server.url, **QUICK))
            shipper.offer([event(1, NOW, size=1), event(2, NOW, size={"w": 1}), event(3, NOW, event="x", size=2)])
            server.types["labels"] = list
            assert shipper.flush(10)
            (ledger,) = shipper.ledgers().values()
            assert (ledger.acknowledged, ledger.rejected) == (3, {})
            assert dict(ledger.retries) == {"mapper_parsing_exception": 1}
            assert [document.get("labels") for document in server.documents.values()] == [None] * 3
            assert {document["pepperpy"]["labels_dropped"] for document in server.documents.values()} == {True}

    def test_what_lands_in_a_failure_store_is_not_taken_for_delivered(self, ship: Ship, event: Make) -> None:
        """A 201 by which no search finds the event: it goes once more without the user's fields, as with a conflict."""
        refused = (400, "document_parsing_exception", "failed to parse field [size]")
        with ElasticServer(items=[None, refused, refused, None, refused], failure_store=True) as server:
            shipper = ship(sink(server))
            shipper.offer([event(n, NOW, size=n) for n in (1, 2, 3)])
            assert shipper.flush(10)
            (ledger,) = shipper.ledgers().values()
            assert (ledger.acknowledged, dict(ledger.rejected)) == (2, {"failure_store": 1})
            assert sorted(server.documents) == [f"{n:032x}" for n in (1, 2)]
            assert len(server.failures) == 3

    def test_a_conflict_without_them_costs_the_event(self, ship: Ship, event: Make) -> None:
        """It is rejected with Elasticsearch's reason and kept in the dead-letter file, all of it."""
        refused = (400, "mapper_parsing_exception", "failed to parse field [size]")
        with ElasticServer(items=[None, refused, None, refused]) as server:
            shipper = ship(sink(server))
            shipper.offer([event(1, NOW, size=1), event(2, NOW, size="big"), event(3, NOW, size=2)])
            assert shipper.flush(10)
            (ledger,) = shipper.ledgers().values()
            assert (ledger.acknowledged, dict(ledger.rejected)) == (2, {"mapper_parsing_exception": 1})
            (letters,) = shipper.directory.glob("*/elastic.rejected.ndjson")
            letter = json.loads(letters.read_text())
            assert letter["reason"] == "mapper_parsing_exception"
            assert letter["detail"] == "400 mapper_parsing_exception: failed to parse field [size]"
            assert json.loads(letter["event"])["size"] == "big"

    def test_a_lost_answer_makes_no_duplicate(self, ship: Ship, event: Make) -> None:
        """What was stored before the connection broke is answered with 409 the next time, and counts as there."""
        with ElasticServer([Fault("lost"), Fault("reply", Reply(200, b"{}")), Fault("reply", Reply(429))]) as server:
            shipper = ship(sink(server))
            shipper.offer([event(n, NOW) for n in range(5)])
            assert shipper.flush(10)
            assert (len(server.documents), server.conflicts) == (5, 5)
            assert shipper.ledgers()["elastic"].acknowledged == 5

    def test_a_missing_index_holds(self, ship: Ship, event: Make) -> None:
        """Where indices are not made by themselves, every item says so: nothing is rejected, a person is called."""
        missing = (404, "index_not_found_exception", "no such index [events]")
        with ElasticServer(items=[missing] * 3) as server:
            shipper = ship(sink(server))
            shipper.offer([event(n, NOW) for n in range(3)])
            assert shipper.flush(10)
            ledger = shipper.ledgers()["elastic"]
            assert (ledger.acknowledged, dict(ledger.retries)) == (3, {"index_not_found_exception": 1})

    def test_a_wrong_key_holds(self, ship: Ship, event: Make) -> None:
        """Nothing is lost while somebody looks for the right key, and then all goes."""
        with ElasticServer(api_key="good") as server:
            shipper = ship(sink(server, api_key="bad"))
            shipper.offer([event(1, NOW)])
            assert wait_until(lambda: shipper.ledgers()["elastic"].held)
            ledger = shipper.ledgers()["elastic"]
            assert (ledger.held.partition(":")[0], ledger.pending) == ("401", 1)
            server.api_key = "bad"
            assert shipper.flush(10)
            assert shipper.ledgers()["elastic"].held == ""
