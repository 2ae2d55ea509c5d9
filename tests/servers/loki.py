"""A Loki that answers as the real one does (v3): what it takes, what it refuses, and the words in which it does so.

It knows the push path, that of OTLP, and queries of lines. A line is kept once, however often exactly the same comes;
`arrivals` counts them all. `loki_words` has the words and says where they were read.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.servers import loki_words as words
from tests.servers.loki_queries import LONGEST, MOST, query, query_range
from tests.servers.wire import Fault, Reply, Server, unpacked

SECOND = 1_000_000_000
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
ACCEPTED = Reply(204)


def label_string(stream: Mapping[str, str]) -> str:
    """Return a stream's labels as Loki writes them."""
    return "{" + ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted(stream.items())) + "}"


def rfc3339(at: int) -> str:
    """Return nanoseconds as Loki writes a time: whole seconds."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def go_time(at: int) -> str:
    """Return nanoseconds as Go prints a time: with a fraction, less its trailing zeros."""
    fraction = f".{at % SECOND:09}".rstrip("0").rstrip(".")
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S") + f"{fraction} +0000 UTC"


class LokiServer(Server):
    """Keeps the lines of each stream; limits are Loki's defaults unless given."""

    def __init__(
        self,
        faults: Iterable[Fault] = (),
        *,
        now: Callable[[], int] = time.time_ns,
        burst: int = 6 * 1024 * 1024,
        longest: int = 262_144,
        auth: bool = False,
        wording: Mapping[str, str] = words.LOWER,
        metadata_bytes: int = 65_536,
        metadata_count: int = 128,
        metadata_allowed: bool = True,
        most_labels: int = 15,
        most_lines: int = MOST,
        longest_query: int = LONGEST,
        stream_burst: int = 15 * 1024 * 1024,
    ) -> None:
        self.stream_burst = stream_burst
        self.wording = wording
        self.metadata_bytes = metadata_bytes
        self.metadata_count = metadata_count
        self.metadata_allowed = metadata_allowed
        self.most_labels = most_labels
        self.most_lines = most_lines
        self.longest_query = longest_query
        self.arrivals = 0
        self.now = now
        self.burst = burst
        self.longest = longest
        self.auth = auth
        self.streams: dict[str, dict[tuple[int, str, str], None]] = {}
        self.newest: dict[str, int] = {}
        super().__init__(faults)

    @property
    def lines(self) -> list[str]:
        """Every line, by stream and in the order of arrival."""
        with self.lock:
            return [line for kept in self.streams.values() for _, line, _ in kept]

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer a push, or a query."""
        if path == "/loki/api/v1/query":
            return query(self.streams, body)
        if path == "/loki/api/v1/query_range":
            if self.auth and not headers.get("x-scope-orgid"):
                return Reply(401, b"no org id\n")
            return query_range(self.streams, body, self.most_lines, self.longest_query)
        if path == "/otlp/v1/logs":
            reply = self._push(exported(unpacked(headers, body)))
            return Reply(reply.status, words.status_message(reply.body.decode().rstrip()) if reply.body else b"")
        return self._pushed(headers, body) if path == "/loki/api/v1/push" else Reply(404, b"404 page not found\n")

    def _pushed(self, headers: Mapping[str, str], body: bytes) -> Reply:
        if self.auth and not headers.get("x-scope-orgid"):
            return Reply(401, b"no org id\n")
        try:
            if not headers.get("content-type", "").startswith("application/json"):
                return Reply(400, b"mime: no media type\n")
            streams = parsed(unpacked(headers, body))
        except ValueError as error:
            return Reply(400, f"{error}\n".encode())
        if not streams:
            return Reply(422, b"error at least one valid stream is required for ingestion\n")
        return self._push(streams)

    def _push(self, streams: list[tuple[dict[str, str], list[tuple[int, str, str]]]]) -> Reply:
        size = sum(len(line) + len(meta) for _, values in streams for _, line, meta in values)
        if size > self.burst:
            return Reply(429, b"Ingestion rate limit exceeded for user fake (limit: 4194304 bytes/sec)\n")
        errors: list[str] = []
        ignored = ACCEPTED
        for labels, values in streams:
            # Of several streams the ingester tells only what became of the last (pkg/ingester/instance.go, `Push`).
            ignored = self._take(labels, values, errors)
        if ignored is not ACCEPTED:
            # The ingester's error comes first, and hides those of the distributor.
            return ignored
        return Reply(400, (words.grouped(errors) + "\n").encode()) if errors else ACCEPTED

    def _take(self, labels: dict[str, str], values: list[tuple[int, str, str]], errors: list[str]) -> Reply:
        name = label_string(labels)
        count = len(labels) - ("service_name" in labels)
        if count > self.most_labels:
            errors.append(words.LABEL_COUNT.format(stream=name, n=count, limit=self.most_labels))
            return ACCEPTED
        valid: list[tuple[int, str, str]] = []
        for at, line, meta in values:
            if (error := self._invalid(name, at, line, meta)) is None:
                valid.append((at, line, meta))
            else:
                errors.append(error)
        return self._store(name, valid)

    def _invalid(self, name: str, at: int, line: str, meta: str) -> str | None:
        now = self.now()
        if at < now - 7 * 86_400 * SECOND:
            oldest = rfc3339(now - 7 * 86_400 * SECOND)
            return words.TOO_OLD.format(stream=name, at=rfc3339(at), oldest=oldest)
        if at > now + 600 * SECOND:
            return words.TOO_NEW.format(stream=name, at=rfc3339(at))
        if (length := len(line.encode())) > self.longest:
            return self.wording["long"].format(limit=self.longest, stream=name, n=length)
        return self._invalid_metadata(name, json.loads(meta))

    def _invalid_metadata(self, name: str, metadata: Mapping[str, str]) -> str | None:
        size = sum(len(key) + len(value.encode()) for key, value in metadata.items())
        if metadata and not self.metadata_allowed:
            return words.METADATA_OFF.format(stream=name)
        if size > self.metadata_bytes:
            return words.METADATA_LARGE.format(stream=name, n=size, limit=self.metadata_bytes)
        if len(metadata) > self.metadata_count:
            return words.METADATA_MANY.format(stream=name, n=len(metadata), limit=self.metadata_count)
        return None

    def _store(self, name: str, values: list[tuple[int, str, str]]) -> Reply:
        stream = self.streams.setdefault(name, {})
        ignored: list[tuple[int, str]] = []
        status, room = 400, self.stream_burst
        for at, line, meta in values:
            size = len(line.encode()) + sum(len(k) + len(v) for k, v in json.loads(meta).items())
            cutoff = self.newest.get(name, at) - 3600 * SECOND
            if size > room:
                # What the limiter does not allow costs it nothing: a shorter line behind it may be taken.
                status = 429
                ignored.append((at, words.STREAM_RATE.format(stream=name, n=size)))
            elif at < cutoff:
                status = 400
                ignored.append((at, words.BEHIND.format(at=rfc3339(at), oldest=rfc3339(cutoff))))
            else:
                room -= size
                self.newest[name] = max(at, self.newest.get(name, at))
                stream[at, line, meta] = None
                self.arrivals += 1
        if not ignored:
            return ACCEPTED
        said = [f"entry with timestamp {go_time(at)} ignored, reason: '{reason}'," for at, reason in ignored[:10]]
        total = f"user 'fake', total ignored: {len(ignored)} out of {len(values)} for stream: {name}"
        return Reply(status, "\n".join([*said, total, ""]).encode())


def parsed(body: bytes) -> list[tuple[dict[str, str], list[tuple[int, str, str]]]]:
    """Return the streams of a push; `ValueError` in Loki's words for what costs the whole request."""
    try:
        push: Any = json.loads(body)
    except ValueError as error:
        msg = f"loghttp.PushRequest.Streams: {error}"
        raise ValueError(msg) from error
    streams: list[tuple[dict[str, str], list[tuple[int, str, str]]]] = []
    for stream in push["streams"]:
        labels = {name: str(value) for name, value in stream["stream"].items()}
        for name in labels:
            if not LABEL.fullmatch(name):
                msg = f"couldn't parse labels: {label_string(labels)}"
                raise ValueError(msg)
        streams.append((labels, [_entry(value) for value in stream["values"]]))
    return streams


def _entry(value: list[Any]) -> tuple[int, str, str]:
    at, line, *rest = value
    metadata: dict[str, Any] = rest[0] if rest else {}
    if not isinstance(at, str) or not isinstance(line, str) or not all(isinstance(v, str) for v in metadata.values()):
        msg = "loghttp.PushRequest.Streams: []loghttp.LogProtoStream: Value looks like Number/Boolean/None"
        raise ValueError(msg)
    return int(at), line, json.dumps(metadata, sort_keys=True)


def exported(body: bytes) -> list[tuple[dict[str, str], list[tuple[int, str, str]]]]:
    """Return the streams that Loki makes of an export request: resource attributes as labels, others as metadata."""
    streams: list[tuple[dict[str, str], list[tuple[int, str, str]]]] = []
    for resource in json.loads(body)["resourceLogs"]:
        about = {
            one["key"].replace(".", "_"): one["value"]["stringValue"] for one in resource["resource"]["attributes"]
        }
        values = [
            (int(record["timeUnixNano"]), record["body"]["stringValue"], _attributes(record))
            for scope in resource["scopeLogs"]
            for record in scope["logRecords"]
        ]
        streams.append((about, values))
    return streams


def _attributes(record: dict[str, Any]) -> str:
    found = {one["key"].replace(".", "_"): str(next(iter(one["value"].values()))) for one in record["attributes"]}
    found |= {"severity_number": str(record["severityNumber"]), "severity_text": record["severityText"]}
    return json.dumps(found, sort_keys=True)
