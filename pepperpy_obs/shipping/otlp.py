"""OTLP logs over HTTP with JSON: events in, request out; answer in, what became of them out.

The body of a log record is our event's line; the attributes are the event's fields under OpenTelemetry's names where
it has one (`events.FIELDS`), so that a receiver may use either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, ClassVar, Final

import msgspec

from pepperpy_obs.events import FIELDS
from pepperpy_obs.shipping.loki import stream_parts
from pepperpy_obs.shipping.loki_answers import Sent, judge_refusal, judge_throttled
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import (
    ACKNOWLEDGED,
    Answer,
    Payload,
    RecordResult,
    Request,
    SendResult,
    common_result,
    hold,
    not_its_own,
    retry,
    split,
)
from pepperpy_obs.shipping.sink import SinkSpec

__all__ = ["Otlp"]

_AT: Final = itemgetter(0)
_NAMES: Final = {field.name: field.otel for field in FIELDS if field.otel}
_ELSEWHERE: Final = frozenset({"timestamp", "level", "event", "service", "environment", "trace_id", "span_id"})
"""Fields that have a place of their own in a log record or its resource."""
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_SEVERITY: Final = {"debug": 5, "info": 9, "warning": 13, "error": 17}
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class _Partial(msgspec.Struct, rename="camel"):
    rejected_log_records: int | str = 0
    error_message: str = ""


class _Response(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    partial_success: _Partial | None = None


_read = msgspec.json.Decoder(_Response).decode


def _value(value: Any) -> dict[str, Any]:
    """Return a value as OTLP spells it (proto3 JSON: 64-bit integers are strings)."""
    match value:
        case bool():
            return {"boolValue": value}
        case int() if -(2**63) <= value < 2**63:
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [_value(one) for one in value]}}
        case dict():
            return {"kvlistValue": {"values": _attributes(value.items())}}
        case _:
            return {"stringValue": str(value)}


def _attributes(fields: Iterable[tuple[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"stringValue": value} if type(value) is str else _value(value)}
        for key, value in fields
        if value is not None
    ]


def _log_record(record: Record, event: Mapping[str, Any], *, reduced: bool) -> dict[str, Any]:
    level = str(event.get("level", "info"))
    # It is unsigned there.
    at = str(max(0, record.at))
    found: dict[str, Any] = {
        "timeUnixNano": at,
        "observedTimeUnixNano": at,
        "severityNumber": _SEVERITY.get(level, 0),
        "severityText": level,
        "eventName": str(event.get("event", "")),
        "body": {"stringValue": record.line.decode()},
        "attributes": [],
    }
    if not reduced:
        found["attributes"] = _attributes((_NAMES.get(k, k), v) for k, v in event.items() if k not in _ELSEWHERE)
    for name, key, length in (("trace_id", "traceId", 32), ("span_id", "spanId", 16)):
        # A receiver may refuse the whole request for one id that is none.
        if len(value := str(event.get(name, ""))) == length and not set(value) - _HEX:
            found[key] = value
    return found


@dataclass(frozen=True, kw_only=True)
class Otlp(SinkSpec):
    """An OpenTelemetry Collector, or what speaks OTLP/HTTP."""

    kind: ClassVar[str] = "otlp"
    path: str = "/v1/logs"

    @property
    def _to_loki(self) -> bool:
        return "/otlp" in self.url + self.path

    def partition(self, records: Sequence[Record]) -> Sequence[Sequence[int]]:
        """Return the places of the records by request: Loki hides what it refuses of several streams."""
        return stream_parts(records) if self._to_loki else super().partition(records)

    def encode(self, payload: Payload) -> Request:
        """Return one export request, oldest first, with a resource for each service and environment in it."""
        resources: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for record in sorted(payload.records, key=_AT):
            event = _decode(record.line)
            key = (str(event.get("service", "unknown_service")), str(event.get("environment", "")))
            resources.setdefault(key, []).append(_log_record(record, event, reduced=payload.reduced))
        body = {
            "resourceLogs": [
                {
                    "resource": {"attributes": _attributes(_resource(service, environment, payload.instance).items())},
                    "scopeLogs": [{"scope": {"name": "pepperpy_obs"}, "logRecords": logs}],
                }
                for (service, environment), logs in resources.items()
            ]
        }
        return self.request(self.path, "application/json", _encode(body))

    def judge(self, payload: Payload, answer: Answer) -> SendResult:
        """Return what became of them; of a partial success only the number refused is known, never which."""
        if answer.status == 400:
            return self._refused(payload, answer)
        if answer.status == 429 and self._to_loki:
            return judge_throttled(self._sent(payload), answer.body.decode(errors="replace")) or retry(answer)
        if not 200 <= answer.status < 300:
            return common_result(answer) or hold(answer)
        partial = _partial(answer)
        if partial is None:
            return hold(answer, doubtful=True)
        refused = min(max(0, int(partial.rejected_log_records)), len(payload.records))
        detail = f"{refused} of {len(payload.records)} refused, not said which: {partial.error_message}"[:500]
        outcomes = [ACKNOWLEDGED] * (len(payload.records) - refused) + [
            RecordResult("rejected", "partial", detail)
        ] * refused
        return SendResult("settle", outcomes=outcomes)

    def _refused(self, payload: Payload, answer: Answer) -> SendResult:
        """A 400 means that nothing was taken, unless Loki says it: there it is as partial as that of its own protocol.

        Its words come in protobuf, whatever the request is in.
        """
        sent = self._sent(payload)
        text = answer.body.decode(errors="replace")
        if (send_result := not_its_own(answer) or judge_refusal(sent, text)) is not None:
            return send_result
        if self._to_loki:
            return SendResult("unknown", "unknown_answer", f"400: {answer.text}")
        return split(answer)

    def _sent(self, payload: Payload) -> Sent:
        return Sent(payload.records, metadata=_metadata, stream=_stream, replay=True, reduced=payload.reduced)


def _metadata(record: Record) -> tuple[int, int]:
    """Return about how many bytes and how many names of structured metadata Loki makes of a record's attributes."""
    found = list(_flat("", _decode(record.line)))
    return sum(len(name) + len(value.encode()) for name, value in found), len(found)


def _flat(prefix: str, fields: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}_", value)
        elif value is not None:
            yield prefix + _NAMES.get(name, name), value if isinstance(value, str) else _encode(value).decode()


def _stream(record: Record) -> Mapping[str, str]:
    """Return the labels that Loki makes of a record's resource, and by which streams of one process differ."""
    event = _decode(record.line)
    return {
        "service_name": str(event.get("service", "unknown_service")),
        "deployment_environment_name": str(event.get("environment", "")),
    }


def _partial(answer: Answer) -> _Partial | None:
    """Return what an answer of 2xx says of the refused; None when it is no export response."""
    if not answer.body or "protobuf" in answer.headers.get("content-type", ""):
        # OTLP asks for our own encoding back. One that has another, or no words at all, speaks by its status.
        return _Partial()
    try:
        found = _read(answer.body).partial_success or _Partial()
        int(found.rejected_log_records)
    except (ValueError, RecursionError):
        return None
    return found


def _resource(service: str, environment: str, instance: str) -> dict[str, str]:
    found = {"service.name": service, "service.instance.id": instance}
    return {**found, "deployment.environment.name": environment} if environment else found
