"""Servers for the two protocols that take a whole request or none: Logstash's `http` input, and OTLP logs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.servers.wire import Fault, Reply, Server, unpacked


class LogstashServer(Server):
    """Keeps every event; `authorization` is the header that it insists on."""

    def __init__(self, faults: Iterable[Fault] = (), *, authorization: str = "") -> None:
        self.authorization = authorization
        self.events: list[dict[str, Any]] = []
        super().__init__(faults)

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Take an array of events, as the input's json codec does; the input answers "ok"."""
        if self.authorization and headers.get("authorization") != self.authorization:
            return Reply(401, b"", {"WWW-Authenticate": 'Basic realm="Logstash"'})
        self.events += json.loads(unpacked(headers, body))
        return Reply(200, b"ok")


class OtlpServer(Server):
    """Keeps every log record with the attributes of its resource."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.records: list[tuple[dict[str, Any], dict[str, Any]]] = []
        super().__init__(faults)

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Take an export request in JSON."""
        if path != "/v1/logs":
            return Reply(404, b"404 page not found\n")
        for resource in json.loads(unpacked(headers, body))["resourceLogs"]:
            about = plain(resource["resource"]["attributes"])
            for scope in resource["scopeLogs"]:
                self.records += [(about, record) for record in scope["logRecords"]]
        return Reply(200, b"{}")


def plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return attributes as a dict; the values are as OTLP's JSON spells them."""
    return {one["key"]: next(iter(one["value"].values())) for one in attributes}
