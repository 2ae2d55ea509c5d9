"""What drains when nobody asks for it: a thread that comes by every so often, and the event loops that are called on.

Who waits for the interpreter lock waits for a whole batch. So the thread's batches are small, and it sleeps between
them: 32 calls while it is at ease, 128 (about 0.25 ms) where it is behind. It also does all the writing, as a disk may
be slow, and looks at the calls in flight. Where calls come from an event loop, the loop folds them (`loops`).
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
from pepperpy_obs.runtime.loops import Rounds

if TYPE_CHECKING:
    from pepperpy_obs._dispatch import Hub
    from pepperpy_obs.runtime.drain import Drain

__all__ = ["Background"]

_IDLE_MOST: Final = 0.5
_SMALL: Final = 32
_BREATH: Final = 0.0002
"""Records and seconds of a thread that is not behind: others wait for about 0.1 ms. It sleeps, for who only gives
the interpreter lock up may have it again before anybody else has woken up."""
_BEHIND: Final = 2048
_MUCH: Final = 256
"""Records that the thread looks at in one go; as many in one turn call for the next one soon, so that who reads finds
little left to do."""
_FEW: Final = 64
"""Records in flight that a round may look at, each time."""
_ROUND: Final = 200_000
_LEAST: Final = 4
"""Nanoseconds that a round may take, and calls that it takes all the same, up to five times as long."""
_TOO_MANY: Final = 8192
"""Lines that wait to be written, past which no loop adds to them."""


class _Bell(threading.Event):
    """Calls the thread: to come by now or, once `ended`, for the last time."""

    ended = False


class Background:
    """A thread of its own, from `start` to `stop`, and rounds on event loops meanwhile. For any thread."""

    def __init__(self, hub: Hub, drain: Drain, interval: float) -> None:
        self.interval = interval
        self._hub = hub
        self._drain = drain
        self.rounds = Rounds(hub, self._round, self._wants_rounds)
        """Where a caller who came by, as was waited for, asks for one."""
        self.renew()

    def renew(self) -> None:
        """Start afresh, as in a forked child: no thread, no round to come."""
        self._bell = _Bell()
        self._thread: threading.Thread | None = None
        self._came = 0
        self._size = _SMALL
        """How many calls a round takes: an answer with usage and cost takes longer than twenty others."""
        self._asleep = False
        """Whether the thread has come by, and no call since."""
        self._helped = False
        """Whether a loop has folded some since the thread came by."""
        self._hub.expect(None)

    def start(self, interval: float) -> None:
        """Start the thread, which is to come by at this interval, unless it runs.

        Raises SetupError if the system refuses one.
        """
        before, self.interval = self.interval, interval
        try:
            self._drain.with_records(self._start)
        except (RuntimeError, MemoryError, OSError) as error:
            self.interval = before
            msg = (
                f"no thread can be started ({type(error).__name__}: {error}); allow the process more threads or memory "
                f"(ulimit -u and -v, pids.max of its cgroup), and configure again"
            )
            raise SetupError(msg) from error

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._bell = _Bell()
            # It knows us only while it is at work: a collector that nobody uses any more is to end.
            thread = threading.Thread(
                target=_come_by, args=(weakref.ref(self), self._bell), name="pepperpy_obs-drain", daemon=True
            )
            self._came = _clock.perf_counter_ns()
            thread.start()
            self._thread = thread  # not before: the system may refuse it
        self._await_call()

    def _await_call(self) -> None:
        """Have the next call come by: where C code has forked this process, only calls can notice it."""
        self._asleep = True
        self._hub.expect(0)

    def come_by(self) -> None:
        """Take notice of a caller: the first one since the thread came by, or the last one of a burst."""
        if self._asleep:
            self._asleep = False
            self.rounds.offer()
        else:
            self.rounds.ask()

    def stop(self, timeout: float) -> None:
        """Stop the thread; waits for the batch it is in, at most `timeout` seconds."""
        thread, self._thread = self._thread, None
        self._hub.expect(None)
        self._bell.ended = True
        self._bell.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        self._bell = _Bell()

    @property
    def started(self) -> bool:
        """Whether the thread was started and not stopped; a forked child says so of its parent's."""
        return self._thread is not None

    def turn(self, pause: float) -> float:
        """Drain, and return how many seconds to wait: less if there was much to do, more if there was nothing."""
        helped, self._came = self._helped, _clock.perf_counter_ns()
        try:
            taken = self.tend()
        except Exception as error:
            failed("drain", error)
            taken = 0
        if self.started:
            self._await_call()
        if taken > _MUCH:
            return self.interval / 10
        if helped:
            return self.interval * 2  # it will ring before
        return self.interval if taken else min(2 * pause, max(_IDLE_MOST, self.interval))

    def tend(self) -> int:
        """Fold what there is, other threads being let in between batches, and write; return how many were folded.

        It stands back at once where a caller or a reader drains: two that take turns spend more on that than on the
        batches. What is new is left to a loop that has just folded some: with the next burst it will do so again.
        """
        folded = 0
        most = 0 if self._helped and len(self._hub.buffer) < _MUCH else _MUCH
        self._helped = False
        try:
            # To look at many records takes as long as to fold some.
            for turn in range(len(self._hub.buffer) // _MUCH + 1):
                left = self._drain.try_records(partial(self._drain.look, None, most, again=turn > 0))
                while left > 0 and not self._bell.ended:
                    count = self._tend_batch(left)
                    folded += count
                    left = left - count if count else 0
            self._drain.write_aside()
        except BusyError:
            return folded  # the lines are written by who drains, or at the end of the next turn
        return folded

    def _tend_batch(self, most: int) -> int:
        at_ease = len(self._hub.buffer) < _BEHIND
        count = self._drain.try_records(partial(self._drain.batch, min(most, _SMALL if at_ease else BATCH)))
        if self._drain.chain.gathered >= MANY:
            self._drain.write_aside()
        if count:
            _clock.sleep(_BREATH if at_ease else 0)
        return count

    def _few(self) -> int:
        self._drain.look(None, self._size, again=not self._drain.has_few_open(_FEW))
        return self._drain.batch(self._size, briskly=True, most_ns=5 * _ROUND)

    def _wants_rounds(self) -> bool:
        """Tell whether there is a thread that writes, and no link that may take its time."""
        return self.started and self._drain.chain.is_brisk()

    def _round(self) -> bool:
        """Fold a few, in a thread that has other things to do; return whether there is more to do soon.

        It waits for nothing and writes nothing, and leaves all to the thread where that is behind with writing.
        """
        if self._drain.chain.gathered >= _TOO_MANY or not self._wants_rounds():
            return False
        begun = _clock.perf_counter_ns()
        try:
            count = self._drain.try_records(self._few)
        except BusyError:
            return False
        if count:
            self._helped = True
        now = _clock.perf_counter_ns()
        if now - begun > _ROUND and count > _LEAST:
            self._size = max(_LEAST, count // 2)
        elif now - begun < _ROUND / 2 and count == self._size:
            self._size = min(_SMALL, 2 * count)
        if count and len(self._hub.buffer) >= self._size / 2:
            return True
        # The burst is over, and the loop goes to sleep, it seems: now the thread is in nobody's way.
        if now - self._came >= self.interval * 1e9 or (not count and self._drain.has_ended):
            self._bell.set()
        return False


def _come_by(background: weakref.ref[Background], bell: _Bell) -> None:
    """Drain every so often, until it is stopped or nobody has use for it."""
    there = background()
    pause = there.interval if there else 0.0
    del there
    while True:
        bell.wait(pause)
        there = background()
        bell.clear()  # before `ended` is looked at: `stop` rings last
        if bell.ended or there is None:
            return
        pause = there.turn(pause)
        del there
