"""From the buffer through the chain, in an order in which children come before their parents.

**A record's states.** In the buffer (`Hub`); taken from it (`_taken`); in flight (`_open`) or ended (`_ended`); in the
batch that is being folded (`_held`); folded, which the chain counts in `taken`. It leaves a state by statements without
a call in between, so that no signal handler comes between them, and `_recover` brings back what an exception has left
in `_taken` or `_held`.

**Locks.** `_records` guards all of these states and the chain's aggregate. `_writing` guards the order of lines: it is
held by who writes, from before the lines are taken from the chain on. It comes first; who holds the records does not
wait for it. Callers with a full buffer and readers hold both, and have the drain for themselves (docs/design.md). What
drains without being asked (`background`) holds one of them at a time, and waits for none.

**What breaks in.** A signal handler runs in the main thread, amid any of this. Where one that may raise is installed,
the main thread folds in another (`elsewhere`), so that no batch is torn. One that uses us finds its own thread `inside`
and changes nothing; what it has asked for is done after the batch (`after_batch`).
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
from pepperpy_obs.context import settle
from pepperpy_obs.runtime.elsewhere import elsewhere
from pepperpy_obs.runtime.stack import need_room

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_obs._dispatch import Hub
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
    """Owns the records that have left the buffer, those in flight among them, and the way that they go.

    All methods may be called by any thread; locks let one in at a time. A call from within (a signal handler or a
    finalizer that runs while its own thread drains) does nothing.
    """

    def __init__(
        self, hub: Hub, chain: Chain, beforehand: Callable[[], object], afterwards: Callable[[], None]
    ) -> None:
        self.chain = chain
        self._hub = hub
        self._beforehand = beforehand
        self._afterwards = afterwards
        self.renew()

    def renew(self) -> None:
        """Start afresh, as in a forked child: no lock held, nothing in flight."""
        self._records = Exclusive()
        self._writing = Exclusive()
        self._patience: float = _WAIT
        """How long the next caller waits."""
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

    def exclusively(self, step: Callable[[], Result], timeout: float = -1) -> Result:
        """Take a step while no other thread folds or writes; raises BusyError if one does after `timeout` seconds."""
        if self.inside:
            # Who writes waits for a round of a loop at most: all others wait for him before they hold the records.
            return self._records.run(step)
        left = _clock.countdown(timeout) if timeout >= 0 else lambda: -1.0
        try:
            return self._writing.run(lambda: self._holding(step, left()), timeout)
        finally:
            self._finish()

    def with_records(self, step: Callable[[], Result], timeout: float = -1) -> Result:
        """Take a step while no other thread folds, though one may be writing; raises BusyError as `exclusively`."""
        if self.inside:
            return self._records.run(step)
        try:
            return self._holding(step, timeout)
        finally:
            self._finish()

    def try_records(self, step: Callable[[], int]) -> int:
        """Take a step as `with_records`, without waiting; return how many records it folded, 0 from within a batch."""
        return 0 if self.inside else self.with_records(step, 0)

    def _holding(self, step: Callable[[], Result], timeout: float) -> Result:
        def recovered() -> Result:
            self._recover()
            return step()

        return self._records.run(recovered, timeout)

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
        """Whether the calling thread is draining or writing at this moment, further up in its own stack."""
        return self._records.is_mine or self._writing.is_mine

    def run(self) -> int:
        """Fold every call that had returned when this was called; return how many.

        Who else wants to drain waits until all is done: to hand the lock over between batches costs more than the
        batches do. Raises RecursionError, with nothing touched, where the stack has no room for it.
        """
        self._beforehand()
        if self.inside:
            return 0
        need_room()
        return elsewhere(lambda: self.exclusively(self._fold))

    def relieve(self, most: int) -> None:
        """Fold about the oldest `most`, unless somebody else has made room while this waited for its turn.

        Where lines are not written for long, calls are counted all the same. Raises BusyError where other threads hold
        the records for long, or to fold these would keep the caller for long.
        """
        self._beforehand()
        if self.inside:
            return
        need_room()
        # No exception comes from there, for its frames would hold the thread, which were then let go of in this one.
        if not elsewhere(lambda: self._relieve(most)):
            msg = f"other threads hold the records, or they take longer than the {_HELP} s that a call may be kept"
            raise BusyError(msg)

    def _relieve(self, most: int) -> bool:
        try:
            done = self.exclusively(lambda: self._help(most, self._fold), self._patience)
        except BusyError:
            patience, self._patience = self._patience, 0
            try:
                return self.with_records(lambda: self._help(most, self._count), patience)
            except BusyError:
                return False
        self._patience = _WAIT
        return done

    def _help(self, most: int, fold: Callable[[int, Callable[[], float]], int]) -> bool:
        """Make room; return whether all that was taken from the buffer is folded."""
        if not self._is_full:
            return True
        # What was taken and left by others who helped comes first: no list may grow without bound.
        fold(0 if self._allowed >= most else most, _clock.countdown(_HELP))
        return self._allowed == 0

    @property
    def _is_full(self) -> bool:
        return len(self._hub.buffer) >= self._hub.most

    @property
    def _allowed(self) -> int:
        return bisect_right(self._ended, self._until, key=_by_end)

    def finish(self, left: Callable[[], float]) -> int:
        """Fold as `run`, in the seconds that are `left`, what takes longer is dropped; return how many calls it was.

        Other threads are waited for in that time, too; raises BusyError where they do not get done.
        """
        self._beforehand()
        if self.inside:
            return 0
        need_room()
        last = _clock.countdown(max(_LAST, left()))
        return elsewhere(lambda: self.exclusively(lambda: self._fold_or_drop(last), left()))

    def _fold_or_drop(self, left: Callable[[], float]) -> int:
        self._fold(None, left)
        dropped = self._allowed
        # No call stands between these, so no signal handler can come between them.
        del self._ended[:dropped]
        self._hub.lost += dropped
        return dropped

    def _fold(self, most: int | None = None, time_left: Callable[[], float] = lambda: 1.0) -> int:
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
        left = self.look(most)
        while left > 0 and (count := self.batch(min(left, BATCH))):
            left = left - count if time_left() else 0
        return 0

    def write_aside(self) -> None:
        """Write what has gathered, while others may go on folding; raises BusyError at once if they write."""
        if self.inside:
            return

        def write() -> None:
            chain, batch = self._holding(lambda: (self.chain, self.chain.hand_over()), 0)
            chain.write(batch)

        try:
            self._writing.run(write, 0)
        finally:
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
        with self._hub.taking:
            count = min(len(buffer), at_once if most is None else most)
            whole = count == len(buffer)
            self._taken = buffer[:count]
            del buffer[:count]
        self._sort_in()
        self._allow(ties=whole and most is None)
        return self._allowed

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

    def batch(self, count: int, *, briskly: bool = False, most_ns: int = _SLICE) -> int:
        """Fold up to `count` of those that may be, if need be only where that is brisk; return how many.

        It ends after `most_ns`, and has then folded one at least. With `records` held.
        """
        # Others may have folded what was allowed when the thread looked, and have looked at more.
        count = min(count, self._allowed)
        if briskly and not self.chain.is_brisk(self._ended[:count]):
            return 0
        self.chain.taken = 0
        self._held = self._ended[:count]
        del self._ended[:count]
        batch = self._held
        try:
            settle(batch)
            self.chain.take(batch, _clock.perf_counter_ns() + most_ns)
            count = self.chain.taken
            self._ended[:0] = batch[count:]
        except Exception as error:
            failed("drain", error)
            self._ended[:0] = batch[self.chain.taken + 1 :]  # without the one that it failed at
            self._hub.lost += 1
            count = self.chain.taken + 1
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
        if self.inside:
            return self._records.run(lambda: step([]))
        need_room()

        def moment() -> Result:
            self._fold()
            # What has ended and must wait for an earlier call to be folded first has not been counted either.
            return step(self._open + self._ended)

        return elsewhere(lambda: self.exclusively(moment))


def _part(records: list[Record]) -> tuple[list[Record], list[Record]]:
    """Return the finished ones and the others; END may be written any moment, so each is looked at once."""
    ended: list[Record] = []
    running: list[Record] = []
    for record in records:
        (running if record[END] is None else ended).append(record)
    return ended, running
