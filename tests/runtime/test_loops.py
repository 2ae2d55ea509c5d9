"""Calls from an event loop are folded by the loop: after the burst, little by little, and never at its expense."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pepperpy_obs
from pepperpy_obs import Config, _dispatch, _guard, configure, costed, flush, measured
from tests.runtime.bursts import BURST, PATIENCE, burst, plain, step, waiting
from tests.runtime.held import held


def test_a_burst_is_folded_by_its_loop(log: Path, seen: list[tuple[int, threading.Thread, Any]]) -> None:
    """Without a reader and without the thread: on the loop, in no call's context, a few at a time, and not to disk."""

    @measured
    async def ask() -> None:
        await burst()
        assert seen

    asyncio.run(ask())
    assert waiting() < BURST / 2
    assert {thread for _, thread, _ in seen} == {threading.current_thread()}
    assert {call for _, _, call in seen} == {None}
    assert max(count for count, _, _ in seen) <= 32
    assert b'"operation":"step"' not in log.read_bytes()
    flush()
    assert log.read_bytes().count(b'"operation":"step"') == BURST


def test_what_is_due_comes_before_the_next_round(
    counted: Callable[[], int], seen: list[tuple[int, threading.Thread, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a thousand calls, some are folded; then a timer that has run out meanwhile has its turn; then the others."""
    monkeypatch.setattr("pepperpy_obs.runtime.background._TASK", 1e18)
    folded: list[int] = []

    async def main() -> None:
        for _ in range(1000):
            await step()
        asyncio.get_running_loop().call_later(0, lambda: folded.append(len(seen)))
        for _ in range(PATIENCE * 200):
            await asyncio.sleep(0.005)
            if waiting() < 16:
                return

    asyncio.run(main())
    assert folded == [1]
    assert max(count for count, *_ in seen) == 32
    assert counted() == 1000


def test_who_has_no_loop_comes_by_once(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller in a thread can do nothing about it, and is left alone until the buffer is full or the thread asks."""
    asked: list[int] = []
    loop_tasks: Any = _dispatch.runtime()._background.loop_tasks
    ask = loop_tasks.ask

    def count() -> None:
        asked.append(waiting())
        ask()

    monkeypatch.setattr(loop_tasks, "ask", count)
    for _ in range(500):
        plain()
    assert (asked, waiting()) == ([32], 500)
    _dispatch.runtime()._background.run_once(1)
    for _ in range(500):
        plain()
    assert asked == [32, 32]


def test_a_loop_waits_for_nobody(counted: Callable[[], int], seen: list[tuple[int, threading.Thread, Any]]) -> None:
    """While another thread drains a round does nothing; the next burst is as good."""
    drain: Any = _dispatch.runtime()._drain

    async def main() -> None:
        with held(drain._exclusive):
            await burst()
            assert (seen, waiting()) == ([], BURST)
        await burst(1)
        assert waiting() < BURST / 2

    asyncio.run(main())
    assert counted() == BURST + 1


def test_a_loop_that_ended_before_its_round(counted: Callable[[], int]) -> None:
    """Its calls are folded by whoever comes next; the next loop is asked again once the thread has come by."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(asyncio.wait_for(_at_once(BURST), 5))
    finally:
        loop.close()
    _dispatch.runtime()._background.run_once(1)
    asyncio.run(burst())
    assert waiting() < BURST / 2
    assert counted() == 2 * BURST


async def _at_once(calls: int) -> None:
    for _ in range(calls):
        await step()


def test_prices_are_loaded_by_others(counted: Callable[[], int], seen: list[tuple[int, threading.Thread, Any]]) -> None:
    """The first call that is to be priced is left to the thread or a reader; the next ones are not."""

    @costed
    async def ask() -> dict[str, Any]:
        return {"object": "chat.completion", "model": "gpt-4o", "usage": {"prompt_tokens": 10, "completion_tokens": 5}}

    @costed
    async def fail() -> str:
        return "an answer without usage"

    async def main() -> None:
        await fail()
        await ask()
        await burst()
        assert threading.current_thread() not in {thread for _, thread, _ in seen}
        assert counted() == 2 + BURST
        for _ in range(PATIENCE * 20):
            seen.clear()
            await ask()
            await burst()
            if {thread for _, thread, _ in seen} == {threading.current_thread()}:
                return
        pytest.fail("the loop never folds calls that are priced")

    asyncio.run(main())


def test_a_slot_is_turned_by_the_thread(
    counted: Callable[[], int], seen: list[tuple[int, threading.Thread, Any]]
) -> None:
    """That takes some ms where there are hundreds of series. The loop rings, and goes on with the next burst."""
    runtime: Any = _dispatch.runtime()
    runtime._store.fold({"event": "metric.recorded", "metric": "temperature", "metric_kind": "gauge", "value": 1}, 0)

    async def main() -> None:
        for _ in range(PATIENCE * 20):
            await burst()
            if seen:
                break
        assert threading.current_thread() not in {thread for _, thread, _ in seen[:1]}
        for _ in range(PATIENCE * 20):
            seen.clear()
            await burst()
            if {thread for _, thread, _ in seen} == {threading.current_thread()}:
                return
        pytest.fail("the loop does not go on")

    asyncio.run(main())


@pytest.mark.parametrize("why", ["a processor of the user's", "the console", "no recording", "no thread", "no lock"])
def test_no_loop_is_asked(why: str, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a link may take its time, nothing is recorded, no thread could write, or no lock is to be waited for."""
    if why == "a processor of the user's":
        configure(
            Config(config_file=None, log_format="none", drain_interval=600), processors=[lambda _, __, event: event]
        )
    elif why == "the console":
        configure(Config(config_file=None, log_format="console", log_stream="stdout", drain_interval=600))
    elif why == "no recording":
        configure(Config(config_file=None, log_format="none", metrics_enabled=False))
    elif why == "no thread":
        pepperpy_obs.shutdown()
    else:
        monkeypatch.setattr("sys._is_gil_enabled", lambda: False, raising=False)
        configure(Config(config_file=None, log_format="none", drain_interval=600))
    flush()
    asyncio.run(burst())
    assert waiting() == (0 if why == "no recording" else BURST)


def test_a_round_that_comes_after_the_end(log: Path) -> None:
    """It folds what there is, and asks for no other one."""

    async def main() -> None:
        for _ in range(BURST):
            await step()
        pepperpy_obs.shutdown()
        await burst(1)
        assert _dispatch.RECORDS.threshold == _dispatch.RECORDS.capacity

    asyncio.run(main())
    assert log.read_bytes().count(b'"operation":"step"') == BURST


def test_a_round_that_fails_is_nobodys_business(counted: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted among our failures; the loop's own handler hears nothing, and the calls are counted later."""
    heard: list[object] = []

    def fail() -> None:
        msg = "broken"
        raise ValueError(msg)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
        monkeypatch.setattr(_dispatch.runtime()._background.loop_tasks, "_fold", fail)
        await burst()

    asyncio.run(main())
    assert heard == []
    assert _guard.failures()
    assert counted() == BURST


def test_rounds_are_short(
    log: Path, seen: list[tuple[int, threading.Thread, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where calls take long to fold, a round takes fewer; where they do not, more again."""
    monkeypatch.setattr("pepperpy_obs.runtime.background._TASK", -1)
    asyncio.run(burst(200))
    assert {count for count, *_ in seen[4:]} == {4}
    _dispatch.runtime()._background.run_once(1)
    monkeypatch.setattr("pepperpy_obs.runtime.background._TASK", 1e18)
    seen.clear()
    asyncio.run(burst(400))
    assert [count for count, *_ in seen[:5]] == [4, 8, 16, 32, 32]


def test_the_thread_is_called_when_a_burst_is_over(log: Path) -> None:
    """So that it writes while the loop sleeps, once in each interval, and is not in the way of the next burst."""
    runtime: Any = _dispatch.runtime()
    assert runtime._background.interval == 600
    runtime._background.interval = 0.01

    async def main() -> None:
        for _ in range(PATIENCE * 20):
            await burst()
            if size():
                return

    def size() -> int:
        return log.stat().st_size

    asyncio.run(main())
    assert size()


def test_calls_that_last_are_folded_by_the_thread(counted: Callable[[], int]) -> None:
    """A call in flight was looked at when it was not over yet; the loop does not look at thousands again and again."""

    @measured
    async def long(enough: asyncio.Event) -> None:
        await enough.wait()

    async def main() -> None:
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(300):
                group.create_task(long(enough))
            await burst()
            enough.set()
        await burst()

    asyncio.run(main())
    while _dispatch.runtime()._background.drain_idle():
        pass
    assert _dispatch.runtime()._drain.read(list) == []
    assert counted() == 300 + 2 * BURST
