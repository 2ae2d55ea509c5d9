"""From the buffer through the chain: by a background thread, by a full buffer, and by every read.

The thread's batches are small, and it gives the interpreter lock up between them, for whoever waits for it waits for a
whole batch: 32 calls while it is at ease, 128 (about 0.25 ms) where it is behind. A caller or a reader that drains does
so in one go, and has the drain for itself (docs/design.md).
"""

from __future__ import annotations

import sys
import threading
import weakref
from bisect import bisect_right
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed
from pepperpy_obs._record import END, START, Record
from pepperpy_obs.context import settle

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pepperpy_obs._dispatch import Hub
    from pepperpy_obs.chain import Chain

__all__ = ["Drain"]

BATCH: Final = 128
_IDLE_MOST: Final = 0.5
_SMALL: Final = 32
_BREATH: Final = 0.0002
"""Records and seconds of a thread that is not behind: others wait for about 0.1 ms. It sleeps, for who only gives
the interpreter lock up may have it again before anybody else has woken up."""
_BEHIND: Final = 2048
_MOST_WAITING: Final = 4096
"""Records that may wait for the next one to begin later while callers drain: a clock that stands still ends no wait."""
_MUCH: Final = 256
"""Records that the thread looks at in one go; as many in one turn call for the next one soon, so that who reads finds
little left to do."""
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
        self._due: list[Callable[[], object]] = []
        """What has to wait for the end of the batch at hand."""
        self._taken: list[Record] = []
        """From the buffer, and not parted yet."""
        self._open: list[Record] = []
        """In flight when they were last looked at, in the order in which they began."""
        self._ended: list[Record] = []
        """To be folded, in the order in which they ended."""
        self._until = 0
        """Up to which END they may be."""
        self._held: list[Record] = []
        """The batch at hand."""
        self._thread: threading.Thread | None = None

    @contextmanager
    def claim(self, patience: float = -1) -> Generator[bool]:
        """Hold the lock; gives False to a caller that holds it already, further down in its own stack.

        Raises TimeoutError if others hold it for longer than `patience` seconds.
        """
        if not self._lock.acquire(timeout=patience):
            msg = f"a batch takes longer than {patience:.1f} s"
            raise TimeoutError(msg)
        outermost = not self._busy
        try:
            if outermost:
                self._busy = True
                self._recover()
            yield outermost
        finally:
            if outermost:
                self._busy = False
            self._lock.release()
            if outermost:
                self._finish()

    def _finish(self) -> None:
        """Do what a signal handler in the middle of the batch had to leave."""
        while self._due:
            self._due.pop(0)()
        self._afterwards()

    def after_batch(self, step: Callable[[], object]) -> None:
        """Do something when no batch of this thread is at hand any more: at once, as a rule."""
        if self.inside:
            self._due.append(step)
        else:
            step()

    @property
    def inside(self) -> bool:
        """Whether the calling thread is draining at this moment, further down in its own stack."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return self._busy
        finally:
            self._lock.release()

    def run(self, *, patience: float = -1) -> int:
        """Fold every call that had returned when this was called; return how many.

        Who else wants to drain waits until all is done: to hand the lock over between batches costs more than the
        batches do. Raises RecursionError, with nothing touched, where the stack has no room for it, and
        TimeoutError as `claim` does.
        """
        _descend(_DEPTH)
        with self.claim(patience) as claimed:
            return self._fold() if claimed else 0

    def relieve(self, most: int) -> None:
        """Fold about the oldest `most`, unless somebody else has made room while this waited for its turn."""
        _descend(_DEPTH)
        with self.claim() as claimed:
            if claimed and len(self._hub.buffer) >= self._hub.limit:
                self._fold(most)

    def _fold(self, most: int | None = None) -> int:
        folded = 0
        try:
            left = self._look(most)
            while left > folded:
                count = self._batch(min(left - folded, BATCH))
                if count == 0:
                    break
                folded += count
            return folded
        finally:
            # Even if nothing was folded: the thread may have gathered lines, and a flush has to see them written.
            self.chain.flush()

    def tend(self) -> int:
        """Fold what there is, other threads being let in between batches; return how many.

        It stands back at once where a caller or a reader drains: two that take turns spend more on that than on the
        batches.
        """
        folded = 0
        try:
            # To look at many records takes as long as to fold some.
            for turn in range(len(self._hub.buffer) // _MUCH + 1):
                with self.claim(0) as claimed:
                    left = self._look(None, _MUCH, again=turn > 0) if claimed else 0
                while left > 0:
                    count = self._tend_batch(left)
                    folded += count
                    left = left - count if count else 0
            with self.claim(0) as claimed:
                if claimed:
                    self.chain.flush()
        except TimeoutError:
            return folded  # the lines are written by who drains, or at the end of the next turn
        return folded

    def _tend_batch(self, most: int) -> int:
        at_ease = len(self._hub.buffer) < _BEHIND
        with self.claim(0) as claimed:
            count = self._batch(min(most, _SMALL if at_ease else BATCH)) if claimed else 0
        if count:
            _clock.sleep(_BREATH if at_ease else 0)
        return count

    def _look(self, most: int | None, at_once: int = sys.maxsize, *, again: bool = False) -> int:
        """Take records from the buffer and part them; return how many may be folded.

        Who looks `again` in the same turn need not look at those in flight once more.
        """
        buffer = self._hub.buffer
        if most is None and not again:
            ended, running = _part(self._open)
            # No call stands between such lines, so no signal handler can come between them; see `_recover`.
            self._ended = self._ended + ended
            self._open = running
        count = min(len(buffer), at_once if most is None else most)
        whole = count == len(buffer)
        self._taken = buffer[:count]
        del buffer[:count]
        self._sort_in()
        self._allow(ties=whole and most is None)
        return bisect_right(self._ended, self._until, key=_by_end)

    def _allow(self, *, ties: bool) -> None:
        """Raise the time up to which what has ended may be folded.

        Children are to be folded before their parents, who began earlier and ended later. A record enters the buffer
        after its START was read, and a child before its parent's END: so whoever ended before the first record that is
        left in the buffer began has all that it called outside of it. What is allowed once stays so, whatever others
        take and fold meanwhile, unless the time is one that is yet to come: then somebody has set the clock.

        `ties`: so has who ended just as that one began, for where a clock stands still a reader is to see it.
        """
        ended = self._ended
        if not ended or self._until > _clock.perf_counter_ns():
            self._until = 0
        if not ended:
            return
        beyond = next((record[START] for record in self._hub.buffer[:1]), None)
        if beyond is None:
            beyond = ended[-1][END]
        elif not ties and len(ended) <= _MOST_WAITING:
            beyond -= 1
        self._until = max(self._until, beyond)

    def _sort_in(self) -> None:
        """Part what was taken from the buffer; of those that ended at the same time, the later ones come first."""
        ended, running = _part(self._taken)
        ended.reverse()
        self._ended = ended + self._ended
        self._open = self._open + running
        self._taken = []
        self._ended.sort(key=_by_end)

    def _batch(self, count: int) -> int:
        # Others may have folded what was allowed when the thread looked, and have looked at more.
        count = min(count, bisect_right(self._ended, self._until, key=_by_end))
        self.chain.taken = 0
        self._held = self._ended[:count]
        del self._ended[:count]
        batch = self._held
        try:
            settle(batch)
            self.chain.take(batch)
        except Exception as error:
            failed("drain", error)
            self._ended[:0] = batch[self.chain.taken + 1 :]  # without the one that it failed at
        self._held = []
        return count

    def _recover(self) -> None:
        """Take back what an exception from outside (Ctrl-C, a timeout's signal) has kept from being folded."""
        if self._held:
            self._ended[:0] = self._held[self.chain.taken :]
            self._held = []
        if self._taken:
            self._sort_in()

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
            taken = self.tend()
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
    """Return the finished ones and the others; END may be written any moment, so each is looked at once."""
    ended: list[Record] = []
    running: list[Record] = []
    for record in records:
        (running if record[END] is None else ended).append(record)
    return ended, running


def _descend(levels: int) -> None:
    """Go down so many calls and come back: what follows will not fail half-way for want of stack."""
    if levels:
        _descend(levels - 1)
