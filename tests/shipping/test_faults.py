from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pepperpy_obs.readings import DeliveryStats
from pepperpy_obs.shipping.elastic import Elastic, as_it_is
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.shipper import Shipper
from pepperpy_obs.shipping.sink import SinkSpec
from pepperpy_obs.shipping.spool import Bounds
from tests.servers.elastic import BUSY, ElasticServer, Item
from tests.servers.loki import SECOND, LokiServer
from tests.servers.wire import Fault, Reply

pytestmark = pytest.mark.hostile

Make = Callable[..., Record]
NOW = time.time_ns()

WIRE = st.sampled_from(
    [
        Fault("reset"),
        Fault("lost"),
        Fault("garbage"),
        Fault("slow", seconds=0.5),
        *(
            Fault("reply", Reply(status, b"some words"))
            for status in (200, 260, 302, 401, 404, 408, 413, 429, 500, 503)
        ),
        Fault("reply", Reply(429, headers={"Retry-After": "0"})),
        Fault("reply", Reply(200, b'{"errors":false,"items":[]}')),
    ]
)
CONFLICT: Item = (400, "mapper_parsing_exception", "failed to parse field [x]")
ITEMS = st.sampled_from([None, None, BUSY, CONFLICT, (503, "unavailable_shards_exception", "primary is not active")])
JUMPS = st.sampled_from([0, 0, 0, 1, -1, -7200, 7200, -8 * 86_400])
HURRIED = settings(max_examples=25, deadline=None, suppress_health_check=(HealthCheck.too_slow,))


def record(number: int, at: int = NOW) -> Record:
    """Return record number `number`."""
    key = f"{number:032x}"
    return Record(at, key, json.dumps({"event": "test", "event_id": key, "n": number}).encode())


def ship(sink: SinkSpec, directory: str) -> Shipper:
    """Return a shipper with small bounds."""
    return Shipper([sink], Path(directory), bounds=Bounds(200_000, 2_000, 2_000), fsync="never", instance="host")


def drained(shipper: Shipper) -> DeliveryStats:
    """Return the first sink's books after everything was answered for; they were right all the way."""
    for _ in range(1000):
        assert all(ledger.balanced for ledger in shipper.ledgers().values())
        if shipper.flush(0.02):
            break
    ledger = next(iter(shipper.ledgers().values()))
    assert ledger.balanced
    assert ledger.pending == 0
    return ledger


@HURRIED
@given(st.lists(WIRE, max_size=12), st.lists(ITEMS, max_size=40), st.lists(st.integers(1, 15), min_size=1, max_size=8))
def test_elasticsearch_gets_each_event_once(faults: list[Fault], items: list[Item | None], sizes: list[int]) -> None:
    """Whatever fails: accepted = acknowledged + rejected, and acknowledged is what is there, each once."""
    with TemporaryDirectory() as directory, ElasticServer(faults, items=items) as server:
        sink = Elastic(
            url=server.url,
            document=as_it_is,
            linger=0,
            retry_first=0.001,
            retry_most=0.002,
            read_timeout=0.1,
            batch_records=7,
        )
        shipper = ship(sink, directory)
        total = 0
        for size in sizes:
            shipper.offer([record(total + n) for n in range(size)])
            total += size
        ledger = drained(shipper)
        shipper.close(2)
        assert shipper.ended
        assert ledger.accepted == total
        assert ledger.acknowledged + sum(ledger.rejected.values()) == total
        found = sorted(int(key, 16) for key in server.documents)
        # A lone event that was answered with 413 is rejected, even if an answer that was lost had stored it before.
        assert len(found) >= ledger.acknowledged
        assert set(ledger.rejected) <= {"mapper_parsing_exception", "413"}
        assert len(set(found)) == len(found)


@HURRIED
@example([], [0, 0, 0, 0, 7200, -7200, -7200])  # refused for order, which hides one that is refused for the future
@given(st.lists(WIRE, max_size=12), st.lists(JUMPS, min_size=1, max_size=30))
def test_loki_gets_each_line_once(faults: list[Fault], jumps: list[int]) -> None:
    """Whatever fails and however the clock jumps: what is acknowledged is there, and no stream has a line twice."""
    with TemporaryDirectory() as directory, LokiServer(faults, now=lambda: NOW) as server:
        sink = Loki(url=server.url, linger=0, retry_first=0.001, retry_most=0.002, read_timeout=0.1, batch_records=4)
        shipper = ship(sink, directory)
        at = NOW
        for n, jump in enumerate(jumps):
            at += jump * SECOND
            shipper.offer([record(n, at + n)])
        ledger = drained(shipper)
        shipper.close(2)
        assert shipper.ended
        assert ledger.accepted == len(jumps)
        assert ledger.acknowledged + sum(ledger.rejected.values()) == len(jumps)
        assert len(set(server.lines)) >= ledger.acknowledged
        for stream in server.streams.values():
            assert Counter(line for _, line, _ in stream).most_common(1)[0][1] == 1 if stream else True


CHILD = """
import sys, json
from pathlib import Path
from pepperpy_obs.shipping.elastic import Elastic, as_it_is
from pepperpy_obs.shipping.loki import Loki
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.shipper import Shipper
from pepperpy_obs.shipping.spool import Bounds
directory, elastic, loki, start, now = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
quick = dict(linger=0, retry_first=0.001, retry_most=0.002, batch_records=20)
shipper = Shipper(
    [Elastic(url=elastic, document=as_it_is, **quick), Loki(url=loki, **quick)],
    Path(directory), bounds=Bounds(10**8, 20_000, 20_000),
    instance="host",
)
number = start
while True:
    records = []
    for number in range(number, number + 10):
        key = f"{number:032x}"
        records.append(Record(now + number, key, json.dumps({"event": "test", "event_id": key, "n": number}).encode()))
    number += 1
    shipper.offer(records)
    if shipper.sync(10):
        print(number, flush=True)
"""


def killed(arguments: list[str], seconds: float) -> int:
    """Run a process that records as fast as it can, kill it, and return how far it was sure to have come."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE)
    assert child.stdout is not None
    lines = [child.stdout.readline()]
    time.sleep(seconds)
    os.kill(child.pid, signal.SIGKILL)
    lines += child.communicate()[0].splitlines(keepends=True)
    return int(next(line for line in reversed(lines) if line.endswith(b"\n")))


@pytest.mark.parametrize("seed", range(3))
def test_a_kill_loses_nothing_that_was_on_disk(tmp_path: Path, seed: int) -> None:
    """Killed at random moments, with receivers that fail, every event that was synced arrives; none is there twice."""
    random = Random(seed)
    faults = [Fault("lost"), Fault("reset"), Fault("reply", Reply(429)), Fault("reply", Reply(503))]
    synced: list[range] = []
    with ElasticServer(random.choices(faults, k=20)) as elastic, LokiServer(random.choices(faults, k=20)) as loki:
        for life in range(4):
            start = life * 10**6
            arguments = [str(tmp_path), elastic.url, loki.url, str(start), str(NOW)]
            synced.append(range(start, killed(arguments, random.uniform(0.0, 0.3))))
        sinks = [
            Elastic(url=elastic.url, document=as_it_is, linger=0, retry_first=0.001, retry_most=0.002),
            Loki(url=loki.url, linger=0, retry_first=0.001, retry_most=0.002),
        ]
        heir = Shipper(sinks, tmp_path, instance="host")
        assert heir.flush(30)
        assert all(ledger.balanced for ledger in heir.ledgers().values())
        heir.close(5)
        assert heir.ended
        wanted = {n for numbers in synced for n in numbers}
        assert wanted <= {document["n"] for document in elastic.documents.values()}
        lines = [json.loads(line)["n"] for line in loki.lines]
        assert wanted <= set(lines)
        assert len(lines) == len(set(lines))


FULL = """
import json, resource, sys
from pathlib import Path
from pepperpy_obs._guard import failures
from pepperpy_obs.shipping.elastic import Elastic, as_it_is
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.shipper import Shipper
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
shipper = Shipper([Elastic(url=sys.argv[2], document=as_it_is, linger=0)], Path(sys.argv[1]), instance="host")
for n in range(500):
    key = f"{n:032x}"
    shipper.offer([Record(n, key, json.dumps({"event": "test", "event_id": key, "n": n}).encode())])
done = shipper.flush(10)
shipper.close()
ledger = shipper.ledgers()["elastic"]
print(json.dumps([done, ledger.acknowledged, ledger.balanced, shipper.ended, "shipping.spool" in failures()]))
"""


def test_a_file_system_that_refuses_in_the_middle_of_a_write(tmp_path: Path) -> None:
    """The kernel stops each file at 5,000 bytes, half way through a frame: all arrives once, through memory."""
    with ElasticServer() as server:
        command = [sys.executable, "-c", FULL, str(tmp_path), server.url]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert json.loads(done.stdout) == [True, 500, True, True, True]
        assert sorted(document["n"] for document in server.documents.values()) == list(range(500))
        assert server.conflicts == 0
