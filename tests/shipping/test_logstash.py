from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from pepperpy_obs.formats.ecs import to_ecs
from pepperpy_obs.shipping.logstash import Logstash
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import Answer, Payload
from pepperpy_obs.shipping.shipper import Shipper
from tests.servers.wire import Fault, Reply, Server, unpacked

Make = Callable[..., Record]
Ship = Callable[..., Shipper]


class HttpInput(Server):
    """Logstash's `http` input with its json codec: an array is taken apart into events."""

    def __init__(self, *faults: Fault) -> None:
        self.events: list[dict[str, object]] = []
        super().__init__(faults)

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Queue the events."""
        assert (path, headers["content-type"]) == ("/", "application/json")
        self.events += json.loads(unpacked(headers, body))
        return Reply(200, b"ok")


@pytest.mark.parametrize(
    "answer, action",
    [
        (Answer(200, b"ok"), "settle"),
        (Answer(204), "settle"),
        (Answer(200), "settle"),
        (Answer(200, b"<html>log in</html>"), "hold"),
        (Answer(200, b'{"error":"log in"}'), "hold"),
        (Answer(400, b"<html>Bad Request</html>"), "hold"),
        (Answer(400), "split"),
        (Answer(401), "hold"),
        (Answer(429, b"queue full"), "retry"),
        (Answer(503), "retry"),
    ],
)
def test_each_answer_has_a_meaning(answer: Answer, action: str, event: Make) -> None:
    """The input has queued all, or none."""
    assert Logstash(url="http://ls").judge(Payload([event(1, 0)], "host"), answer).action == action


def test_events_arrive_as_documents(ship: Ship, event: Make) -> None:
    """In order, once, in the form that was asked for, after the pipeline was busy."""
    with HttpInput(Fault("reply", Reply(429)), Fault("reply", Reply(429))) as server:
        shipper = ship(Logstash(url=server.url, linger=0, retry_first=0.01, retry_most=0.02, batch_records=7))
        shipper.offer([event(n, n) for n in range(30)])
        assert shipper.flush(10)
        assert [(one["message"], one["labels"]) for one in server.events] == [
            (document["message"], document["labels"])
            for document in (to_ecs(json.loads(event(n, n).line)) for n in range(30))
        ]
