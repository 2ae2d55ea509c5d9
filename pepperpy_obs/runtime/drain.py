"""From the buffer through the chain, in an order in which children come before their parents.

**A record's states.** In the buffer (`RecordBuffer`); incoming, taken from the buffer (`_incoming`); in flight
(`_in_flight`) or ended (`_ended`); in the batch that is being folded (`_batch`); folded, which the chain counts in
`taken`. A record changes its state by statements without a call in between, so that no signal handler comes between
them. `_recover` brings back the records that an exception has left in `_incoming` or `_batch`.

**Locks.** `_exclusive` guards all of these states and the chain's aggregate. `_write_lock` guards the order of lines: a
writer holds it from before it takes the lines from the chain until they are written. `_write_lock` is taken first; a
thread that holds `_exclusive` never waits for it. Callers with a full buffer and readers hold both (docs/design.md).
The background thread and loop tasks hold one of them at a time, and wait for none.

**What may interrupt.** A signal handler runs in the main thread, anywhere in this. Where a handler is installed that
may raise, the main thread folds in another thread (`shielded`), so that no batch is torn. A handler that uses us finds
that its own thread `is_draining`, and changes nothing; its request is done after the batch (`after_batch`).
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING, Final, TypeVar

from pepperpy_obs import _clock
from pepperpy_obs._exclusive import BusyError, Exclusive
from pepperpy_obs._guard import failed
from pepperpy_obs._record import END, START, Record
from pepperpy_obs.context import assign_ids
from pepperpy_obs.runtime.shielded import shielded
from pepperpy_obs.runtime.stack import need_room

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_obs._dispatch import RecordBuffer
    from pepperpy_obs.chain import Chain

__all__ = ["Drain"]

BATCH: Final = 128
MANY: Final = 512
"""Records that are folded, and lines that are written, together."""
_MOST_WAITING: Final = 4096
"""Records that may wait for the next one to begin later while callers drain: a clock that stands still ends no wait."""
_WAIT: Final = 1.0
"""Seconds that an observed call waits for other threads; not again, while they do not get done."""
_SLICE: Final = 10_000_000
_HELP: Final = 0.05
"""After so many ns a batch ends with the record that it is at, and after so many seconds a caller helps no more."""
_LAST: Final = 0.5
"""Seconds that the last fold may take in any case, though less is left of the time to shut down."""
_MOST_LINES: Final = 32768
"""Lines that may wait for a disk that does not take them; what comes after is dropped and counted."""
_by_end = itemgetter(END)

Result = TypeVar("Result")


class Drain:
    """Owns the records that have left the buffer, those in flight among them, and sends them through the chain.

    All methods may be called by any thread; locks let one in at a time. A call from within (a signal handler or a
    finalizer that runs while its own thread drains) does nothing.
    """

    def __init__(
        self, buffer: RecordBuffer, chain: Chain, beforehand: Callable[[], object], afterwards: Callable[[], None]
    ) -> None:
        self.chain = chain
        self._buffer = buffer
        self._beforehand = beforehand
        self._afterwards = afterwards
        self.renew()

    def renew(self) -> None:
        """Start afresh, as in a forked child: no lock held, nothing in flight."""
        self._exclusive = Exclusive()
        self._write_lock = Exclusive()
        self._timeout: float = _WAIT
        """How long the next caller waits."""
        self._deferred: list[Callable[[], object]] = []
        """Steps that wait for the end of the current batch."""
        self._incoming: list[Record] = []
        """From the buffer, not yet split into ended and in flight."""
        self._in_flight: list[Record] = []
        """In flight when they were last looked at, in the order in which they began."""
        self._ended: list[Record] = []
        """To be folded, in the order in which they ended."""
        self._watermark = 0
        """Up to which END they may be."""
        self._batch: list[Record] = []
        """The batch that is being folded."""

    def exclusively(self, step: Callable[[], Result], timeout: float = -1) -> Result:
        """Take a step while no other thread folds or writes; raises BusyError if one does after `timeout` seconds."""
        if self.is_draining:
            # A writer waits for one loop task at most: all others wait for the writer before they hold the records.
            return self._exclusive.run(step)
        left = _clock.countdown(timeout) if timeout >= 0 else lambda: -1.0
        try:
            return self._write_lock.run(lambda: self._holding(step, left()), timeout)
        finally:
            self._finish()

    def with_exclusive(self, step: Callable[[], Result], timeout: float = -1) -> Result:
        """Take a step while no other thread folds, though one may be writing; raises BusyError as `exclusively`."""
        if self.is_draining:
            return self._exclusive.run(step)
        try:
            return self._holding(step, timeout)
        finally:
            self._finish()

    def try_exclusive(self, step: Callable[[], int]) -> int:
        """Take a step as `with_exclusive`, without waiting; return how many records it folded: 0 within a batch."""
        return 0 if self.is_draining else self.with_exclusive(step, 0)

    def _holding(self, step: Callable[[], Result], timeout: float) -> Result:
        def recovered() -> Result:
            self._recover()
            return step()

        return self._exclusive.run(recovered, timeout)

    def _finish(self) -> None:
        """Do what a signal handler deferred in the middle of the batch."""
        while self._deferred:
            self._deferred.pop(0)()
        self._afterwards()

    def after_batch(self, step: Callable[[], object]) -> None:
        """Take a step when this thread is in no batch: at once, as a rule."""
        if self.is_draining:
            self._deferred.append(step)
        else:
            step()

    @property
    def is_draining(self) -> bool:
        """Whether the calling thread is draining or writing at this moment, further up in its own stack."""
        return self._exclusive.is_mine or self._write_lock.is_mine

    def run(self) -> int:
        """Fold every call that had returned when this was called; return how many.

        Other threads that drain wait until all is done: to hand the lock over between batches costs more than the
        batches do. Raises RecursionError, with nothing touched, where the stack has no room for it.
        """
        self._beforehand()
        if self.is_draining:
            return 0
        need_room()
        return shielded(lambda: self.exclusively(self._fold))

    def drain_some(self, most: int) -> None:
        """Fold about the oldest `most`, unless another thread has made room while this one waited.

        Where lines are not written for long, calls are counted all the same. Raises BusyError where other threads hold
        the records for long, or to fold these would keep the caller for long.
        """
        self._beforehand()
        if self.is_draining:
            return
        need_room()
        # No exception comes from there, for its frames would hold the thread, which were then let go of in this one.
        if not shielded(lambda: self._drain_some(most)):
            msg = f"other threads hold the records, or they take longer than the {_HELP} s that a call may be kept"
            raise BusyError(msg)

    def _drain_some(self, most: int) -> bool:
        try:
            done = self.exclusively(lambda: self._help(most, self._fold), self._timeout)
        except BusyError:
            patience, self._timeout = self._timeout, 0
            try:
                return self.with_exclusive(lambda: self._help(most, self._count), patience)
            except BusyError:
                return False
        self._timeout = _WAIT
        return done

    def _help(self, most: int, fold: Callable[[int, Callable[[], float]], int]) -> bool:
        """Make room; return whether all that was taken from the buffer is folded."""
        if not self._is_full:
            return True
        # Records that other helpers have taken and left come first: no list may grow without bound.
        fold(0 if self._foldable >= most else most, _clock.countdown(_HELP))
        return self._foldable == 0

    @property
    def _is_full(self) -> bool:
        return len(self._buffer.records) >= self._buffer.capacity

    @property
    def _foldable(self) -> int:
        return bisect_right(self._ended, self._watermark, key=_by_end)

    def finish(self, left: Callable[[], float]) -> int:
        """Fold as `run`, in the seconds that are `left`, what takes longer is dropped; return how many calls it was.

        Other threads are waited for in that time, too; raises BusyError where they do not get done.
        """
        self._beforehand()
        if self.is_draining:
            return 0
        need_room()
        last = _clock.countdown(max(_LAST, left()))
        return shielded(lambda: self.exclusively(lambda: self._fold_or_drop(last), left()))

    def _fold_or_drop(self, left: Callable[[], float]) -> int:
        self._fold(None, left)
        dropped = self._foldable
        # No call stands between these, so no signal handler can come between them.
        del self._ended[:dropped]
        self._buffer.lost += dropped
        return dropped

    def _fold(self, most: int | None = None, time_left: Callable[[], float] = lambda: 1.0) -> int:
        folded = 0
        try:
            left = self.partition(most)
            while left > folded:
                count = self.batch(min(left - folded, BATCH))
                if count == 0:
                    break
                folded += count
                if self.chain.gathered >= MANY:
                    self.chain.flush()
                if not time_left():
                    break
            return folded
        finally:
            # Even if nothing was folded: the thread may have gathered lines, and a flush has to see them written.
            self.chain.flush()

    def _count(self, most: int, time_left: Callable[[], float]) -> int:
        """Fold without writing."""
        if self.chain.gathered >= _MOST_LINES:
            self.chain.forget("waiting")
        left = self.partition(most)
        while left > 0 and (count := self.batch(min(left, BATCH))):
            left = left - count if time_left() else 0
        return 0

    def write_gathered(self) -> None:
        """Write what has gathered, while others may go on folding; raises BusyError at once if they write."""
        if self.is_draining:
            return

        def write() -> None:
            chain, batch = self._holding(lambda: (self.chain, self.chain.hand_over()), 0)
            chain.write(batch)

        try:
            self._write_lock.run(write, 0)
        finally:
            self._finish()

    def partition(self, most: int | None, at_once: int = sys.maxsize, *, again: bool = False) -> int:
        """Take records from the buffer and split them; return how many may be folded. With `_exclusive` held.

        With `again`, in the same run, those in flight are not looked at once more.
        """
        buffer = self._buffer.records
        if most is None and not again:
            ended, running = _split(self._in_flight)
            # No call stands between such lines, so no signal handler can come between them; see `_recover`.
            self._ended = self._ended + ended
            self._in_flight = running
        with self._buffer.take_lock:
            count = min(len(buffer), at_once if most is None else most)
            whole = count == len(buffer)
            self._incoming = buffer[:count]
            del buffer[:count]
        self._partition_incoming()
        self._raise_watermark(ties=whole and most is None)
        return self._foldable

    def _raise_watermark(self, *, ties: bool) -> None:
        """Raise the time up to which what has ended may be folded.

        Children must be folded before their parents, which began earlier and ended later. A record enters the buffer
        after its START was read, and a child before its parent's END. So a call that ended before the first record in
        the buffer began has none of its children in the buffer. The watermark never falls, whatever other threads take
        and fold meanwhile, unless it lies in the future: then the clock was set back.

        `ties`: a call that ended at the very moment when that record began may be folded, too. Where a clock stands
        still, a reader has to see it.
        """
        ended = self._ended
        if not ended or self._watermark > _clock.perf_counter_ns():
            self._watermark = 0
        if not ended:
            return
        beyond = next((record[START] for record in self._buffer.records[:1]), None)
        if beyond is None:
            beyond = ended[-1][END]
        elif not ties and len(ended) <= _MOST_WAITING:
            beyond -= 1
        self._watermark = max(self._watermark, beyond)

    def _partition_incoming(self) -> None:
        """Split what came from the buffer; of those that ended at the same time, the later ones come first."""
        ended, running = _split(self._incoming)
        ended.reverse()
        self._ended = ended + self._ended
        self._in_flight = self._in_flight + running
        self._incoming = []
        self._ended.sort(key=_by_end)

    @property
    def has_ended(self) -> bool:
        """Whether calls that have ended are still to be folded, of those that left the buffer."""
        return bool(self._ended)

    def has_few_in_flight(self, count: int) -> bool:
        """Tell whether no more than `count` calls were in flight when they were last looked at."""
        return len(self._in_flight) <= count

    def batch(self, count: int, *, non_blocking: bool = False, most_ns: int = _SLICE) -> int:
        """Fold up to `count` of those that may be folded; with `non_blocking` none if one might block. Return how many.

        It ends after `most_ns`, and has then folded at least one. With `_exclusive` held.
        """
        # Others may have folded what was allowed when the thread looked, and have looked at more.
        count = min(count, self._foldable)
        if non_blocking and not self.chain.is_non_blocking(self._ended[:count]):
            return 0
        self.chain.taken = 0
        self._batch = self._ended[:count]
        del self._ended[:count]
        batch = self._batch
        try:
            assign_ids(batch)
            self.chain.take(batch, _clock.perf_counter_ns() + most_ns)
            count = self.chain.taken
            self._ended[:0] = batch[count:]
        except Exception as error:
            failed("drain", error)
            self._ended[:0] = batch[self.chain.taken + 1 :]  # without the one that it failed at
            self._buffer.lost += 1
            count = self.chain.taken + 1
        self._batch = []
        return count

    def _recover(self) -> None:
        """Take back what an exception from outside (Ctrl-C, a timeout's signal) has kept from being folded."""
        if self._batch:
            self._ended[:0] = self._batch[self.chain.taken :]
            self._batch = []
        if self._incoming:
            self._partition_incoming()

    def exchange(self, chain: Chain) -> Chain:
        """Send all through another chain; return the one before, its lines written. To be called `exclusively`."""
        before, self.chain = self.chain, chain
        before.flush()
        return before

    def read(self, step: Callable[[list[Record]], Result]) -> Result:
        """Fold every call that had returned when this was called, and take a step in the same moment.

        `step` gets the records of all other calls that had begun. So each call is counted, or among those, whatever
        ends meanwhile. From within a batch nothing is folded, and no records are given.
        """
        self._beforehand()
        if self.is_draining:
            return self._exclusive.run(lambda: step([]))
        need_room()

        def moment() -> Result:
            self._fold()
            # What has ended and must wait for an earlier call to be folded first has not been counted either.
            return step(self._in_flight + self._ended)

        return shielded(lambda: self.exclusively(moment))


def _split(records: list[Record]) -> tuple[list[Record], list[Record]]:
    """Return the finished ones and the others; END may be written any moment, so each is looked at once."""
    ended: list[Record] = []
    running: list[Record] = []
    for record in records:
        (running if record[END] is None else ended).append(record)
    return ended, running
