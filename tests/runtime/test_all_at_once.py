"""Loops, threads, readers and the thread in the background fold at the same time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pepperpy_obs
from pepperpy_obs import Config, configure, flush, measured, stats


@measured
async def step() -> None:
    """Do a little, on a loop."""


@measured
def plain() -> None:
    """Do a little, in a thread."""


def test_nothing_is_lost_where_loops_threads_and_readers_meet(tmp_path: Path, no_thread_left: None) -> None:
    """Three loops, two threads and a reader, and the thread every millisecond: each call once, children first."""
    path = tmp_path / "app.log"
    configure(Config(config_file=None, log_format="json", log_file=path, drain_interval=0.001, buffer_limit=200))
    calls, before = 1500, stats().performance.calls

    async def ask() -> None:
        for number in range(calls):
            await outer()
            if number % 7 == 0:
                await asyncio.sleep(0)

    @measured
    async def outer() -> None:
        await step()

    @measured
    def outside() -> None:
        plain()

    workers = [threading.Thread(target=lambda: asyncio.run(ask())) for _ in range(3)]
    workers += [threading.Thread(target=lambda: [outside() for _ in range(calls)]) for _ in range(2)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        assert stats().performance.calls - before <= 10 * calls
        time.sleep(0.002)
    for worker in workers:
        worker.join()
    try:
        assert stats().performance.calls - before == 10 * calls
        flush()
        order = {span: place for place, span in enumerate(_fields(path, b'"span_id":"'))}
        parents = list(_fields(path, b'"parent_span_id":"'))
        assert (len(order), len(parents)) == (10 * calls, 5 * calls)
        lines = path.read_bytes().splitlines()
        late = [
            line
            for place, line in enumerate(lines)
            if (up := _field(line, b'"parent_span_id":"')) and order[up] < place
        ]
        assert late == []
    finally:
        configure(Config(config_file=None, log_format="none"))
        pepperpy_obs.shutdown()


def _field(line: bytes, name: bytes) -> bytes:
    return line.partition(name)[2].partition(b'"')[0]


def _fields(path: Path, name: bytes) -> Iterator[bytes]:
    return (found for line in path.read_bytes().splitlines() if (found := _field(line, name)))
