"""The read side of Loki's HTTP API: `query_range` of lines (docs/sources/reference/loki-http-api.md, v3).

Of LogQL it knows a selector with `=` and `=~` and line filters `|=`; metric queries go to `logql`. `start` is
part of the range, `end` is not. Limits are Loki's defaults (pkg/validation/limits.go): 5,000 lines, 721 hours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

from tests.servers.logql import evaluate
from tests.servers.wire import Reply

MATCHER = re.compile(r'(\w+)(=~|=)("(?:[^"\\]|\\.)*")')
QUERY = re.compile(r'\{((?:\s*\w+=~?"(?:[^"\\]|\\.)*",?)+)\}((?:\s*\|=\s*"(?:[^"\\]|\\.)*")*)')
MOST = 5000
LONGEST = 721 * 3600 * 1_000_000_000

Streams = Mapping[str, Mapping[tuple[int, str, str], None]]


def query_range(streams: Streams, body: bytes, most: int = MOST, longest: int = LONGEST) -> Reply:
    """Answer a query whose parameters came in a form."""
    asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    start, end, limit = int(asked["start"]), int(asked["end"]), int(asked.get("limit", "100"))
    query = QUERY.fullmatch(asked["query"])
    if query is None:
        return Reply(400, f"parse error in {asked['query']}: syntax error\n".encode())
    if limit > most:
        return Reply(
            400, f"max entries limit per query exceeded, limit > max_entries_limit ({limit} > {most})\n".encode()
        )
    if end - start > longest:
        return Reply(400, b"the query time range exceeds the limit (query length: 800h0m0s, limit: 30d1h)\n")
    backward = asked.get("direction", "backward") == "backward"
    found = sorted(_found(streams, query, start, end), key=lambda entry: entry[1], reverse=backward)[:limit]
    result: dict[str, Any] = {}
    for labels, at, line in found:
        stream = result.setdefault(json.dumps(labels, sort_keys=True), {"stream": labels, "values": []})
        stream["values"].append([str(at), line])
    data = {"resultType": "streams", "result": list(result.values()), "stats": {}}
    return Reply(200, json.dumps({"status": "success", "data": data}).encode())


def query(streams: Streams, body: bytes) -> Reply:
    """Answer an instant query of a metric."""
    asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    rows = [
        ({**{label: json.loads(value) for label, _, value in MATCHER.findall(name)}, **json.loads(metadata)}, at, line)
        for name, entries in streams.items()
        for at, line, metadata in entries
    ]
    now = int(asked["time"])
    try:
        found = evaluate(asked["query"], rows, now)
    except ValueError as error:
        return Reply(400, f"parse error: {error}\n".encode())
    result = [{"metric": dict(labels), "value": [now / 1e9, str(value)]} for labels, value in found.items()]
    return Reply(200, json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode())


def _found(streams: Streams, query: re.Match[str], start: int, end: int) -> Iterator[tuple[dict[str, str], int, str]]:
    needles = [json.loads(text) for text in re.findall(r'"(?:[^"\\]|\\.)*"', query[2])]
    for name, entries in streams.items():
        labels = {label: json.loads(value) for label, _, value in MATCHER.findall(name)}
        if not all(
            _matches(labels.get(label, ""), how, json.loads(value)) for label, how, value in MATCHER.findall(query[1])
        ):
            continue
        for at, line, metadata in entries:
            if start <= at < end and all(needle in line for needle in needles):
                yield {**labels, **json.loads(metadata)}, at, line


def _matches(value: str, how: str, wanted: str) -> bool:
    return value == wanted if how == "=" else re.fullmatch(wanted, value) is not None
