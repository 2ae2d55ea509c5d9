"""Loki's push protocol: events in, request out; answer in, what became of each line out. No connection here.

JSON and gzip: smaller and quicker in Python than protobuf and snappy. Few labels, all of them steady; what varies
with each call is structured metadata.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec

from pepperpy_obs.errors import SetupError
from pepperpy_obs.shipping import loki_answers
from pepperpy_obs.shipping.outcome import (
    Answer,
    Parcel,
    Request,
    Verdict,
    all_acknowledged,
    common_verdict,
    hold,
    retry,
)
from pepperpy_obs.shipping.sink import SinkSpec

__all__ = ["Loki"]

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LONGEST = 1024
"""Of a metadata value: 64 KB are allowed for all of a line together."""


class _Facts(msgspec.Struct, omit_defaults=True):
    """What of an event becomes a label or metadata; anything else in it is left to the line."""

    service: Any = None
    environment: Any = None
    level: Any = None
    operation: Any = None
    kind: Any = None
    agent: Any = None
    outcome: Any = None
    provider: Any = None
    model: Any = None
    trace_id: Any = None
    span_id: Any = None


_METADATA = ("level", "operation", "kind", "agent", "outcome", "provider", "model", "trace_id", "span_id")
_decode = msgspec.json.Decoder(_Facts).decode
_encode = msgspec.json.Encoder().encode


def _metadata(facts: _Facts) -> dict[str, str]:
    """Return it as Loki wants it: one value that is no string costs the whole request."""
    found: dict[str, str] = {}
    for name in _METADATA:
        value = getattr(facts, name)
        if value is not None and value != "":
            found[name] = value[:_LONGEST] if isinstance(value, str) else str(value)[:_LONGEST]
    return found


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
    success: tuple[int, ...] = (204,)
    """Statuses that mean "I have it": Loki also has a 2xx, 260, by which it refuses."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for label in self.labels:
            if not _LABEL.fullmatch(label):
                msg = f"{label!r} cannot be a Loki label: give letters, digits and '_', no digit first"
                raise SetupError(msg)

    def _stream(self, facts: _Facts, parcel: Parcel) -> dict[str, str]:
        labels = {"service_name": str(facts.service or "unknown_service"), "instance": parcel.instance, **self.labels}
        if facts.environment:
            labels["environment"] = str(facts.environment)
        if parcel.replay:
            labels["replay"] = "1"
        return labels

    def encode(self, parcel: Parcel) -> Request:
        """Return one push, oldest line first: Loki's rule of order holds within one request, too."""
        streams: dict[tuple[Any, Any], tuple[dict[str, str], list[Any]]] = {}
        for record in sorted(parcel.records, key=lambda record: record.at):
            facts = _decode(record.line)
            key = (str(facts.service), str(facts.environment))
            if (stream := streams.get(key)) is None:
                stream = streams[key] = (self._stream(facts, parcel), [])
            entry: list[Any] = [str(record.at), record.line.decode()]
            if self.metadata:
                entry.append(_metadata(facts))
            stream[1].append(entry)
        body = _encode({"streams": [{"stream": labels, "values": values} for labels, values in streams.values()]})
        made = self.request("/loki/api/v1/push", "application/json", body)
        return Request(made.path, made.body, {**made.headers, "X-Scope-OrgID": self.tenant}) if self.tenant else made

    def judge(self, parcel: Parcel, answer: Answer) -> Verdict:
        """Return what became of each line; a 400 may mean that nothing, or that all others are in."""
        if answer.status in self.success:
            return all_acknowledged(len(parcel.records))
        if answer.status == 400:
            return loki_answers.judge_refusal(parcel, answer)
        if (verdict := common_verdict(answer)) is not None:
            return verdict
        # 260 ("ingestion blocked") is an operator's decision; 422 and whatever else comes is somebody's mistake.
        return hold(answer) if answer.status != 200 else retry(answer)
