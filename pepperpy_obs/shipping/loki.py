"""Loki's push protocol: events in, request out; answer in, what became of each line out. No connection here.

JSON and gzip: smaller and quicker in Python than protobuf and snappy. Few labels, all of them steady; what varies
with each call is structured metadata.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, ClassVar

import msgspec

from pepperpy_obs.errors import SetupError
from pepperpy_obs.shipping.loki_answers import Sent, judge_refusal, judge_throttled
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import (
    Answer,
    Payload,
    Request,
    SendResult,
    all_acknowledged,
    common_result,
    hold,
    not_its_own,
    retry,
)
from pepperpy_obs.shipping.sink import SinkSpec

__all__ = ["Loki", "stream_parts"]

_AT = itemgetter(0)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_MOST_LABELS = 10
"""Loki takes 15 of a stream by default; four are ours, and one it adds itself."""
_LONGEST_LABEL = 512
"""Characters, of up to four bytes each: past 2048 bytes Loki refuses all lines of the stream."""
_LONG_LINE = 32_768
_LONGEST = 1024
"""Of a metadata value, in a line long enough for Loki's limit to matter: 64 KB for all of its metadata."""


class _Facts(msgspec.Struct, omit_defaults=True):
    """What of an event becomes a label or metadata: strings, and those of events of ours are. The line has the rest."""

    service: str | None = None
    environment: str | None = None
    level: str | None = None
    operation: str | None = None
    kind: str | None = None
    agent: str | None = None
    outcome: str | None = None
    provider: str | None = None
    model: str | None = None
    trace_id: str | None = None
    span_id: str | None = None


class _Stream(msgspec.Struct, frozen=True):
    """What of an event tells one stream of a process from another."""

    service: str | None = None
    environment: str | None = None


_decode = msgspec.json.Decoder(_Facts).decode
_decode_stream = msgspec.json.Decoder(_Stream).decode
_decode_any = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


def stream_parts(records: Sequence[Record]) -> Sequence[Sequence[int]]:
    """Return the places of the records of each stream.

    Of several streams in one request Loki's ingester answers for the last one only: the others may be refused in
    silence (pkg/ingester/instance.go, `Push`).
    """
    parts: dict[_Stream, list[int]] = {}
    for place, record in enumerate(records):
        parts.setdefault(_stream_of(record.line), []).append(place)
    return list(parts.values())


def _stream_of(line: bytes) -> _Stream:
    try:
        return _decode_stream(line)
    except msgspec.ValidationError:
        facts = _facts(line)
        return _Stream(facts.service, facts.environment)
    except (msgspec.DecodeError, RecursionError):
        # It fails alone, when it is encoded.
        return _Stream()


def _facts(line: bytes) -> _Facts:
    """Return what it says; one metadata value that is no string would cost the whole request."""
    if len(line) < _LONG_LINE:
        try:
            return _decode(line)
        except msgspec.ValidationError:
            # A user's field bears one of the names.
            pass
    event = _decode_any(line)
    named = {name: event[name] for name in _Facts.__struct_fields__ if event.get(name) is not None}
    return _Facts(**{name: str(value)[:_LONGEST] for name, value in named.items()})


@dataclass(frozen=True, kw_only=True)
class Loki(SinkSpec):
    """A Loki, or what speaks its push protocol.

    Each process has its own streams (label `instance`): Loki takes lines of one stream that are more than an hour out
    of order for errors, so two processes with one stream would spoil each other's backlog.
    """

    kind: ClassVar[str] = "loki"
    tenant: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """Labels of every stream, besides `service_name`, `environment` and `instance`."""
    metadata: bool = True
    """Structured metadata needs schema v13 and tsdb."""
    batch_bytes: int = 200_000
    """With its metadata about a block of Loki's, 256 KiB: only in the open one it drops the exact copy of a line."""
    success: tuple[int, ...] = (204,)
    """Statuses that mean "I have it": Loki also has a 2xx, 260, by which it refuses."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for label, value in self.labels.items():
            if not _LABEL.fullmatch(label):
                msg = f"{label!r} cannot be a Loki label: give letters, digits and '_', no digit first"
                raise SetupError(msg)
            if len(value) > _LONGEST_LABEL:
                msg = f"the Loki label {label!r} has {len(value)} characters: give at most {_LONGEST_LABEL}"
                raise SetupError(msg)
        if len(self.labels) > _MOST_LABELS:
            msg = (
                f"sink {self.name!r} has {len(self.labels)} labels: give at most {_MOST_LABELS}, or Loki takes nothing"
            )
            raise SetupError(msg)

    def identification(self) -> dict[str, str]:
        """Return the headers with our credentials and the tenant."""
        found = super().identification()
        return {**found, "X-Scope-OrgID": self.tenant} if self.tenant else found

    def _stream(self, facts: _Facts, payload: Payload) -> dict[str, str]:
        service = (facts.service or "unknown_service")[:_LONGEST_LABEL]
        labels = {"service_name": service, "instance": payload.instance, **self.labels}
        if facts.environment:
            labels["environment"] = facts.environment[:_LONGEST_LABEL]
        if payload.replay:
            labels["replay"] = "1"
        return labels

    def partition(self, records: Sequence[Record]) -> Sequence[Sequence[int]]:
        """Return the places of each stream's records: each goes in a request of its own."""
        return stream_parts(records)

    def encode(self, payload: Payload) -> Request:
        """Return one push, oldest line first: Loki's rule of order holds within one request, too."""
        metadata = self.metadata and not payload.reduced
        streams: dict[tuple[str | None, str | None], tuple[dict[str, str], list[Any]]] = {}
        for at, _, line in sorted(payload.records, key=_AT):
            facts = _facts(line)
            key = (facts.service, facts.environment)
            if (stream := streams.get(key)) is None:
                stream = streams[key] = (self._stream(facts, payload), [])
            # They are labels already.
            facts.service = facts.environment = None
            stream[1].append((str(at), line.decode(), facts) if metadata else (str(at), line.decode()))
        body = _encode({"streams": [{"stream": labels, "values": values} for labels, values in streams.values()]})
        return self.request("/loki/api/v1/push", "application/json", body)

    def judge(self, payload: Payload, answer: Answer) -> SendResult:
        """Return what became of each line; a 400 may mean that nothing, or that all others are in."""
        if answer.status in self.success:
            return all_acknowledged(len(payload.records))
        if answer.status == 400:
            return self._refused(payload, answer)
        if answer.status == 429:
            return judge_throttled(self._sent(payload), answer.body.decode(errors="replace")) or retry(answer)
        if (send_result := common_result(answer)) is not None:
            return send_result
        # 260 ("ingestion blocked") is an operator's decision; a 200 is not Loki's; 422 is a mistake of either side.
        return hold(answer, doubtful=answer.status == 200)

    def _refused(self, payload: Payload, answer: Answer) -> SendResult:
        if (send_result := not_its_own(answer)) is not None:
            return send_result
        unknown = SendResult("unknown", "unknown_answer", f"400: {answer.text}")
        return judge_refusal(self._sent(payload), answer.body.decode(errors="replace")) or unknown

    def _sent(self, payload: Payload) -> Sent:
        bare = payload.reduced or not self.metadata
        return Sent(
            payload.records,
            metadata=lambda record: (0, 0) if bare else _metadata(record),
            stream=lambda record: self._stream(_facts(record.line), payload),
            replay=payload.replay,
            reduced=bare,
        )


def _metadata(record: Record) -> tuple[int, int]:
    """Return the bytes and the number of a record's structured metadata, as Loki counts them."""
    facts = msgspec.structs.asdict(_facts(record.line))
    found = [(k, v) for k, v in facts.items() if v is not None and k not in {"service", "environment"}]
    return sum(len(k) + len(v.encode()) for k, v in found), len(found)
