"""Every example of a receiver runs against a server that speaks as the real one does, away at first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.servers.elastic import ElasticServer
from tests.servers.http_input import LogstashServer, OtlpServer, plain
from tests.servers.loki import LokiServer
from tests.servers.wire import Server

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, cwd: Path, *arguments: str, **settings: str) -> str:
    """Run an example in an empty folder; it must end well and say nothing on standard error."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PEPPERPY_")} | settings
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True, timeout=60, env=environment)
    assert done.stderr == ""
    return done.stdout


def test_to_a_file(tmp_path: Path) -> None:
    """A thousand ECS lines, in order over renamed files."""
    run("to_file.py", tmp_path, "events.log")
    paths = [tmp_path / f"events.log.{number}" for number in range(9, 0, -1)] + [tmp_path / "events.log"]
    lines = [json.loads(line) for path in paths if path.exists() for line in path.read_text().splitlines()]
    assert len([path for path in paths if path.exists()]) > 2
    assert [line["labels"]["order"] for line in lines] == [str(number) for number in range(1000)]


def lines_of(server: Any) -> list[int]:
    """Return the orders in the lines, stream by stream."""
    return [json.loads(line)["order"] for stream in server.streams.values() for _, line, _ in stream]


def documents_of(server: Any) -> list[int]:
    """Return the orders of the documents, as they came."""
    return [int(document["labels"]["order"]) for document in server.documents.values()]


def events_of(server: Any) -> list[int]:
    """Return the orders of the events, as they came."""
    return [int(event["labels"]["order"]) for event in server.events]


def records_of(server: Any) -> list[int]:
    """Return the orders of the log records, as they came."""
    return [int(plain(record["attributes"])["order"]) for _, record in server.records]


@pytest.mark.parametrize(
    "name, make, found, whole",
    [
        ("to_loki.py", LokiServer, lines_of, "Loki has all of it\n"),
        ("to_elasticsearch.py", ElasticServer, documents_of, "Elasticsearch has all of it\n"),
        ("to_logstash.py", LogstashServer, events_of, "Logstash has all of it\n"),
        ("to_otlp.py", OtlpServer, records_of, "the Collector has all of it\n"),
    ],
)
def test_to_a_receiver(
    name: str, make: Callable[[], Server], found: Callable[[Any], list[int]], whole: str, tmp_path: Path
) -> None:
    """Without the receiver events wait on disk; the next start sends them first, and each arrives once, in order."""
    with make() as server:
        server.pause()
        assert run(name, tmp_path, server.url, PEPPERPY_SHUTDOWN_TIMEOUT="0.5").endswith(
            "bytes wait for the next start\n"
        )
        server.resume()
        # Sending takes a fraction of a second, but who knows what else the machine has to do.
        assert run(name, tmp_path, server.url, PEPPERPY_SHUTDOWN_TIMEOUT="30") == whole
        assert found(server) == [*range(1000), *range(1000)]
