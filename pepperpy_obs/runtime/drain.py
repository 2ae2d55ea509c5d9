"""From the buffer through the chain, in an order in which children come before their parents.

Callers with a full buffer and readers drain in one go, and have the drain for themselves (docs/design.md). What drains
without being asked (`background`) takes the records for some of them at a time.
"""

from __future__ import annotations

import sys
import threading
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
MANY: Final = 512
"""Records that are folded, and lines that are written, together."""
_MOST_WAITING: Final = 4096
"""Records that may wait for the next one to begin later while callers drain: a clock that stands still ends no wait."""
_DEPTH: Final = 60
"""How many calls below `Drain.run` there may be, down to a renderer's."""
_by_end = itemgetter(END)


class Drain:
    """Owns the records that have left the buffer, those in flight among them, and the way that they go.

    All methods may be called by any thread; locks let one in at a time. A call from within (a signal handler or a
    finalizer that runs while its own thread drains) does nothing.
    """

    def __init__(self, hub: Hub, chain: Chain, afterwards: Callable[[], None]) -> None:
        self.chain = chain
        self._hub = hub
        self._afterwards = afterwards
        self.renew()

    def renew(self) -> None:
        """Start afresh, as in a forked child: no lock held, nothing in flight."""
        self._lock = threading.RLock()
        self._inside: set[int] = set()
        """The thread that holds the records, and those that are about to."""
        self._pen = threading.RLock()
        """Held by who writes lines, from before they are taken from the records on, so that they keep their order."""
        self._writer = 0
        """The thread that writes without holding the records."""
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

    @contextmanager
    def claim(self, patience: float = -1) -> Generator[bool]:
        """Hold the drain: nobody else folds or writes; False to who does so already, further down in his own stack.

        Raises TimeoutError if others hold it for longer than `patience` seconds.
        """
        if self.inside:
            # Who writes waits for a round of a loop at most: all others wait for his pen before they hold the records.
            with self._lock:
                yield False
            return
        until = _clock.countdown(patience) if patience >= 0 else None
        _acquire(self._pen, patience)
        try:
            with self.records(-1 if until is None else until()) as claimed:
                yield claimed
        finally:
            self._pen.release()

    @contextmanager
    def records(self, patience: float = -1) -> Generator[bool]:
        """Hold the records only, while somebody may be writing lines; otherwise as `claim`."""
        me = threading.get_ident()
        nested, acquired = me in self._inside, False
        try:
            self._inside.add(me)  # first: a signal handler right after the lock was taken is not to wait for a pen
            _acquire(self._lock, patience)
            acquired = True
            if not nested:
                self._recover()
            yield not nested
        finally:
            if not nested:
                self._inside.discard(me)
            if acquired:
                self._lock.release()
                if not nested:
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
        """Whether the calling thread is draining or writing at this moment, further down in its own stack."""
        me = threading.get_ident()
        return me == self._writer or me in self._inside

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
            if claimed and len(self._hub.buffer) >= self._hub.most:
                self._fold(most)

    def _fold(self, most: int | None = None) -> int:
        folded = 0
        try:
            left = self.look(most)
            while left > folded:
                count = self.batch(min(left - folded, BATCH))
                if count == 0:
                    break
                folded += count
                if self.chain.gathered >= MANY:
                    self.chain.flush()
            return folded
        finally:
            # Even if nothing was folded: the thread may have gathered lines, and a flush has to see them written.
            self.chain.flush()

    def write_aside(self) -> None:
        """Write what has gathered, while others may go on folding; for the one thread that does so."""
        _acquire(self._pen, 0)
        try:
            with self.records(0) as claimed:
                if not claimed:
                    return
                chain, batch = self.chain, self.chain.hand_over()
            self._writer = threading.get_ident()
            chain.write(batch)
        finally:
            self._writer = 0
            self._pen.release()
            self._finish()

    def look(self, most: int | None, at_once: int = sys.maxsize, *, again: bool = False) -> int:
        """Take records from the buffer and part them; return how many may be folded. With `records` held.

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

    @property
    def has_ended(self) -> bool:
        """Whether calls that have ended are still to be folded, of those that left the buffer."""
        return bool(self._ended)

    def has_few_open(self, count: int) -> bool:
        """Tell whether no more than `count` calls were in flight when they were last looked at."""
        return len(self._open) <= count

    def batch(self, count: int, *, briskly: bool = False) -> int:
        """Fold up to `count` of those that may be, if need be only where that is brisk; return how many.

        With `records` held.
        """
        # Others may have folded what was allowed when the thread looked, and have looked at more.
        count = min(count, bisect_right(self._ended, self._until, key=_by_end))
        if briskly and not self.chain.is_brisk(self._ended[:count]):
            return 0
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


def _acquire(lock: threading.Lock | threading.RLock, patience: float) -> None:
    if not lock.acquire(timeout=patience):
        msg = f"a batch takes longer than {patience:.1f} s"
        raise TimeoutError(msg)


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
