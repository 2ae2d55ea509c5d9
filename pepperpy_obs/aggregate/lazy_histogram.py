"""Values that wait to be put into bins, some hundred at a time, or when they are read.

Appending to a list costs a tenth of finding a bin, and finding the bins of a whole list costs less for each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from pepperpy_obs.aggregate.histogram import Durations, Histogram

__all__ = ["BATCH", "DurationBuffer", "HistogramBuffer", "LazyHistogram"]

BATCH: Final = 512

Kind = TypeVar("Kind", bound=Histogram)


class LazyHistogram(Struct, Generic[Kind], gc=False, eq=False):
    """A histogram, or what it is still to be made of: another sum, and values. Made once, for all readers.

    Threads need no lock: `state` is replaced in one piece, and two that make it at once make the same.
    """

    state: Kind | tuple[LazyHistogram[Kind], Callable[[list[Any]], Kind], list[Any]]

    def histogram(self) -> Kind:
        """Return the histogram."""
        waiting: list[tuple[Callable[[list[Any]], Kind], list[Any]]] = []
        state = self.state
        while isinstance(state, tuple):
            before, make, values = state
            waiting.append((make, values))
            state = before.state
        made = state
        for make, values in reversed(waiting):
            made = made.merge(make(values))
        self.state = made
        return made


class HistogramBuffer(Struct, Generic[Kind], gc=False, eq=False):
    """A histogram that is still being written.

    Hot paths append to `fresh` themselves, and call `histogram` when it holds `BATCH` values.
    """

    _kind: type[Kind]
    _sum: LazyHistogram[Kind]
    fresh: list[float] = []

    def add(self, value: float) -> None:
        """Take in a finite value."""
        self.fresh.append(value)
        if len(self.fresh) >= BATCH:
            self.histogram()

    def histogram(self) -> Kind:
        """Return the histogram of all values so far."""
        self._gather()
        return self._sum.histogram()

    def freeze(self) -> LazyHistogram[Kind]:
        """Return the sum of all values so far; its histogram is made once, for all readers."""
        self._gather()
        return self._sum

    def peek(self) -> LazyHistogram[Kind]:
        """Return the same and change nothing: for values that no more are added to, read by several threads."""
        return LazyHistogram((self._sum, self._kind.of, self.fresh)) if self.fresh else self._sum

    def _gather(self) -> None:
        """Empty the hands."""
        if self.fresh:
            self._sum = LazyHistogram((self._sum, self._kind.of, self.fresh))
            self.fresh = []


class DurationBuffer(HistogramBuffer[Durations], gc=False, eq=False):
    """The same of seconds, which may also come as whole nanoseconds, many at once."""

    ns: list[int] = []
    """Whole nanoseconds, none of them negative; to be appended to like `fresh`."""

    @classmethod
    def empty(cls) -> DurationBuffer:
        """Return one without values."""
        return cls(Durations, _EMPTY)

    def peek(self) -> LazyHistogram[Durations]:
        """Return the same and change nothing."""
        seen = super().peek()
        return LazyHistogram((seen, Durations.of_ns, self.ns)) if self.ns else seen

    def _gather(self) -> None:
        super()._gather()
        if self.ns:
            self._sum = LazyHistogram((self._sum, Durations.of_ns, self.ns))
            self.ns = []


_EMPTY: Final = LazyHistogram(Durations())
