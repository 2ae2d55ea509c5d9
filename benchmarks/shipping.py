"""What shipping costs, as a multiple of a loop that encodes the same documents with json and posts them.

    python -m benchmarks.shipping

Both sides send to a process that answers at once. Ours also writes to disk, reads back, judges answers and keeps the
books; both run the same events, and the same bytes go over the wire (no compression on either side).
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from pepperpy_obs.shipping.elastic import Elastic
from pepperpy_obs.shipping.logstash import Logstash
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.otlp import Otlp
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import Payload
from pepperpy_obs.shipping.shipper import Shipper
from pepperpy_obs.shipping.sink import SinkSpec

EVENTS = 60_000
ROUNDS = 3
SINK = r"""
import socket, sys, threading
def serve(connection):
    file = connection.makefile("rb")
    while line := file.readline():
        length = 0
        while (header := file.readline()) != b"\r\n":
            if header.lower().startswith(b"content-length:"):
                length = int(header.split(b":")[1])
        body = file.read(length)
        if b"_bulk" in line:
            item = b'{"create":{"_index":"x","_id":"%032d","_version":1,"result":"created","status":201}}' % 0
            answer = b'{"took":1,"errors":false,"items":[' + b",".join([item] * (body.count(b"\n") // 2)) + b"]}"
            status = b"200 OK"
        elif b"/v1/logs" in line:
            answer, status = b"{}", b"200 OK"
        else:
            answer, status = b"", b"204 No Content"
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(head % (status, len(answer)) + answer)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


def events() -> list[Record]:
    """Return finished calls as the chain renders them, about 540 bytes each."""
    made: list[Record] = []
    for n in range(EVENTS):
        key = f"{n:032x}"
        event = {
            "timestamp": f"2026-11-23T12:00:00.{n % 10**6:06d}Z",
            "level": "info",
            "event": "operation.finished",
            "event_id": key,
            "operation": "Agent.answer",
            "kind": "llm",
            "outcome": "ok",
            "duration_seconds": 0.123456,
            "provider": "openai",
            "model": "gpt-4o",
            "response_model": "gpt-4o-2024-08-06",
            "response_id": f"resp_{n:024x}",
            "input_tokens": 1234,
            "output_tokens": 345,
            "cost_usd": "0.006535",
            "cost_source": "genai-prices",
            "trace_id": f"{n * 7:032x}",
            "span_id": f"{n:016x}",
            "service": "shop",
            "environment": "production",
        }
        made.append(Record(1_795_435_200_000_000_000 + n, key, json.dumps(event, separators=(",", ":")).encode()))
    return made


@contextmanager
def receiver(port: int = 0) -> Generator[int]:
    """Run the process that answers at once and return its port."""
    command = [sys.executable, "-c", SINK, str(port)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - our own words
    if running.stdout is None:
        raise RuntimeError
    yield int(running.stdout.readline())
    running.kill()
    running.wait()
    running.stdout.close()


def by_hand(spec: SinkSpec, records: list[Record], port: int) -> Callable[[], None]:
    """Return a loop that encodes with json what `spec` would post, and posts it."""
    requests = [
        spec.encode(Payload(records[start : start + spec.batch_records], "host-0"))
        for start in range(0, len(records), spec.batch_records)
    ]
    documents: list[list[Any]] = [[json.loads(line) for line in request.body.splitlines()] for request in requests]

    def loop() -> None:
        connection = HTTPConnection("127.0.0.1", port)
        for request, values in zip(requests, documents, strict=True):
            body = b"".join([json.dumps(value).encode() + b"\n" for value in values])
            connection.request("POST", request.path, body, dict(request.headers))
            connection.getresponse().read()
        connection.close()

    return loop


def ours(spec: SinkSpec, records: list[Record]) -> Callable[[], None]:
    """Return a run through the shipper, from the first offer to the last acknowledgement."""

    def run() -> None:
        with tempfile.TemporaryDirectory() as directory:
            shipper = Shipper([spec], Path(directory), queue_bytes=2**30)
            for start in range(0, len(records), 64):
                shipper.offer(records[start : start + 64])
            if not shipper.flush(120):
                raise RuntimeError(shipper.ledgers())
            shipper.close()

    return run


def caught_up(spec: SinkSpec, records: list[Record], port: int) -> float:
    """Return how many events a second go out once a receiver is back that was away while all of them came."""
    with tempfile.TemporaryDirectory() as directory:
        shipper = Shipper([replace(spec, retry_first=0.01, retry_most=0.01)], Path(directory), queue_bytes=2**30)
        shipper.offer(records)
        shipper.sync(60)
        with receiver(port):
            started = time.perf_counter()
            if not shipper.flush(120):
                raise RuntimeError(shipper.ledgers())
            taken = time.perf_counter() - started
            shipper.close()
    return len(records) / taken


def best(run: Callable[[], None]) -> tuple[float, float]:
    """Return the least seconds of CPU and of the clock that a run took."""
    taken: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        run()
        taken.append((time.process_time() - cpu, time.perf_counter() - wall))
    return min(one[0] for one in taken), min(one[1] for one in taken)


def main() -> None:
    """Print one row for each kind of sink."""
    records = events()
    print(f"{'sink':8} {'by hand':>10} {'ours':>10} {'ratio (CPU)':>12} {'events/s':>10} {'catch-up':>10}")
    specs: list[SinkSpec] = []
    rows: list[str] = []
    with receiver() as port:
        url = f"http://127.0.0.1:{port}"
        specs += (
            Loki(url=url, gzip=False),
            Elastic(url=url, gzip=False),
            Logstash(url=f"{url}/logstash", gzip=False),
            Otlp(url=url, gzip=False),
        )
        for spec in specs:
            floor, _ = best(by_hand(spec, records, port))
            cpu, wall = best(ours(spec, records))
            each = 1e6 / len(records)
            rate = len(records) / wall
            rows.append(f"{spec.name:8} {floor * each:7.1f} us {cpu * each:7.1f} us {cpu / floor:12.2f} {rate:10,.0f}")
    for spec, row in zip(specs, rows, strict=True):
        print(f"{row} {caught_up(spec, records, port):10,.0f}")


if __name__ == "__main__":
    main()
