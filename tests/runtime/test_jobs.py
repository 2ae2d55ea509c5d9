"""Timed jobs: run again and again, for the last time at the end, and alone."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

import pytest

from pepperpy_obs import _guard
from pepperpy_obs.runtime.jobs import Jobs


class Work:
    """Counts its runs, and lets a test wait for them."""

    def __init__(self, fails: int = 0) -> None:
        self.runs = 0
        self.fails = fails
        self.enough = threading.Semaphore(0)
        self.hold = threading.Event()
        self.hold.set()

    def run(self) -> None:
        """Run once."""
        self.hold.wait(30)
        self.runs += 1
        self.enough.release()
        if self.runs <= self.fails:
            message = f"run {self.runs}"
            raise ValueError(message)


def test_a_job_runs_again_and_for_the_last_time_at_the_end() -> None:
    """It runs at its interval; `stop` has it run once more, even if the interval is long."""
    work, rare, jobs = Work(), Work(), Jobs()
    jobs.add("work", 0.01, work.run)
    jobs.add("rare", 3600, rare.run)
    jobs.start()
    for _ in range(3):
        assert work.enough.acquire(timeout=30)
    assert rare.runs == 0
    jobs.stop(30)
    assert rare.runs == 1
    runs = work.runs
    assert not work.enough.acquire(timeout=0.05) or work.runs == runs


def test_what_a_job_raises_is_counted_and_ends_nothing() -> None:
    """The next run comes all the same."""
    work, jobs = Work(fails=2), Jobs()
    jobs.add("work", 0.01, work.run)
    jobs.start()
    for _ in range(4):
        assert work.enough.acquire(timeout=30)
    jobs.stop(30)
    assert _guard.failures() == {"work": 2}


def test_a_slow_job_holds_up_no_other_and_no_exit() -> None:
    """Each has a thread; `stop` waits as long as it is allowed to, not for a job that hangs."""
    slow, other, jobs = Work(), Work(), Jobs()
    slow.hold.clear()
    jobs.add("slow", 0.01, slow.run)
    jobs.add("other", 0.01, other.run)
    jobs.start()
    assert other.enough.acquire(timeout=30)
    jobs.stop(0.05)
    assert slow.runs == 0
    slow.hold.set()
    assert slow.enough.acquire(timeout=30)


def test_a_job_that_was_added_while_all_run_runs_and_can_be_ended() -> None:
    """`add` starts it, and what it returns ends it."""
    work, jobs = Work(), Jobs()
    jobs.start()
    remove = jobs.add("work", 0.01, work.run)
    assert work.enough.acquire(timeout=30)
    remove()
    jobs.stop(30)
    jobs.start()
    assert jobs._jobs == []


def test_an_owner_that_is_gone_ends_its_job() -> None:
    """A job keeps nothing alive: its thread ends with the next run."""
    work, jobs = Work(), Jobs()
    jobs.add("work", 0.01, work.run)
    jobs.start()
    assert work.enough.acquire(timeout=30)
    thread = jobs._jobs[0].thread
    assert thread is not None
    del work
    gc.collect()
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_a_thread_that_is_refused_is_told(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The application goes on, and health shows why nothing is done."""

    def refuse(_: threading.Thread) -> None:
        raise error

    work, jobs = Work(), Jobs()
    jobs.add("work", 0.01, work.run)
    refused: Callable[[threading.Thread], None] = refuse
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        jobs.start()
    assert _guard.failures() == {"work": 1}
    jobs.stop(0)
