"""Closed intervals on their way from the aggregate to subscribers such as a store.

The aggregate closes an interval while the drain holds the records, in any thread. There it is only put in a queue. A
job takes it from there, and tells the subscribers one interval after the other, in the order in which they were closed.
It also closes an interval that has ended without an event after it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, TypeVar

from pepperpy_obs import _clock
from pepperpy_obs._exclusive import BusyError, Exclusive
from pepperpy_obs._guard import failed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pepperpy_obs._record import Record
    from pepperpy_obs.aggregate.closed import ClosedInterval
    from pepperpy_obs.aggregate.store import Store
    from pepperpy_obs.runtime.drain import Drain
    from pepperpy_obs.runtime.jobs import Jobs

__all__ = ["Intervals"]

Result = TypeVar("Result")

_EVERY: Final = 1.0
"""Seconds between two looks."""
_GRACE: Final = 1_000_000_000
"""Nanoseconds after its end that an interval is left open, for calls that end in it and are still to be folded."""


class Intervals:
    """The closed intervals of one store. For any thread."""

    def __init__(self, drain: Drain, jobs: Jobs) -> None:
        self._drain = drain
        self._jobs = jobs
        self._store: Store | None = None
        self._closed: deque[ClosedInterval] = deque()
        self._subscribers: list[Callable[[ClosedInterval], object]] = []
        self._remove: Callable[[], None] | None = None
        self._telling = Exclusive()

    def subscribe(self, store: Store, take: Callable[[ClosedInterval], object]) -> Callable[[], None]:
        """Have `take` called with every interval that is closed from now on; return what ends that.

        It is called on one thread at a time, within about two seconds of the interval's end and at `shutdown`, and has
        to be quick. What it raises is counted; the interval does not come again. An interval under way comes whole.
        """
        self._subscribers.append(take)
        self._store = store
        store.on_closed = self._closed.append
        if self._remove is None:
            self._remove = self._jobs.add("intervals", _EVERY, self.tell)

        def end() -> None:
            if take in self._subscribers:
                self._subscribers.remove(take)
            if not self._subscribers and self._remove is not None:
                store.on_closed = None
                self._remove()
                self._remove = None

        return end

    def tell(self) -> None:
        """Close what has ended, and tell of all that is closed."""
        self._drain.run()
        self._tell(_clock.time_ns() - _GRACE)

    def finish(self, timeout: float) -> None:
        """Close the interval under way, too, and tell of all; gives up, counted, after `timeout` seconds."""
        if self._subscribers:
            try:
                self._tell(None, timeout)
            except BusyError as error:
                failed("intervals", error)

    @property
    def is_draining(self) -> bool:
        """Whether the calling thread is in the middle of a batch."""
        return self._drain.is_draining

    def cut(self, look: Callable[[Sequence[Record]], int], then: Callable[[], Result]) -> tuple[int, Result]:
        """Close the interval under way in the moment of a `look` at the calls that run; return what both return.

        All that was counted until that moment has been told when `then` is called, and nothing of later.
        """

        def moment(running: Sequence[Record]) -> tuple[int, int]:
            found = look(running)
            if self._store is not None:
                self._store.close()
            return found, len(self._closed)

        def told() -> tuple[int, Result]:
            found, due = self._drain.read(moment)
            self._tell_some(due)
            return found, then()

        return self._telling.run(told)

    def renew(self) -> None:
        """Begin anew, as in a forked child: the parent tells of what was closed before."""
        self._closed.clear()
        self._telling = Exclusive()

    def _tell(self, until: int | None, timeout: float = -1) -> None:
        store = self._store
        if store is not None:
            self._drain.with_exclusive(lambda: store.close(until), timeout)
        self._telling.run(self._tell_all, timeout)

    def _tell_all(self) -> None:
        while self._closed:
            self._tell_some(1)

    def _tell_some(self, number: int) -> None:
        for _ in range(number):
            interval = self._closed.popleft()
            for take in list(self._subscribers):
                try:
                    take(interval)
                except Exception as error:
                    failed("intervals", error)
