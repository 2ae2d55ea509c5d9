"""Timed jobs: all that is done every so often and may take its time, each on a thread of its own.

Theory. A job is *waiting*, *running* or *ended*. Its thread sleeps on an event until the next run is due; `stop` sets
that event, and the thread runs the job for the last time and ends. So a job never runs twice at once, and what it still
had to do is done before the process leaves, if there is time. A job that waits for a database holds up no other job.

The thread knows the owner of the job only while it runs: a runtime that is no longer used ends with its jobs. A forked
child has no threads; `renew` forgets those of the parent and `start` begins anew.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final
from weakref import WeakMethod

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Jobs"]

_LEAST: Final = 0.01
"""Seconds between two runs, at least: an interval of none would be a busy loop."""


class Jobs:
    """The jobs of one runtime. For any thread; `add`, `start` and `stop` one at a time."""

    def __init__(self) -> None:
        self._jobs: list[_Job] = []
        self._started = False

    def add(self, name: str, interval: float, work: Callable[[], object]) -> Callable[[], None]:
        """Have the bound method `work` run every `interval` seconds, and once more at the end; return what ends it.

        It runs only between `start` and `stop`. What it raises is counted and told, and the next run comes all the
        same. It is not kept alive by being a job.
        """
        job = _Job(name, max(interval, _LEAST), work)
        self._jobs.append(job)
        if self._started:
            job.start()

        def remove() -> None:
            if job in self._jobs:
                self._jobs.remove(job)
                job.stop(0)

        return remove

    def start(self) -> None:
        """Start each job that does not run; a thread that the system refuses is counted as a failure."""
        self._started = True
        for job in self._jobs:
            job.start()

    def stop(self, timeout: float) -> None:
        """Have each job run for the last time, in the order in which they were added, within `timeout` seconds."""
        self._started = False
        left = _clock.countdown(timeout)
        for job in list(self._jobs):
            job.stop(left())

    def renew(self) -> None:
        """Forget the threads, which a forked child does not have."""
        self._started = False
        for job in self._jobs:
            job.thread = None


class _Job:
    def __init__(self, name: str, interval: float, work: Callable[[], object]) -> None:
        self.name = name
        self.thread: threading.Thread | None = None
        self._interval = interval
        self._work = WeakMethod(work)
        self._end = threading.Event()

    def start(self) -> None:
        if self.thread is not None and self.thread.is_alive():
            return
        self._end = threading.Event()
        thread = threading.Thread(
            target=_run,
            args=(self.name, self._interval, self._work, self._end),
            name=f"pepperpy_obs-{self.name}",
            daemon=True,
        )
        try:
            thread.start()
        except (RuntimeError, MemoryError, OSError) as error:
            failed(self.name, error)
        else:
            self.thread = thread

    def stop(self, timeout: float) -> None:
        thread, self.thread = self.thread, None
        self._end.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)


def _run(name: str, interval: float, work: WeakMethod[Callable[[], object]], end: threading.Event) -> None:
    is_last = False
    while not is_last:
        is_last = end.wait(interval)
        run = work()
        if run is None:
            return
        try:
            run()
        except Exception as error:
            failed(name, error)
        del run
