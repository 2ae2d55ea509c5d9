"""From the buffer through the chain: by a background thread, by a full buffer, and by every read.

Batches are small and the interpreter lock is given up between them: with batches of 64 an
event loop's lateness stays about as it is without us, with 512 it grows fivefold
(docs/performance.md).
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from pepperpy_obs import _clock
from pepperpy_obs._event import Writer, needs_lineage
from pepperpy_obs._guard import failed
from pepperpy_obs._record import CALLER, END, Record
from pepperpy_obs.context import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pepperpy_obs._dispatch import Hub
    from pepperpy_obs.chain import Chain

__all__ = ["Drain"]

BATCH: Final = 64
_IDLE_MOST: Final = 0.5
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
        self._writer = Writer()
        self.renew()

    def renew(self) -> None:
        """Start afresh, as in a forked child: no lock held, nothing in flight, no thread."""
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._busy = False
        self._open: list[Record] = []
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

        With `pause`, other threads are let in between batches.
        """
        taken = self._settle() if most is None else 0
        left = len(self._hub.buffer) if most is None else min(most, len(self._hub.buffer))
        while left > 0:
            count = self._batch(min(left, BATCH))
            if count == 0:
                break
            left -= count
            taken += count
            if pause:
                _clock.sleep(0)
        return taken

    def _settle(self) -> int:
        """Fold what was in flight and has ended since.

        The lock is taken even if nothing seems to be: another thread may hold a batch that is in
        neither list, and a flush has to wait for it.
        """
        with self.claim() as claimed:
            if not claimed:
                return 0
            waiting, self._open = self._open, []
            done = self._part(waiting)
            for start in range(0, len(done), BATCH):
                self._fold(done[start : start + BATCH])
            return len(done)

    def _batch(self, count: int) -> int:
        with self.claim() as claimed:
            if not claimed:
                return 0
            buffer = self._hub.buffer
            batch = buffer[:count]
            del buffer[:count]
            self._fold(self._part(batch))
            return len(batch)

    def _part(self, records: list[Record]) -> list[Record]:
        """Return the finished ones and keep the others; END may be written any moment, so each is looked at once."""
        done: list[Record] = []
        for record in records:
            (done if record[END] else self._open).append(record)
        done.sort(key=_by_end)
        return done

    def _fold(self, records: list[Record]) -> None:
        """Turn finished records into events and run them through the chain, in the order in which they ended."""
        try:
            settle([record for record in records if record[CALLER] is not None or needs_lineage(record)])
            self.chain.run(self._writer.events(records))
        except Exception as error:
            failed("drain", error)

    def in_flight(self) -> list[Record]:
        """Return the records of the calls that are running now, as far as they were taken from the buffer."""
        with self.claim() as claimed:
            return [record for record in self._open if not record[END]] if claimed else []

    def start(self) -> None:
        """Start the background thread unless it runs."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._wake = threading.Event()
                self._thread = threading.Thread(
                    target=self._work, args=(self._wake,), name="pepperpy_obs-drain", daemon=True
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

    def _work(self, stopped: threading.Event) -> None:
        """Drain every `interval` seconds; less often while there is nothing to do."""
        pause = self.interval
        while not stopped.wait(pause):
            try:
                taken = self.run(pause=True)
            except Exception as error:
                failed("drain", error)
                taken = 0
            pause = self.interval if taken else min(2 * pause, max(_IDLE_MOST, self.interval))
