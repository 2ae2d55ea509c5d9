"""From the buffer through the chain: by a background thread, by a full buffer, and by every read.

Batches are small and the interpreter lock is given up between them: with batches of 64 an
event loop's lateness stays about as it is without us, with 512 it grows fivefold
(docs/performance.md).
"""

from __future__ import annotations

import threading
import weakref
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed
from pepperpy_obs._record import END, Record
from pepperpy_obs.context import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pepperpy_obs._dispatch import Hub
    from pepperpy_obs.chain import Chain

__all__ = ["Drain"]

BATCH: Final = 64
_IDLE_MOST: Final = 0.5
_SMALL: Final = 16
_BREATH: Final = 0.0002
"""Records and seconds of a thread that is not behind: others wait for 20 us at most. It sleeps, for who only gives
the interpreter lock up may have it again before anybody else has woken up."""
_BEHIND: Final = 4096
_MUCH: Final = 256
"""Records of one turn that call for the next one soon: so that who reads finds little left to do."""
_DEPTH: Final = 60
"""How many calls below `Drain.run` there may be, down to a renderer's."""
_by_end = itemgetter(END)


class Drain:
    """Owns the records that have left the buffer and are still in flight, and the thread that looks after them.

    `run` may be called by any thread; a lock lets one in at a time. A call from within (a
    signal handler or a finalizer that runs while its own thread drains) does nothing.
    """

    def __init__(self, hub: Hub, chain: Chain, interval: float, afterwards: Callable[[], None]) -> None:
        self.chain = chain
        self.interval = interval
        self._hub = hub
        self._afterwards = afterwards
        self.renew()

    def renew(self) -> None:
        """Start afresh, as in a forked child: no lock held, nothing in flight, no thread."""
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._busy = False
        self._open: list[Record] = []
        self._ended: list[Record] = []
        """Was in flight, and waits to be folded."""
        self._held: list[Record] = []
        """The batch at hand."""
        self._thread: threading.Thread | None = None

    @contextmanager
    def claim(self) -> Generator[bool]:
        """Hold the lock; gives False to a caller that holds it already, further down in its own stack."""
        with self._lock:
            if self._busy:
                yield False
                return
            self._busy = True
            try:
                if self._held:
                    self._recover()
                yield True
            finally:
                self._busy = False
        self._afterwards()

    @property
    def inside(self) -> bool:
        """Whether the calling thread is draining at this moment, further down in its own stack."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return self._busy
        finally:
            self._lock.release()

    def run(self, most: int | None = None, *, pause: bool = False) -> int:
        """Fold every call that had returned when this was called, or the oldest `most`; return how many were taken.

        With `pause`, other threads are let in between batches. Raises RecursionError, with nothing touched,
        where the stack has no room for it.
        """
        _descend(_DEPTH)
        taken = 0
        try:
            left = self._look(most)
            while left > 0:
                at_ease = pause and left < _BEHIND
                count = self._batch(min(left, _SMALL if at_ease else BATCH))
                if count == 0:
                    break
                left -= count
                taken += count
                if pause:
                    _clock.sleep(_BREATH if at_ease else 0)
        finally:
            # Even if nothing was taken: another thread may have gathered lines, and a flush has to see them written.
            with self.claim() as claimed:
                if claimed:
                    self.chain.flush()
        return taken

    def _look(self, most: int | None) -> int:
        """Find what was in flight and has ended since; return how many records there are to be folded.

        The lock is taken even if nothing seems to be there: another thread may hold a batch that is in
        no list, and a flush has to wait for it.
        """
        with self.claim() as claimed:
            if not claimed:
                return 0
            if most is None:
                ended, running = _part(self._open)
                self._open = running
                self._ended += ended
            there = len(self._ended) + len(self._hub.buffer)
            return there if most is None else min(most, there)

    def _batch(self, count: int) -> int:
        with self.claim() as claimed:
            if not claimed:
                return 0
            source = self._ended or self._hub.buffer
            self.chain.taken = 0
            count = min(
                count, len(source)
            )  # others may have drained meanwhile, and others append: what is cut is there
            # No call stands between these two, so no signal handler can come between them; see `_recover`.
            self._held = source[:count]
            del source[:count]
            ended, running = _part(self._held)
            self._open += running
            self._held = ended
            try:
                settle(ended)
                self.chain.take(ended)
            except Exception as error:
                failed("drain", error)
                self._ended[:0] = ended[self.chain.taken + 1 :]  # without the one that it failed at
            self._held = []
            return count

    def _recover(self) -> None:
        """Take back what an exception from outside (Ctrl-C, a timeout's signal) has kept from being folded."""
        self._ended[:0] = self._held[self.chain.taken :]
        self._held = []

    def exchange(self, chain: Chain) -> Chain:
        """Send all through another chain; return the one before, its lines written. To be called with a claim."""
        before, self.chain = self.chain, chain
        before.flush()
        return before

    def in_flight(self) -> list[Record]:
        """Return the records of the calls that are running now, as far as they were taken from the buffer."""
        with self.claim() as claimed:
            return [record for record in self._open if record[END] is None] if claimed else []

    def start(self) -> None:
        """Start the background thread unless it runs."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._wake = threading.Event()
                # It knows its drain only while it is at work: a collector that nobody uses any more is to end.
                self._thread = threading.Thread(
                    target=_look_after, args=(weakref.ref(self), self._wake), name="pepperpy_obs-drain", daemon=True
                )
                self._thread.start()

    def stop(self, timeout: float) -> None:
        """Stop the background thread; waits for the batch it is in, at most `timeout` seconds."""
        thread, self._thread = self._thread, None
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    @property
    def started(self) -> bool:
        """Whether the background thread was started and not stopped; a forked child says so of its parent's."""
        return self._thread is not None

    def turn(self, pause: float) -> float:
        """Drain, and return how many seconds to wait: less if there was much to do, more if there was nothing."""
        try:
            taken = self.run(pause=True)
        except Exception as error:
            failed("drain", error)
            taken = 0
        if taken > _MUCH:
            return self.interval / 10
        return self.interval if taken else min(2 * pause, max(_IDLE_MOST, self.interval))


def _look_after(drain: weakref.ref[Drain], stopped: threading.Event) -> None:
    """Drain every so often, until it is stopped or nobody has use for it."""
    there = drain()
    pause = there.interval if there else 0.0
    del there
    while not stopped.wait(pause):
        there = drain()
        if there is None:
            return
        pause = there.turn(pause)
        del there


def _part(records: list[Record]) -> tuple[list[Record], list[Record]]:
    """Return the finished ones, in the order in which they ended, and the others.

    END may be written any moment, so each is looked at once.
    """
    ended: list[Record] = []
    running: list[Record] = []
    for record in records:
        (running if record[END] is None else ended).append(record)
    ended.sort(key=_by_end)
    return ended, running


def _descend(levels: int) -> None:
    """Go down so many calls and come back: what follows will not fail half-way for want of stack."""
    if levels:
        _descend(levels - 1)
