"""While the thread writes, others go on: what a disk, a stream or a renderer does there is in nobody's way."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import pepperpy_obs
from pepperpy_obs import Config, _dispatch, _guard, flush, stats
from pepperpy_obs.runtime.background import Background, _WakeEvent
from tests.runtime.bursts import BURST, PATIENCE, burst, plain


def test_a_disk_that_stands_still_holds_up_no_round(
    log: Path, seen: list[tuple[int, threading.Thread, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the thread writes, the loop folds on; the lines come in their order, and whoever reads waits for them."""
    runtime: Any = _dispatch.runtime()
    way = runtime._drain.chain.outputs[0].sink
    write, stuck, free = way.write, threading.Event(), threading.Event()

    def stand_still(lines: list[bytes]) -> None:
        stuck.set()
        free.wait(PATIENCE)
        write(lines)

    async def main() -> None:
        await burst(33)
        folded = sum(count for count, *_ in seen)
        monkeypatch.setattr(way, "write", stand_still)
        thread = threading.Thread(target=runtime._background.drain_idle)
        thread.start()
        stuck.wait(PATIENCE)
        await burst()
        assert sum(count for count, *_ in seen) >= folded + 32
        monkeypatch.setattr(way, "write", write)
        reader = threading.Thread(target=flush)
        reader.start()
        reader.join(0.05)
        assert reader.is_alive()
        free.set()
        reader.join(PATIENCE)
        thread.join(PATIENCE)

    asyncio.run(main())
    stamps = [line.split(b'"')[3] for line in log.read_bytes().splitlines() if b"step" in line]
    assert (len(stamps), stamps) == (33 + BURST, sorted(stamps))


def test_a_disk_that_never_comes_back_delays_the_end_by_its_timeout(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who shuts down waits for the thread's write for as long as was configured, and says what was left."""
    runtime: Any = _dispatch.runtime()
    monkeypatch.setattr(runtime, "config", Config(config_file=None, shutdown_timeout=0.2))
    way = runtime._drain.chain.outputs[0].sink
    stuck, free = threading.Event(), threading.Event()

    def stand_still(_: list[bytes]) -> None:
        stuck.set()
        free.wait(PATIENCE)

    monkeypatch.setattr(way, "write", stand_still)
    plain()
    thread = threading.Thread(target=runtime._background.drain_idle)
    thread.start()
    stuck.wait(PATIENCE)
    start = time.monotonic()
    pepperpy_obs.shutdown()
    took = time.monotonic() - start
    free.set()
    thread.join(PATIENCE)
    assert took < PATIENCE / 10
    assert "shutdown" in _guard.failures()


def test_what_is_written_to_may_use_us(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream or a structlog processor of the user's reads, flushes and observes a call in there: nobody hangs."""
    runtime: Any = _dispatch.runtime()
    way = runtime._drain.chain.outputs[0].sink
    write, found = way.write, list[int]()

    def use(lines: list[bytes]) -> None:
        assert runtime.draining
        flush()
        plain()
        found.append(stats().performance.calls)
        write(lines)

    monkeypatch.setattr(way, "write", use)
    before = stats().performance.calls
    plain()
    thread = threading.Thread(target=runtime._background.drain_idle)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert found == [before + 1]
    monkeypatch.undo()
    assert stats().performance.calls == before + 2


def test_a_thread_that_is_called_and_stopped_at_once_ends(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops it just as it has heard the bell is heard, too."""
    background: Background = _dispatch.runtime()._background
    clear, heard = _WakeEvent.clear, threading.Event()

    def stop_first(wake: _WakeEvent) -> None:
        if not heard.is_set():
            wake.ended = True
            wake.set()
        clear(wake)
        heard.set()

    monkeypatch.setattr(_WakeEvent, "clear", stop_first)
    thread: Any = background._thread
    background._wake.set()
    thread.join(PATIENCE)
    assert heard.is_set()
    assert not thread.is_alive()
