"""Traces and metrics as OTLP: spans with the ids of their events, and points that protobuf reads back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from pepperpy_obs._guard import failures
from pepperpy_obs.shipping.otlp_metrics import OtlpMetrics
from pepperpy_obs.shipping.otlp_traces import OtlpTraces
from pepperpy_obs.shipping.otlp_wire import rejected_points, to_wire
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import Answer, Payload

Make = Callable[..., Record]
NOW = time.time_ns()
TRACE, SPAN, PARENT = "ab" * 16, "cd" * 8, "ef" * 8


def spans(*records: Record, **options: Any) -> list[dict[str, Any]]:
    """Return the spans of an export request."""
    request = OtlpTraces(url="http://collector", gzip=False, **options).encode(Payload([*records], "host-0"))
    assert request.path == "/v1/traces"
    return [
        span
        for resource in json.loads(request.body)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


def test_a_call_is_a_span(event: Make) -> None:
    """With its ids, times and kind, named by the conventions; a failure has the status of one."""
    facts = {"event": "operation.finished", "operation": "ask", "kind": "llm", "model": "gpt-4o", "outcome": "error"}
    ids = {"trace_id": TRACE, "span_id": SPAN, "parent_span_id": PARENT}
    (span,) = spans(event(1, NOW, **facts, **ids, duration_seconds=1.5, cache_write_tokens=7, error_type="X"))
    attributes = {one["key"]: one["value"] for one in span.pop("attributes")}
    assert span == {
        "traceId": TRACE,
        "spanId": SPAN,
        "parentSpanId": PARENT,
        "name": "chat gpt-4o",
        "kind": 3,
        "startTimeUnixNano": str(NOW - 1_500_000_000),
        "endTimeUnixNano": str(NOW),
        "status": {"code": 2},
    }
    assert attributes["gen_ai.operation.name"] == {"stringValue": "chat"}
    assert attributes["gen_ai.usage.cache_creation.input_tokens"] == {"intValue": "7"}
    assert attributes["error.type"] == {"stringValue": "X"}


def test_the_newest_conventions_by_a_switch(event: Make) -> None:
    """They have another name for tokens written to a cache."""
    record = event(
        1, NOW, event="operation.finished", kind="llm", trace_id=TRACE, span_id=SPAN, cache_write_tokens=7
    )  # fmt: skip
    (span,) = spans(record, conventions="genai-0.1")
    assert "gen_ai.usage.cache_write.input_tokens" in {one["key"] for one in span["attributes"]}


@pytest.mark.parametrize(
    "facts",
    [
        {"event": "metric.recorded", "trace_id": TRACE, "span_id": SPAN},
        {"event": "operation.finished"},
        {"event": "operation.finished", "trace_id": "0g" * 16, "span_id": SPAN},
    ],
)
def test_what_is_no_call_in_a_trace_is_passed_over(facts: dict[str, Any], event: Make) -> None:
    """Others of its batch are sent."""
    whole = event(1, NOW, event="operation.finished", trace_id=TRACE, span_id=SPAN)
    assert [span["spanId"] for span in spans(event(2, NOW, **facts), whole)] == [SPAN]


POINT = {"startTimeUnixNano": "1", "timeUnixNano": "2", "attributes": [{"key": "a", "value": {"stringValue": "é"}}]}
METRICS: list[dict[str, Any]] = [
    {"name": "c", "unit": "1", "description": "d",
     "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [{**POINT, "asInt": "-5"}]}},
    {"name": "g", "unit": "s", "description": "d",
     "gauge": {"dataPoints": [{"timeUnixNano": "2", "attributes": [], "asDouble": 0.25}]}},
    {"name": "h", "unit": "s", "description": "d",
     "histogram": {"aggregationTemporality": 1, "dataPoints": [{**POINT, "count": "300", "sum": 1.5}]}},
    {"name": "e", "unit": "s", "description": "d", "exponentialHistogram": {
        "aggregationTemporality": 1,
        "dataPoints": [{
            **POINT, "count": "303", "sum": 1.5, "scale": -2, "zeroCount": "3", "min": 0.5, "max": 2.5,
            "positive": {"offset": -7, "bucketCounts": ["300", "0"]}, "negative": {"offset": 4, "bucketCounts": []},
            "exemplars": [{"timeUnixNano": "2", "asDouble": 0.5, "traceId": TRACE, "spanId": SPAN}],
        }],
    }},
]  # fmt: skip


def test_metrics_are_written_as_protobuf_reads_them() -> None:
    """Every kind of point, with negative, great and non-ASCII values; ids are bytes there."""
    request = {
        "resourceMetrics": [{
            "resource": {"attributes": POINT["attributes"]},
            "scopeMetrics": [{"scope": {"name": "x"}, "metrics": METRICS}],
        }]
    }  # fmt: skip
    read = ExportMetricsServiceRequest.FromString(to_wire(request))
    metrics = read.resource_metrics[0].scope_metrics[0].metrics
    (point,) = metrics[3].exponential_histogram.data_points
    assert (point.exemplars[0].trace_id.hex(), point.exemplars[0].span_id.hex()) == (TRACE, SPAN)
    del point.exemplars[:]
    expected = json.loads(json.dumps(METRICS))
    (whole,) = expected[3]["exponentialHistogram"]["dataPoints"]
    del whole["exemplars"], whole["negative"]["bucketCounts"]
    del expected[1]["gauge"]["dataPoints"][0]["attributes"]
    for metric, words in zip(
        expected, ("sum", "gauge", "histogram", "exponentialHistogram"), strict=True
    ):  # protobuf's JSON names codes
        if "aggregationTemporality" in metric[words]:
            names = {1: "AGGREGATION_TEMPORALITY_DELTA", 2: "AGGREGATION_TEMPORALITY_CUMULATIVE"}
            metric[words]["aggregationTemporality"] = names[metric[words]["aggregationTemporality"]]
    assert [MessageToDict(metric) for metric in metrics] == expected


def test_each_time_has_a_resource_s_entry_of_its_own() -> None:
    """A metric may not be twice in one; the process says what it is beside its service."""
    records = [
        Record(at, "", json.dumps({"service": "shop", "environment": "prod", "metrics": METRICS[:1]}).encode())
        for at in (5, 9)
    ]
    sink = OtlpMetrics(url="http://collector", gzip=False, resource={"host.name": "a", "service.name": "other"})
    request = sink.encode(Payload(records, "host-0"))
    assert (request.path, request.headers["Content-Type"]) == ("/v1/metrics", "application/x-protobuf")
    read = ExportMetricsServiceRequest.FromString(request.body)
    assert [len(one.scope_metrics[0].metrics) for one in read.resource_metrics] == [1, 1]
    assert {one.key: one.value.string_value for one in read.resource_metrics[0].resource.attributes} == {
        "host.name": "a",
        "service.name": "shop",
        "service.instance.id": "host-0",
        "deployment.environment.name": "prod",
    }


def test_points_that_are_refused_are_told() -> None:
    """The record is settled: a receiver that has refused a part of it would refuse that again."""
    answer = ExportMetricsServiceResponse(
        partial_success=ExportMetricsPartialSuccess(rejected_data_points=300, error_message="old")
    ).SerializeToString()
    result = OtlpMetrics(url="http://collector").judge(Payload([Record(1, "", b"{}")], "host"), Answer(200, answer))
    assert (result.action, [one.what for one in result.outcomes]) == ("settle", ["acknowledged"])
    assert rejected_points(answer) == 300
    assert failures()["otlp_metrics"] == 1


@pytest.mark.parametrize("answer", [b"", b"\xff", b"\x0a\x05\x08", b"{}", b"\x0a\x00"])
def test_other_answers_tell_of_none(answer: bytes) -> None:
    """Nor do they raise."""
    assert rejected_points(answer) == 0
