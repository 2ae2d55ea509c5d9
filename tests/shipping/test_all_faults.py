from __future__ import annotations

import errno
import json
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pepperpy_obs import _clock, _guard
from pepperpy_obs.shipping.elastic import Elastic, as_it_is
from pepperpy_obs.shipping.logstash import Logstash
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.otlp import Otlp
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.segment import FileSegment
from pepperpy_obs.shipping.shipper import Shipper
from pepperpy_obs.shipping.spool import Bounds
from tests.servers.elastic import BUSY, ElasticServer
from tests.servers.http_input import LogstashServer, OtlpServer, plain
from tests.servers.loki import LokiServer
from tests.servers.wire import Fault, Reply, Server

pytestmark = pytest.mark.hostile

QUICK: dict[str, Any] = {
    "linger": 0,
    "retry_first": 0.001,
    "retry_most": 0.002,
    "read_timeout": 0.2,
    "batch_records": 5,
}
WIRE = [
    Fault("reset"),
    Fault("lost"),
    Fault("garbage"),
    Fault("slow", seconds=0.3),
    Fault("reply", Reply(429, headers={"Retry-After": "0"})),
    Fault("reply", Reply(429, headers={"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"})),
    Fault("reply", Reply(500, b"trouble")),
    Fault("reply", Reply(403, b"no")),
]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), st.integers(1, 12)),
        st.tuples(st.just("wire"), st.integers(0, len(WIRE) - 1)),
        st.tuples(st.just("partial"), st.integers(1, 4)),
        st.tuples(st.just("jump"), st.sampled_from([-86_400, -1, 1, 7200, 86_400 * 365])),
        st.tuples(st.sampled_from(["away", "back", "full", "room", "restart", "wait"]), st.just(0)),
    ),
    min_size=4,
    max_size=25,
)


class World:
    """Four receivers, a disk, a clock, and the process that is started again and again."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.loki = stack.enter_context(LokiServer())
        self.elastic = stack.enter_context(ElasticServer())
        self.logstash = stack.enter_context(LogstashServer())
        self.otlp = stack.enter_context(OtlpServer())
        self.servers: list[Server] = [self.loki, self.elastic, self.logstash, self.otlp]
        self.directory = directory
        self.full = False
        self.ahead = 0
        self.count = 0
        self.away = False
        self.shipper = self.started()

    def started(self) -> Shipper:
        """Return the process's new life."""
        sinks = (
            Loki(url=self.loki.url, **QUICK),
            Elastic(url=self.elastic.url, document=as_it_is, **QUICK),
            Logstash(url=self.logstash.url, document=as_it_is, **QUICK),
            Otlp(url=self.otlp.url, **QUICK),
        )
        return Shipper(sinks, self.directory, bounds=Bounds(500_000, 2_000, 200_000), instance="host")

    def do(self, what: str, much: int) -> None:
        """Take one step."""
        match what:
            case "offer":
                numbers = range(self.count, self.count + much)
                self.shipper.offer([record(n) for n in numbers])
                self.count += much
            case "wire":
                for server in self.servers:
                    server.faults.append(WIRE[much])
            case "partial":
                self.elastic.items.extend([None, BUSY] * much)
            case "jump":
                self.ahead += much * 1_000_000_000
            case "away":
                self.leave()
            case "back":
                self.back()
            case "full" | "room":
                self.full = what == "full"
            case "restart":
                self.restart()
            case _:
                time.sleep(0.01)
        self.check()

    def restart(self) -> None:
        """End, with room on the disk for what only memory has, and begin again."""
        self.full = False
        self.shipper.close(2)
        assert self.shipper.ended
        self.shipper = self.started()

    def leave(self) -> None:
        """Let the receivers refuse every connection."""
        if not self.away:
            self.away = True
            for server in self.servers:
                server.pause()

    def back(self) -> None:
        """Let the receivers listen again."""
        if self.away:
            self.away = False
            for server in self.servers:
                server.resume()

    def check(self) -> None:
        """The books are right, whatever happens at this moment."""
        for ledger in self.shipper.ledgers().values():
            assert ledger.balanced
            assert ledger.pending >= 0

    def end(self) -> None:
        """Let everything recover, and the last event arrive."""
        self.back()
        self.full = False
        for _ in range(500):
            self.check()
            if self.shipper.flush(0.05):
                break
        for ledger in self.shipper.ledgers().values():
            assert (ledger.pending, ledger.rejected, ledger.dropped) == (0, {}, {}), ledger
        self.shipper.close(2)
        assert self.shipper.ended


def record(number: int) -> Record:
    """Return an event that keeps to its own time, whatever the clock says by now."""
    key = f"{number:032x}"
    line = json.dumps({"timestamp": "2026-11-23T12:00:00.000000Z", "event": "test", "event_id": key, "n": number})
    return Record(time.time_ns(), key, line.encode())


@contextmanager
def world(directory: str) -> Generator[World]:
    """Yield a world in which disk and clock obey."""
    with ExitStack() as stack:
        append, now = FileSegment.append, _clock.time_ns
        made: list[World] = []

        def appending(segment: FileSegment, data: bytes) -> None:
            if made and made[0].full:
                raise OSError(errno.ENOSPC, "No space left on device")
            append(segment, data)

        stack.enter_context(patch.object(FileSegment, "append", appending))
        stack.enter_context(patch.object(_clock, "time_ns", lambda: now() + (made[0].ahead if made else 0)))
        made.append(World(Path(directory), stack))
        yield made[0]
    _guard.forget()


@settings(max_examples=12, deadline=None, suppress_health_check=(HealthCheck.too_slow,))
@given(STEPS)
@example([("away", 0), ("full", 0), ("offer", 9), ("wait", 0), ("restart", 0), ("offer", 9), ("back", 0)])
@example([("offer", 9), ("away", 0), ("offer", 9), ("jump", -86_400), ("restart", 0), ("wire", 1), ("back", 0)])
def test_nothing_is_lost_whatever_happens_together(steps: list[tuple[str, int]]) -> None:
    """Refused, reset, lost, garbled, slow, 429, 500, 403, partial, full disk, jumping clock, restarts, in any order.

    Where the protocol knows an event again (Elasticsearch by its id, Loki by its bytes) it is there exactly once; where
    it does not (Logstash, OTLP) at least once.
    """
    with TemporaryDirectory() as directory, world(directory) as this:
        for what, much in steps:
            this.do(what, much)
        this.end()
        wanted = [*range(this.count)]
        assert sorted(document["n"] for document in this.elastic.documents.values()) == wanted
        assert sorted(json.loads(line)["n"] for line in this.loki.lines) == wanted
        assert sorted({event["n"] for event in this.logstash.events}) == wanted
        assert sorted({int(plain(one["attributes"])["n"]) for _, one in this.otlp.records}) == wanted
