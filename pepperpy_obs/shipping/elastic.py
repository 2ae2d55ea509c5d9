"""Elasticsearch's bulk protocol: events in, request out; answer in, what became of each document out.

Always `create` with the event's id: a resent event is answered with 409, which means that it is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import msgspec

from pepperpy_obs.errors import SetupError
from pepperpy_obs.events import VOCABULARY
from pepperpy_obs.formats.ecs import to_ecs
from pepperpy_obs.shipping.elastic_wordings import advice_for
from pepperpy_obs.shipping.header import rfc3339
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
    split,
)
from pepperpy_obs.shipping.sink import SinkSpec

__all__ = ["Document", "Elastic", "as_it_is", "document_of"]

Document = Callable[[dict[str, Any]], Mapping[str, Any]]
"""Turns an event into the document that stands for it."""

_TARGET = re.compile(r'[^A-Z_+\-.\\/*?"<>| ,#:\s][^A-Z\\/*?"<>| ,#:\s]{0,254}')
_OURS = VOCABULARY | {"exception", "logger"}
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder(decimal_format="string").encode


def document_of(record: Record, document: Document, *, reduced: bool = False) -> Mapping[str, Any]:
    """Return a record's document; one without a time, which no data stream takes, gets the record's.

    A reduced one is without the user's fields, and says so.
    """
    event = _decode(record.line)
    if reduced:
        found = dict(document({name: value for name, value in event.items() if name in _OURS}))
        found.pop("labels", None)
        found["pepperpy"] = {**found.get("pepperpy", {}), "labels_dropped": True}
    else:
        found = dict(document(event))
    if found.get("@timestamp") is None:
        return {**found, "@timestamp": rfc3339(record.at)}
    return found


def as_it_is(event: dict[str, Any]) -> Mapping[str, Any]:
    """Return the event under its own names, with the `@timestamp` that a data stream asks for."""
    return {"@timestamp": event.pop("timestamp", None), **event}


class _Cause(msgspec.Struct):
    type: str = ""
    reason: str | None = ""


class _Item(msgspec.Struct):
    status: int
    error: _Cause | str | None = None
    failure_store: str = ""


class _Bulk(msgspec.Struct):
    errors: bool
    items: list[dict[str, _Item]]


_read = msgspec.json.Decoder(_Bulk).decode


@dataclass(frozen=True, kw_only=True)
class Elastic(SinkSpec):
    """An Elasticsearch, or what speaks its bulk protocol."""

    kind: ClassVar[str] = "elastic"
    target: str = "logs-pepperpy.events-default"
    """A data stream, an index or an alias."""
    document: Document = to_ecs
    batch_bytes: int = 4_000_000
    batch_records: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _TARGET.fullmatch(self.target):
            msg = (
                f"{self.target!r} cannot be an index or data stream: give lower-case letters, digits, '-', '_' and '.'"
            )
            raise SetupError(msg)

    def encode(self, payload: Payload) -> Request:
        """Return one bulk request; the last line ends with a newline, as the protocol asks."""
        lines: list[bytes] = []
        for record in payload.records:
            action = {"create": {"_id": record.id}} if record.id else {"create": {}}
            lines += (_encode(action), _encode(document_of(record, self.document, reduced=payload.reduced)))
        lines.append(b"")
        return self.request(f"/{self.target}/_bulk", "application/x-ndjson", b"\n".join(lines))

    def judge(self, payload: Payload, answer: Answer) -> SendResult:
        """Return what became of each document: a 200 says nothing before its items are read."""
        if answer.status == 400:
            told = _SET_UP.search(answer.text)
            return hold(answer) if told else split(answer, doubtful=b'"error"' not in answer.body)
        if answer.status != 200:
            return common_result(answer) or hold(answer)
        try:
            items = _read(answer.body).items
        except (ValueError, RecursionError):
            # A server that answers in other words has not stored anything.
            return hold(answer, doubtful=True)
        if len(items) != len(payload.records):
            # Elasticsearch 7.10.2 and 7.11.1 did that (logstash-output-elasticsearch, common.rb).
            text = f"{len(items)} items for {len(payload.records)} documents"
            return SendResult("retry", "garbage", text, doubtful=True)
        outcomes = [
            judge_item(next(iter(item.values())), reduced=payload.reduced) if item else RecordResult("again", "garbage")
            for item in items
        ]
        held = next((outcome for outcome in outcomes if outcome.reason in _HOLD), None)
        if held is not None and not any(outcome.what in {"acknowledged", "rejected"} for outcome in outcomes):
            advice = advice_for(held.detail)
            return SendResult("hold", held.reason, f"{held.detail}; {advice}" if advice else held.detail)
        return SendResult("settle", outcomes=outcomes)


_HOLD = frozenset(
    {
        "cluster_block_exception",
        "index_not_found_exception",
        "index_closed_exception",
        "security_exception",
        "set_up",
    }
)
_SET_UP = re.compile(r"no write index is defined|pipeline with id \[|maximum (\w+ )?shards open")
"""What a 400 to every document says: the alias has several indices, the pipeline is gone, no index can be made."""


_MAPPING = frozenset(
    {
        "mapper_parsing_exception",
        "document_parsing_exception",
        "strict_dynamic_mapping_exception",
        "illegal_argument_exception",
    }
)
"""What Elasticsearch says of a field that does not fit: up to 8.7, from 8.8 on, under `dynamic: strict`, and of one
past the limit of fields or of another kind than before (org.elasticsearch.index.mapper)."""


def judge_item(item: _Item, *, reduced: bool = False) -> RecordResult:
    """Return what became of one document.

    What a person can repair (no such index, disk past its flood stage, a role too narrow) is kept and sent again.
    """
    if item.failure_store == "used":
        # From 9.2 on the default of logs-*-*: a 201, and no search of the data stream finds it. The cause is not told.
        return RecordResult("rejected" if reduced else "reduced", "failure_store", f"{item.status} failure_store: used")
    if item.status < 300 or item.status == 409:
        return ACKNOWLEDGED
    cause = _Cause(type=item.error) if isinstance(item.error, str) else item.error or _Cause()
    detail = f"{item.status} {cause.type}: {cause.reason}"[:500]
    if _SET_UP.search(cause.reason or ""):
        return RecordResult("again", "set_up", detail)
    if item.status == 429 or item.status >= 500 or cause.type in _HOLD or item.status in {401, 403}:
        doubtful = item.status >= 500 and cause.type not in _HOLD
        return RecordResult("again", cause.type or str(item.status), detail, doubtful=doubtful)
    what: Literal["rejected", "reduced"] = "reduced" if cause.type in _MAPPING and not reduced else "rejected"
    return RecordResult(what, cause.type or str(item.status), detail)
