"""A signal handler that raises, at any moment: its exception reaches the code, and every call is counted once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs import Config, _dispatch, configure, current_call, measured, stats
from pepperpy_obs._dispatch import RECORDS
from pepperpy_obs.runtime import shielded
from pepperpy_obs.testing import captured
from tests.runtime.held import held

pytestmark = pytest.mark.hostile

TIMEOUTS = """
import itertools, json, os, signal, sys, time
from pepperpy_obs import Config, _dispatch, configure, costed, current_call, flush, measured, stats
from pepperpy_obs._guard import failures

configure(Config(config_file=None, log_file=sys.argv[1], log_format="json", log_max_bytes=0, drain_interval=0.01))
ANSWER = {"model": "gpt-4o", "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
entered = reached = 0


class TimeIsUp(ERROR):
    pass


def handle(number, frame):
    raise TimeIsUp


@measured
def plain():
    global entered
    entered += 1


@costed
def priced():
    global entered
    entered += 1
    return ANSWER


signal.signal(signal.SIGALRM, handle)
random = __import__("random").Random(7)
for round in range(300):
    call = (plain, priced)[round % 2]
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0005, 0.002))
        end = time.perf_counter() + 10
        while time.perf_counter() < end:
            call()
    except TimeIsUp:
        reached += 1
    assert current_call().operation is None, "still current"
signal.signal(signal.SIGALRM, signal.SIG_IGN)
flush()
runtime = _dispatch.runtime()
print(json.dumps([entered, reached, stats().performance.calls, sum(runtime.reading().live.active.values()),
                  dict(runtime.reading().own.dropped), failures()]))
"""


@pytest.mark.parametrize("error", ["Exception", "TimeoutError", "BaseException"])
def test_timeouts_by_signal(error: str, tmp_path: Path) -> None:
    """Three hundred timeouts: all reach the code, no call is lost or still running, each is counted and logged once."""
    log = tmp_path / "app.log"
    source = TIMEOUTS.replace("ERROR", error)
    done = subprocess.run(
        [sys.executable, "-c", source, str(log)], capture_output=True, text=True, timeout=120, check=False
    )

    assert done.stderr == ""
    entered, reached, counted, active, dropped, failures = json.loads(done.stdout)
    assert (reached, active, dropped, failures) == (300, 0, {}, {})
    # A call whose record was begun, and which was broken off before its body, is one more.
    assert entered <= counted <= entered + 300
    ids = [json.loads(line)["event_id"] for line in log.read_bytes().splitlines()]
    assert len(ids) == len(set(ids)) == counted


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the drain of a runtime whose buffer is full with ten records, and whose thread does not come by."""
    with captured(Config(config_file=None, log_format="none", buffer_limit=10, drain_interval=600)):
        monkeypatch.setattr(RECORDS, "lost", 0)
        yield _dispatch.runtime()._drain


@measured
def step() -> None:
    """Do a little."""


def test_a_call_does_not_wait_for_ever(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another thread holds the records a call with a full buffer goes on, and its record is counted later."""
    monkeypatch.setattr("pepperpy_obs.runtime.drain._WAIT", 0.01)
    small.renew()
    with held(small._exclusive):
        for _ in range(1200):
            step()
        assert len(RECORDS.records) > 1000
    assert stats().performance.operations[step.__qualname__].calls == 1200
    assert _dispatch.runtime().reading().own.dropped == {}


def test_a_buffer_that_is_never_emptied_is_bounded(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it cannot take is counted as lost: calls counted and calls lost are all calls."""
    monkeypatch.setattr("pepperpy_obs.runtime.drain._WAIT", 0.0)
    RECORDS.set_capacity(1000)
    small.renew()
    with held(small._exclusive):
        for _ in range(50_000):
            step()
        assert len(RECORDS.records) <= 33_000
    lost = _dispatch.runtime().reading().own.dropped["uncounted"]
    assert lost > 10_000
    assert stats().performance.operations[step.__qualname__].calls + lost == 50_000


def test_a_writer_that_stands_still_does_not_keep_calls_from_being_counted(
    small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call with a full buffer counts without writing, and the lines are written later."""
    monkeypatch.setattr("pepperpy_obs.runtime.drain._WAIT", 0.01)
    small.renew()
    with held(small._write_lock):
        for _ in range(600):
            step()
        assert len(RECORDS.records) <= 10
        assert small.chain.gathered >= 590
    assert stats().performance.operations[step.__qualname__].calls == 600
    assert _dispatch.runtime().reading().own.dropped == {}


def test_a_relief_that_fails_counts_what_it_loses(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """For want of memory calls are lost; counted and lost are all that there were."""

    def refuse(most: int) -> None:
        raise MemoryError

    small.drain_some = refuse
    RECORDS.set_capacity(700)
    for _ in range(4000):
        step()
    lost = RECORDS.lost
    del small.drain_some
    assert lost == _dispatch.runtime().reading().own.dropped["uncounted"]
    assert lost > 3000
    assert stats().performance.operations[step.__qualname__].calls + lost == 4000


def test_a_record_that_cannot_be_folded_is_counted_as_lost(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of twenty fails in the chain; nineteen are counted, and one is told."""
    RECORDS.set_capacity(100)
    for _ in range(20):
        step()
    take = small.chain.take

    def fail_once(*_: Any) -> None:
        monkeypatch.setattr(small.chain, "take", take)
        small.chain.taken = 0
        raise MemoryError

    monkeypatch.setattr(small.chain, "take", fail_once)
    assert stats().performance.operations[step.__qualname__].calls == 19
    assert _dispatch.runtime().reading().own.dropped == {"uncounted": 1}


def test_only_the_main_thread_is_shielded(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only where a handler is installed that may raise; what the step raises is raised."""
    here = threading.get_ident()
    assert shielded.shielded(threading.get_ident) == here
    monkeypatch.setattr(shielded, "_getsignal", lambda _: print)
    assert shielded.shielded(threading.get_ident) != here
    with pytest.raises(ZeroDivisionError):
        shielded.shielded(lambda: 1 // 0)
    seen: list[bool] = []
    thread = threading.Thread(
        target=lambda: seen.append(shielded.shielded(threading.get_ident) == threading.get_ident())
    )
    thread.start()
    thread.join()
    assert seen == [True]


def test_nothing_is_current_outside() -> None:
    """The tests above leave nothing behind."""
    configure(Config(config_file=None, log_format="none"))
    _dispatch.runtime().shutdown()
    assert current_call().operation is None


def test_a_loop_of_asyncio_folds_in_its_own_thread() -> None:
    """Ctrl-C's handler of `asyncio.run` is none that tears a fold: no thread is started for it."""

    async def main() -> bool:
        return shielded.needs_shield()

    assert asyncio.run(main()) is False


def test_a_shielded_fold_sees_the_callers_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """What depends on the context of a reader is the same in the thread that reads for it."""
    place: ContextVar[str] = ContextVar("place", default="nowhere")
    monkeypatch.setattr(shielded, "needs_shield", lambda: True)
    token = place.set("here")
    try:
        found = shielded.shielded(lambda: (place.get(), threading.current_thread().name))
    finally:
        place.reset(token)

    assert found == ("here", "pepperpy_obs-fold")
