"""Draining without a reader: a thread that runs every so often, and short tasks on the application's event loops.

Theory. The thread is *idle* (it has run, and no call has come since: `_asleep`), *waiting* for its next run, or
*running*. A run drains, then writes. Where calls come from an event loop, a loop task folds them (`loops`), and wakes
the thread up when a burst is over.

A thread that waits for the interpreter lock waits for a whole batch. So the batches of a run are small, and it sleeps
between them: 32 calls as a rule, 128 (about 0.25 ms) where it is behind. All writing is done here, as a disk may be
slow, and calls in flight are looked at here.

Locks: none of its own. It takes those of `Drain` one at a time, and gives up at once where another thread has them.
What may interrupt: `stop`, between two batches, by `ended` and the wake event; a fork, which `renew` answers.
"""

from __future__ import annotations

import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING, Final

from pepperpy_obs import _clock
from pepperpy_obs._exclusive import BusyError
from pepperpy_obs._guard import failed
from pepperpy_obs.errors import SetupError
from pepperpy_obs.runtime.drain import BATCH, MANY
from pepperpy_obs.runtime.loops import LoopTasks

if TYPE_CHECKING:
    from pepperpy_obs._dispatch import RecordBuffer
    from pepperpy_obs.runtime.drain import Drain

__all__ = ["Background"]

_IDLE_MOST: Final = 0.5
_SMALL: Final = 32
_PAUSE: Final = 0.0002
"""Records and seconds of a thread that is not behind: others wait for about 0.1 ms. It sleeps, as a thread that only
gives up the interpreter lock may have it again before another one has woken up."""
_BEHIND: Final = 2048
_MUCH: Final = 256
"""Records that the thread looks at together; after as many in one run the next one follows soon, so that readers find
little left to do."""
_FEW: Final = 64
"""Records in flight that a loop task may look at, each time."""
_TASK: Final = 200_000
_LEAST: Final = 4
"""Nanoseconds that a loop task may take, and calls that it takes all the same, up to five times as long."""
_TOO_MANY: Final = 8192
"""Lines that wait to be written, past which no loop adds to them."""


class _WakeEvent(threading.Event):
    """Wakes the thread: to run now or, once `ended`, for the last time."""

    ended = False


class Background:
    """A thread of its own, from `start` to `stop`, and loop tasks on event loops meanwhile. For any thread."""

    def __init__(self, buffer: RecordBuffer, drain: Drain, interval: float) -> None:
        self.interval = interval
        self._buffer = buffer
        self._drain = drain
        self.loop_tasks = LoopTasks(buffer, self._run_loop_task, self._wants_loop_tasks)
        """A caller that reaches the threshold asks for one here."""
        self.renew()

    def renew(self) -> None:
        """Start afresh, as in a forked child: no thread, no round to come."""
        self._wake = _WakeEvent()
        self._thread: threading.Thread | None = None
        self._came = 0
        self._size = _SMALL
        """How many calls a loop task takes: an answer with usage and cost takes longer than twenty others."""
        self._asleep = False
        """Whether the thread has run, and no call has come since."""
        self._helped = False
        """Whether a loop has folded some since the thread ran."""
        self._buffer.set_threshold(None)

    def start(self, interval: float) -> None:
        """Start the thread, which runs at this interval, unless it is there.

        Raises SetupError if the system refuses one.
        """
        before, self.interval = self.interval, interval
        try:
            self._drain.with_exclusive(self._start)
        except (RuntimeError, MemoryError, OSError) as error:
            self.interval = before
            msg = (
                f"no thread can be started ({type(error).__name__}: {error}); allow the process more threads or memory "
                f"(ulimit -u and -v, pids.max of its cgroup), and configure again"
            )
            raise SetupError(msg) from error

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._wake = _WakeEvent()
            # It refers to us only while it runs: a collector that is no longer used must end.
            thread = threading.Thread(
                target=_run_thread, args=(weakref.ref(self), self._wake), name="pepperpy_obs-drain", daemon=True
            )
            self._came = _clock.perf_counter_ns()
            thread.start()
            self._thread = thread  # not before: the system may refuse it
        self._await_call()

    def _await_call(self) -> None:
        """Have the next call call us: where C code has forked this process, only calls can notice it."""
        self._asleep = True
        self._buffer.set_threshold(0)

    def on_threshold(self) -> None:
        """Take notice of a caller: the first one since the thread ran, or the last one of a burst."""
        if self._asleep:
            self._asleep = False
            self.loop_tasks.offer()
        else:
            self.loop_tasks.ask()

    def stop(self, timeout: float) -> None:
        """Stop the thread; waits for the batch it is in, at most `timeout` seconds."""
        thread, self._thread = self._thread, None
        self._buffer.set_threshold(None)
        self._wake.ended = True
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        self._wake = _WakeEvent()

    @property
    def started(self) -> bool:
        """Whether the thread was started and not stopped; a forked child says so of its parent's."""
        return self._thread is not None

    def run_once(self, pause: float) -> float:
        """Drain, and return how many seconds to wait: less if there was much to do, more if there was nothing."""
        helped, self._came = self._helped, _clock.perf_counter_ns()
        try:
            taken = self.drain_idle()
        except Exception as error:
            failed("drain", error)
            taken = 0
        if self.started:
            self._await_call()
        if taken > _MUCH:
            return self.interval / 10
        if helped:
            return self.interval * 2  # the loop wakes us before
        return self.interval if taken else min(2 * pause, max(_IDLE_MOST, self.interval))

    def drain_idle(self) -> int:
        """Fold what there is, other threads being let in between batches, and write; return how many were folded.

        It gives up at once where a caller or a reader drains: two threads that take turns spend more on that than on
        the batches. New records are left to a loop that has just folded some: with the next burst it does so again.
        """
        folded = 0
        most = 0 if self._helped and len(self._buffer.records) < _MUCH else _MUCH
        self._helped = False
        try:
            # To look at many records takes as long as to fold some.
            for turn in range(len(self._buffer.records) // _MUCH + 1):
                left = self._drain.try_exclusive(partial(self._drain.partition, None, most, again=turn > 0))
                while left > 0 and not self._wake.ended:
                    count = self._drain_batch(left)
                    folded += count
                    left = left - count if count else 0
            self._drain.write_gathered()
        except BusyError:
            return folded  # the lines are written by the thread that drains, or at the end of the next run
        return folded

    def _drain_batch(self, most: int) -> int:
        at_ease = len(self._buffer.records) < _BEHIND
        count = self._drain.try_exclusive(partial(self._drain.batch, min(most, _SMALL if at_ease else BATCH)))
        if self._drain.chain.gathered >= MANY:
            self._drain.write_gathered()
        if count:
            _clock.sleep(_PAUSE if at_ease else 0)
        return count

    def _few(self) -> int:
        self._drain.partition(None, self._size, again=not self._drain.has_few_in_flight(_FEW))
        return self._drain.batch(self._size, non_blocking=True, most_ns=5 * _TASK)

    def _wants_loop_tasks(self) -> bool:
        """Tell whether there is a thread that writes, and no link that may block."""
        return self.started and self._drain.chain.is_non_blocking()

    def _run_loop_task(self) -> bool:
        """Fold a few on an event loop; return whether there is more to do soon.

        It waits for nothing and writes nothing, and leaves all to the thread where that is behind with writing.
        """
        if self._drain.chain.gathered >= _TOO_MANY or not self._wants_loop_tasks():
            return False
        begun = _clock.perf_counter_ns()
        try:
            count = self._drain.try_exclusive(self._few)
        except BusyError:
            return False
        if count:
            self._helped = True
        now = _clock.perf_counter_ns()
        if now - begun > _TASK and count > _LEAST:
            self._size = max(_LEAST, count // 2)
        elif now - begun < _TASK / 2 and count == self._size:
            self._size = min(_SMALL, 2 * count)
        if count and len(self._buffer.records) >= self._size / 2:
            return True
        # The burst is over, and the loop goes to sleep, it seems: now the thread disturbs no one.
        if now - self._came >= self.interval * 1e9 or (not count and self._drain.has_ended):
            self._wake.set()
        return False


def _run_thread(background: weakref.ref[Background], wake: _WakeEvent) -> None:
    """Drain every so often, until it is stopped or its owner is gone."""
    there = background()
    pause = there.interval if there else 0.0
    del there
    while True:
        wake.wait(pause)
        there = background()
        wake.clear()  # before `ended` is looked at: `stop` sets it last
        if wake.ended or there is None:
            return
        pause = there.run_once(pause)
        del there
