"""One check of the user's own: run beside the caller, given up at its deadline, never run twice at once."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any

from pepperpy_obs import _clock
from pepperpy_obs.judgement.report import CheckResult

__all__ = ["Check", "Probe", "Run"]

Check = Callable[[], object]
"""A function or a coroutine function. None or True: all is well. False, a sentence or an exception: it is not."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a check. Others that ask meanwhile wait for it, so a check that hangs costs one thread for all."""

    check: str
    critical: bool
    timeout: float
    started: int
    process: int
    answer: Future[CheckResult]

    @property
    def lasts(self) -> bool:
        """Whether an answer may still come; in a forked child the parent's thread is not there to give one."""
        return not self.answer.done() and self.process == os.getpid()

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return max(0.0, self.timeout - (_clock.perf_counter_ns() - self.started) / 1e9)

    def result(self) -> CheckResult:
        """Wait for the answer at most until the deadline, and say what was found."""
        wait([self.answer], self.left)
        return self.answer.result() if self.answer.done() else self.late()

    async def result_async(self) -> CheckResult:
        """Wait for the answer without blocking the event loop."""
        waiter = asyncio.wrap_future(self.answer)
        await asyncio.wait([waiter], timeout=self.left)
        # Of a cancelled waiter the thread asks no more, should it answer after the loop is closed.
        waiter.cancel()
        return self.answer.result() if self.answer.done() else self.late()

    def run_checks(self, found: object) -> CheckResult:
        """Read what the check returned."""
        if found is None or found is True or found == "":
            return CheckResult(self.check, "pass", "all is well")
        if found is False:
            return self.bad("says no")
        if isinstance(found, str):
            return self.bad(found)
        return self.bad(f"returned {found!r}; a check returns None or True if all is well, else False or a sentence")

    def late(self) -> CheckResult:
        """Say that the deadline has passed."""
        return self.bad(f"gave no answer within {self.timeout:g} s")

    def bad(self, text: str) -> CheckResult:
        """Say what is wrong."""
        return CheckResult(self.check, "fail" if self.critical else "warn", text)


class Probe:
    """A check, its deadline, and the run of it that is under way."""

    def __init__(self, name: str, check: Check, timeout: float | None, *, critical: bool) -> None:
        self._name = name
        self._check = check
        self._timeout = timeout
        self._critical = critical
        self._run: Run | None = None

    def begin(self, timeout: float) -> Run:
        """Start the check in a daemon thread, unless it runs; an asynchronous one gets an event loop there."""
        return self._begin(timeout, self._in_thread)

    def begin_here(self, timeout: float) -> Run:
        """Start the check, unless it runs: a coroutine function in the running event loop, any other in a thread."""
        call = getattr(self._check, "__call__", None)  # noqa: B004 - the method itself is needed, of a callable object
        asynchronous = inspect.iscoroutinefunction(self._check) or inspect.iscoroutinefunction(call)
        return self._begin(timeout, self._in_loop if asynchronous else self._in_thread)

    def _begin(self, timeout: float, launch: Callable[[Run], None]) -> Run:
        # No lock: two callers in one instant may start two runs, which is harmless, and a lock could be held at a fork.
        if self._run is None or not self._run.lasts:
            limit = timeout if self._timeout is None else self._timeout
            answer: Future[CheckResult] = Future()
            answer.set_running_or_notify_cancel()  # from here on a waiter that gives up cannot cancel it
            self._run = Run(self._name, self._critical, limit, _clock.perf_counter_ns(), os.getpid(), answer)
            launch(self._run)
        return self._run

    def _in_thread(self, run: Run) -> None:
        def work() -> None:
            try:
                found = self._check()
                result = asyncio.run(_bounded(found, run)) if inspect.isawaitable(found) else run.run_checks(found)
            except BaseException as error:
                result = run.bad(f"raised {type(error).__name__}")
            run.answer.set_result(result)

        threading.Thread(target=work, name=f"pepperpy_obs-check-{self._name}", daemon=True).start()

    def _in_loop(self, run: Run) -> None:
        async def work() -> None:
            result = run.bad("was cancelled")
            try:
                call: Any = self._check
                result = await _bounded(call(), run)
            except Exception as error:
                result = run.bad(f"raised {type(error).__name__}")
            finally:
                run.answer.set_result(result)

        task = asyncio.get_running_loop().create_task(work(), name=f"pepperpy_obs-check-{self._name}")
        run.answer.add_done_callback(lambda _: task)  # the loop keeps no strong reference to it


async def _bounded(found: Awaitable[object], run: Run) -> CheckResult:
    """Await what a check returned, and cancel it at the deadline."""
    deadline = asyncio.timeout(run.left)
    try:
        async with deadline:
            return run.run_checks(await found)
    except TimeoutError:  # the check's own, unless the deadline says that it was it
        if deadline.expired():
            return run.late()
        raise
