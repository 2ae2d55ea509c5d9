from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pepperpy_obs.shipping.otlp import Otlp
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import Answer, Payload
from pepperpy_obs.shipping.shipper import Shipper
from tests.servers.collector import rotel
from tests.servers.wire import wait_until

__all__ = ["rotel"]

Make = Callable[..., Record]
Ship = Callable[..., Shipper]
NOW = time.time_ns()


def test_one_export(event: Make) -> None:
    """The body is the event's line; fields are attributes under OpenTelemetry's names, ids and time in their places."""
    trace, span = "ab" * 16, "cd" * 8
    record = event(7, NOW, trace_id=trace, span_id=span, level="warning", service="shop", input_tokens=2**63, ok=True)
    request = Otlp(url="http://collector", gzip=False).encode(Payload([record], "host-0"))
    assert (request.path, dict(request.headers)) == ("/v1/logs", {"Content-Type": "application/json"})
    (resource,) = json.loads(request.body)["resourceLogs"]
    assert resource["resource"]["attributes"] == [
        {"key": "service.name", "value": {"stringValue": "shop"}},
        {"key": "service.instance.id", "value": {"stringValue": "host-0"}},
    ]
    assert resource["scopeLogs"] == [
        {
            "scope": {"name": "pepperpy_obs"},
            "logRecords": [
                {
                    "timeUnixNano": str(NOW),
                    "observedTimeUnixNano": str(NOW),
                    "severityNumber": 13,
                    "severityText": "warning",
                    "eventName": "test",
                    "body": {"stringValue": record.line.decode()},
                    "attributes": [
                        {"key": "event_id", "value": {"stringValue": f"{7:032x}"}},
                        {"key": "n", "value": {"intValue": "7"}},
                        {"key": "gen_ai.usage.input_tokens", "value": {"stringValue": str(2**63)}},
                        {"key": "ok", "value": {"boolValue": True}},
                    ],
                    "traceId": trace,
                    "spanId": span,
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    "answer, action, what",
    [
        (Answer(200, b"{}"), "settle", "acknowledged acknowledged"),
        (Answer(200, b'{"partialSuccess":null}'), "settle", "acknowledged acknowledged"),
        (Answer(200, b'{"partialSuccess":{"rejectedLogRecords":"1"}}'), "settle", "acknowledged rejected"),
        (Answer(200), "settle", "acknowledged acknowledged"),
        (Answer(204), "settle", "acknowledged acknowledged"),
        (Answer(200, b"\x0a\x00", {"content-type": "application/x-protobuf"}), "settle", "acknowledged acknowledged"),
        (Answer(200, b"\x0a\x00"), "hold", ""),
        (Answer(200, b"<html>log in</html>"), "hold", ""),
        (Answer(200, b'{"error":"log in"}'), "hold", ""),
        (Answer(200, b'{"partialSuccess":{"rejectedLogRecords":"x"}}'), "hold", ""),
        (Answer(400, b"<html>Bad Request</html>"), "hold", ""),
        (Answer(400), "split", ""),
        (Answer(401), "hold", ""),
        (Answer(503), "retry", ""),
    ],
)
def test_each_answer_has_a_meaning(answer: Answer, action: str, what: str, event: Make) -> None:
    """Of a partial success the number of the refused is believed."""
    send_result = Otlp(url="http://collector").judge(Payload([event(1, NOW), event(2, NOW)], "host"), answer)
    assert (send_result.action, " ".join(outcome.what for outcome in send_result.outcomes)) == (action, what)


def test_a_real_collector_takes_every_event(rotel: tuple[str, Path], ship: Ship, event: Make) -> None:
    """A collector that starts after us gets each event once, with its time, severity, ids and attributes."""
    url, output = rotel
    shipper = ship(Otlp(url=url, linger=0, retry_first=0.05, retry_most=0.1, batch_records=30))
    trace = "ab" * 16
    for start in range(0, 200, 20):
        shipper.offer(
            [event(n, NOW + n, trace_id=trace, level="error", cost={"usd": 0.5}) for n in range(start, start + 20)]
        )
    assert shipper.flush(20)
    assert wait_until(lambda: output.read_text().count("LogRecord #") >= 200)
    text = output.read_text()
    assert [int(n) for n in re.findall(r"-> n: Int\((\d+)\)", text)] == list(range(200))
    assert [int(at) for at in re.findall(r"\nTimestamp: (\d+)", text)] == [NOW + n for n in range(200)]
    assert text.count("SEVERITY_NUMBER_ERROR(17)") == text.count(trace + "\n") == text.count("usd:Double(0.5)") == 200
    assert shipper.ledgers()["otlp"].acknowledged == 200
