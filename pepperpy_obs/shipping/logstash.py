"""Logstash's `http` input: events in, request out; answer in, what became of them out.

Not its `tcp` input: that acknowledges nothing, and what sits in a socket's buffer when it dies is gone.
The input answers for the whole request: it has queued all events, or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec

from pepperpy_obs.formats.ecs import to_ecs
from pepperpy_obs.shipping.elastic import Document, document_of
from pepperpy_obs.shipping.results import (
    Answer,
    Payload,
    Request,
    SendResult,
    all_acknowledged,
    common_result,
    hold,
    split,
)
from pepperpy_obs.shipping.sink import SinkSpec

__all__ = ["Logstash"]

_encode = msgspec.json.Encoder(decimal_format="string").encode


@dataclass(frozen=True, kw_only=True)
class Logstash(SinkSpec):
    """A Logstash pipeline that starts with the `http` input.

    A resend cannot be told from a new event there, unless the pipeline sets `document_id => "%{[event][id]}"`.
    """

    kind: ClassVar[str] = "logstash"
    document: Document = to_ecs

    def encode(self, payload: Payload) -> Request:
        """Return one JSON array, which the input's json codec takes apart into events."""
        documents = [document_of(record, self.document) for record in payload.records]
        return self.request("", "application/json", _encode(documents))

    def judge(self, payload: Payload, answer: Answer) -> SendResult:
        """Return what became of the request; 429 means that the pipeline is behind."""
        if answer.status in {200, 201, 202, 204}:
            # The input writes "ok"; what stands in for it (Vector, Fluent Bit) writes nothing.
            own = answer.body.strip() in {b"", b"ok"}
            return all_acknowledged(len(payload.records)) if own else hold(answer, doubtful=True)
        if answer.status == 400:
            return split(answer)
        return common_result(answer) or hold(answer)
