"""OTLP over HTTP with JSON: events in, request out; answer in, what became of them out.

Here are logs, and what all three signals have in common. The body of a log record is our event's line; the attributes
are the event's fields under OpenTelemetry's names where it has one (`events.FIELDS`), so a receiver may use either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, ClassVar, Final

import msgspec

from pepperpy_obs.events import FIELDS
from pepperpy_obs.formats.genai import Conventions, names_of, operation_name
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

__all__ = ["Otlp", "attributes_of", "hex_id"]

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
    rejected_spans: int | str = 0
    rejected_data_points: int | str = 0
    error_message: str = ""

    @property
    def rejected(self) -> int:
        """How many were refused, of whatever it was."""
        return int(self.rejected_log_records) + int(self.rejected_spans) + int(self.rejected_data_points)


class _Response(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    partial_success: _Partial | None = None


_read = msgspec.json.Decoder(_Response).decode


def value_of(value: Any) -> dict[str, Any]:
    """Return a value as OTLP spells it (proto3 JSON: 64-bit integers are strings)."""
    match value:
        case bool():
            return {"boolValue": value}
        case int() if -(2**63) <= value < 2**63:
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [value_of(one) for one in value]}}
        case dict():
            return {"kvlistValue": {"values": attributes_of(value.items())}}
        case _:
            return {"stringValue": str(value)}


def attributes_of(fields: Iterable[tuple[str, Any]]) -> list[dict[str, Any]]:
    """Return fields as OTLP spells attributes; those without a value are left out."""
    return [
        {"key": key, "value": {"stringValue": value} if type(value) is str else value_of(value)}
        for key, value in fields
        if value is not None
    ]


def _log_record(record: Record, event: Mapping[str, Any], conventions: Conventions, *, reduced: bool) -> dict[str, Any]:
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
        found["attributes"] = attributes_of(_told(event, conventions))
    for name, key, length in (("trace_id", "traceId", 32), ("span_id", "spanId", 16)):
        if (value := hex_id(event.get(name), length)) is not None:
            found[key] = value
    return found


def _told(event: Mapping[str, Any], conventions: Conventions) -> Iterable[tuple[str, Any]]:
    """Yield the fields of an event under the names that OpenTelemetry has for them."""
    names = names_of(conventions)
    for name, value in event.items():
        if name == "kind":
            yield "pepperpy.kind", value
            if (operation := operation_name(event)) is not None:
                yield names[name], operation
        elif name not in _ELSEWHERE:
            yield names.get(name, name), value


def hex_id(value: object, length: int) -> str | None:
    """Return an id of so many hex digits; None for what is none: a receiver may refuse a whole request for it."""
    text = value if isinstance(value, str) else ""
    return text if len(text) == length and not set(text) - _HEX else None


@dataclass(frozen=True, kw_only=True)
class Otlp(SinkSpec):
    """An OpenTelemetry Collector, or what speaks OTLP/HTTP."""

    kind: ClassVar[str] = "otlp"
    words: ClassVar[tuple[str, str, str]] = ("resourceLogs", "scopeLogs", "logRecords")
    """What the protocol calls resources, scopes and entries of this signal."""
    path: str = "/v1/logs"
    conventions: Conventions = "semconv-1.41"
    """Those of GenAI that names follow."""
    resource: Mapping[str, str] = field(default_factory=dict[str, str])
    """What is said of the process beside its service, instance and deployment."""

    @property
    def _to_loki(self) -> bool:
        return self.path == "/v1/logs" and "/otlp" in self.url

    def partition(self, records: Sequence[Record]) -> Sequence[Sequence[int]]:
        """Return the places of the records by request: Loki hides what it refuses of several streams."""
        return stream_parts(records) if self._to_loki else super().partition(records)

    def encode(self, payload: Payload) -> Request:
        """Return one export request, oldest first, with a resource for each service and environment in it."""
        groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
        for record in sorted(payload.records, key=_AT):
            event = _decode(record.line)
            service, environment = str(event.get("service") or "unknown_service"), str(event.get("environment", ""))
            found = self.entries(record, event, reduced=payload.reduced)
            groups.setdefault((service, environment, self.group(record)), []).extend(found)
        resources, scopes, entries = self.words
        body = {
            resources: [
                {
                    "resource": {
                        "attributes": attributes_of(self._resource(service, environment, payload.instance).items())
                    },
                    scopes: [{"scope": {"name": "pepperpy_obs"}, entries: listed}],
                }
                for (service, environment, _), listed in groups.items()
            ]
        }
        return self.request(self.path, *self.body(body))

    def body(self, request: Mapping[str, Any]) -> tuple[str, bytes]:
        """Return a request's content type and its bytes."""
        return "application/json", _encode(request)

    def group(self, record: Record) -> int:  # noqa: ARG002 - of logs all may go together
        """Return what tells records apart that must not share a resource's entry."""
        return 0

    def entries(self, record: Record, event: Mapping[str, Any], *, reduced: bool) -> list[dict[str, Any]]:
        """Return what the protocol is sent of an event: none if it has no place in this signal."""
        return [_log_record(record, event, self.conventions, reduced=reduced)]

    def _resource(self, service: str, environment: str, instance: str) -> dict[str, str]:
        found = {"service.name": service, "service.instance.id": instance}
        if environment:
            found["deployment.environment.name"] = environment
        return {**self.resource, **found}

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
        refused = min(max(0, partial.rejected), len(payload.records))
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
        _ = found.rejected
    except (ValueError, RecursionError):
        return None
    return found
