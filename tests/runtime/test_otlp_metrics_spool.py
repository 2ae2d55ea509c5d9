"""Metrics wait in a spool of their own: an outage delays deltas, and a forked child tells its own."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.servers.wire import wait_until

PROGRAM = """
import os, sys, time
from pepperpy_obs import Config, configure, flush, measured, shutdown

@measured(operation="work")
def work():
    pass

configure(Config(
    config_file=None, log_format="none", otlp_url=sys.argv[1], otlp_signals=("metrics",), otlp_temporality="delta",
    ship_directory=sys.argv[2], metrics_interval=0.05, shutdown_timeout=60,
))
for _ in range(3):
    work()
    time.sleep(0.2)
child = os.fork()
if child == 0:
    work()
    time.sleep(0.2)
    work()
    shutdown()
    os._exit(0)
work()
print("waiting", flush=True)
sys.stdin.readline()
os.waitpid(child, 0)
shutdown()
"""


class Receiver(ThreadingHTTPServer):
    """Takes metrics once it is `up`, and keeps the points of one of them by instance."""

    up = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.points: list[tuple[str, int, int, int]] = []
        self.refused = 0


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver = cast("Receiver", self.server)
        body = self.rfile.read(int(self.headers["content-length"]))
        if not receiver.up:
            receiver.refused += 1
            self.send_response(503)
            self.end_headers()
            return
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            (instance,) = (
                one.value.string_value for one in resource.resource.attributes if one.key == "service.instance.id"
            )
            for metric in resource.scope_metrics[0].metrics:
                if metric.name == "pepperpy.operations":
                    receiver.points += [
                        (instance, point.start_time_unix_nano, point.time_unix_nano, point.as_int)
                        for point in metric.sum.data_points
                        if point.as_int
                    ]
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@pytest.fixture
def receiver(no_thread_left: None) -> Iterator[Receiver]:
    """Return a receiver that is not up yet."""
    made = Receiver()
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_an_outage_loses_no_delta_and_a_forked_child_counts_for_itself(receiver: Receiver, tmp_path: Path) -> None:
    """All deltas of a process add up to its calls, and none begins before the one before has ended."""
    command = [sys.executable, "-c", PROGRAM, f"http://127.0.0.1:{receiver.server_port}", str(tmp_path / "spool")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdin is not None
        assert wait_until(lambda: receiver.refused > 0, 60)
        receiver.up = True
        assert running.stdout.readline() == "waiting\n"
        running.stdin.write("go on\n")
        running.stdin.flush()
        assert running.wait(120) == 0
    told: dict[str, list[tuple[int, int, int]]] = {}
    for instance, start, end, count in sorted(receiver.points):
        told.setdefault(instance, []).append((start, end, count))
    totals = sorted(sum(count for _, _, count in points) for points in told.values())
    assert totals == [2, 4], json.dumps(told)
    for points in told.values():
        assert all(before[1] <= after[0] for before, after in pairwise(points))
