"""An Elasticsearch that answers `_bulk` as the real one does: item by item, each with a status of its own."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.servers.elastic_search import search
from tests.servers.wire import Fault, Reply, Server, unpacked

Item = tuple[int, str, str]
"""Status, type of error, reason; of a good item only the status counts."""

CREATED: Item = (201, "", "")
BUSY: Item = (429, "es_rejected_execution_exception", "rejected execution of coordinating operation")


def error(status: int, kind: str, reason: str) -> Reply:
    """Return an error for a whole request, as Elasticsearch words it."""
    return Reply(status, json.dumps({"error": {"type": kind, "reason": reason}, "status": status}).encode())


class ElasticServer(Server):
    """Keeps documents by index and id; a field keeps the type that its first document gave it.

    `items` are used up, one for each document that would be created, before any is judged on its merits.
    """

    def __init__(
        self,
        faults: Iterable[Fault] = (),
        *,
        items: Iterable[Item | None] = (),
        api_key: str = "",
        failure_store: bool = False,
        points_in_time: bool = True,
        text_ids: bool = False,
        broken_shards: int = 0,
    ) -> None:
        self.text_ids = text_ids
        """Whether `event.id` is mapped as text, as it is without a template."""
        self.broken_shards = broken_shards
        self.points_in_time = points_in_time
        self.pits: dict[str, dict[str, Any]] = {}
        self.failure_store = failure_store
        self.failures: list[Any] = []
        """What of a data stream did not fit, from 9.2 on."""
        self.items = deque(items)
        self.api_key = api_key
        self.indices: dict[str, dict[str, Any]] = {}
        self.types: dict[str, type] = {}
        self.conflicts = 0
        self.caps: dict[str, Any] | None = None
        """What `_field_caps` says of a field: its types."""
        super().__init__(faults)

    @property
    def documents(self) -> dict[str, Any]:
        """Every document by its id."""
        with self.lock:
            return {key: document for index in self.indices.values() for key, document in index.items()}

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer a bulk request."""
        if self.api_key and headers.get("authorization") != f"ApiKey {self.api_key}":
            return error(401, "security_exception", "missing authentication credentials for REST request")
        if "/_field_caps?fields=" in path or path.partition("?")[0].endswith("/_search") or "/_pit?" in path:
            return self._read(path, body)
        if not path.endswith("/_bulk"):
            return error(404, "no_handler", f"no handler found for uri [{path}]")
        if headers.get("content-type") not in {"application/x-ndjson", "application/json"}:
            return error(406, "media_type_header_exception", "Content-Type header is not supported")
        data = unpacked(headers, body)
        if not data.endswith(b"\n"):
            return error(400, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]")
        return self._bulk(path.strip("/").removesuffix("/_bulk"), data.split(b"\n")[:-1])

    def _read(self, path: str, body: bytes) -> Reply:
        index, _, what = path.strip("/").rpartition("/")
        if what.startswith("_field_caps"):
            if self.caps is None:
                return error(404, "no_handler", f"no handler found for uri [{path}]")
            return Reply(200, json.dumps({"indices": [index], "fields": {path.partition("=")[2]: self.caps}}).encode())
        if what.startswith("_pit"):
            if not self.points_in_time:
                return error(405, "method_not_allowed", f"Incorrect HTTP method for uri [{path}] and method [POST]")
            pit = f"pit {len(self.pits)}"
            self.pits[pit] = dict(self.indices.get(index, {}))
            return Reply(200, json.dumps({"id": pit}).encode())
        return self._search(index, json.loads(body))

    def _search(self, index: str, asked: dict[str, Any]) -> Reply:
        if self.broken_shards:
            return search({}, asked, "", failed=self.broken_shards)
        if index and self.text_ids and any("event.id" in one for one in asked.get("sort", ())):
            reason = "Fielddata is disabled on [event.id] in [events]. Text fields are not optimised for operations"
            return error(400, "illegal_argument_exception", reason)
        if index:
            return search(self.indices.get(index, {}), asked)
        pit = asked["pit"]["id"]
        return search(self.pits[pit], asked, pit)

    def _bulk(self, index: str, lines: list[bytes]) -> Reply:
        pairs: list[tuple[str, str, bytes]] = []
        for action, source in zip(lines[::2], lines[1::2], strict=True):
            ((operation, meta),) = json.loads(action).items()
            if len(meta.get("_id", "").encode()) > 512:
                return error(400, "action_request_validation_exception", "Validation Failed: 1: id is too long")
            pairs.append((operation, meta.get("_id", ""), source))
        items: list[dict[str, Any]] = []
        stream = index.startswith("logs-")
        for operation, key, source in pairs:
            if stream and operation != "create":
                words = "only write ops with an op_type of create are allowed in data streams"
                status, kind, reason = 400, "illegal_argument_exception", words
            else:
                status, kind, reason = self._create(index, key, source)
            item: dict[str, Any] = {"_index": index, "_id": key, "status": status}
            if kind and stream and self.failure_store and status == 400:
                self.failures.append(json.loads(source))
                item |= {"_index": f".fs-{index}", "_id": "made there", "status": 201, "failure_store": "used"}
            elif kind:
                item["error"] = {"type": kind, "reason": reason}
            items.append({operation: item})
        failed = any("error" in item for one in items for item in one.values())
        return Reply(200, json.dumps({"took": 3, "errors": failed, "items": items}).encode())

    def _create(self, index: str, key: str, source: bytes) -> Item:
        """Judge one document; a target that is named as data streams are is one."""
        documents = self.indices.setdefault(index, {})
        if (item := self.items.popleft() if self.items else None) is not None and item != CREATED:
            return item
        if key in documents:
            self.conflicts += 1
            return 409, "version_conflict_engine_exception", f"[{key}]: version conflict, document already exists"
        try:
            document = json.loads(source, parse_constant=_no_constant)
        except ValueError as problem:
            return 400, "mapper_parsing_exception", f"failed to parse: {problem}"
        if index.startswith("logs-") and not isinstance(document.get("@timestamp"), str):
            return 400, "document_parsing_exception", "data stream timestamp field [@timestamp] is missing"
        for name, value in document.items():
            if self.types.setdefault(name, type(value)) is not type(value):
                return 400, "mapper_parsing_exception", f"failed to parse field [{name}]"
        documents[key] = document
        return CREATED


def _no_constant(name: str) -> Callable[[], None]:
    msg = f"Non-standard token '{name}'"
    raise ValueError(msg)
