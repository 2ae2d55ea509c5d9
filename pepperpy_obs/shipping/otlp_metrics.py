"""OTLP metrics: each record of the spool holds what all metrics said at one time, as the protocol spells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec

from pepperpy_obs._guard import note
from pepperpy_obs.shipping.otlp import Otlp
from pepperpy_obs.shipping.otlp_wire import rejected_points, to_wire
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import ACKNOWLEDGED, Answer, Payload, SendResult

__all__ = ["OtlpMetrics", "metrics_record"]

_encode: Final = msgspec.json.Encoder().encode


def metrics_record(at: int, service: str, environment: str, metrics: Sequence[Mapping[str, Any]]) -> Record:
    """Return what the spool keeps of all metrics at one time."""
    return Record(at, "", _encode({"service": service, "environment": environment, "metrics": metrics}))


@dataclass(frozen=True, kw_only=True)
class OtlpMetrics(Otlp):
    """What takes OTLP metrics over HTTP: Mimir, Prometheus, a collector."""

    words: ClassVar[tuple[str, str, str]] = ("resourceMetrics", "scopeMetrics", "metrics")
    path: str = "/v1/metrics"
    batch_records: int = 32

    def body(self, request: Mapping[str, Any]) -> tuple[str, bytes]:
        """Return a request in protobuf, of which all receivers understand histograms."""
        return "application/x-protobuf", to_wire(request)

    def judge(self, payload: Payload, answer: Answer) -> SendResult:
        """Return what became of the records; the points of one that were refused in part are only told."""
        if 200 <= answer.status < 300 and "json" not in answer.headers.get("content-type", ""):
            if refused := rejected_points(answer.body):
                note("otlp_metrics", f"{self.url} has refused {refused} points of metrics: see its own log")
            return SendResult("settle", outcomes=[ACKNOWLEDGED] * len(payload.records))
        return super().judge(payload, answer)

    def group(self, record: Record) -> int:
        """Return when the record was made: a metric has one entry for each time."""
        return record.at

    def entries(self, record: Record, event: Mapping[str, Any], *, reduced: bool) -> list[dict[str, Any]]:  # noqa: ARG002 - nothing of it can be left out
        """Return the metrics that the record holds."""
        found: list[dict[str, Any]] = event.get("metrics", [])
        return found
