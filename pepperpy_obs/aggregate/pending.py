"""Values that wait to be put into bins, some hundred at a time.

Appending to a list costs a tenth of finding a bin, and finding the bins of a whole list costs less for each.
"""

from __future__ import annotations

from typing import Final, Generic, Self, TypeVar

from pepperpy_obs.aggregate.histogram import Durations, Histogram

__all__ = ["BATCH", "Pending", "PendingDurations"]

BATCH: Final = 512

_FEW: Final = 24
_NONE: Final = Durations()

Kind = TypeVar("Kind", bound=Histogram)


class Pending(Generic[Kind]):
    """A histogram that is still being written.

    Who needs the last few nanoseconds appends to `fresh` himself and calls `histogram` when it holds `BATCH` values.
    """

    __slots__ = ("_settled", "fresh")

    def __init__(self, empty: Kind) -> None:
        self._settled = empty
        self.fresh: list[float] = []

    def add(self, value: float) -> None:
        """Take in a finite value."""
        self.fresh.append(value)
        if len(self.fresh) >= BATCH:
            self.histogram()

    def extend(self, values: list[float]) -> None:
        """Take in finite values."""
        self.fresh += values
        if len(self.fresh) >= BATCH:
            self.histogram()

    def copy(self) -> Self:
        """Return another one of the same values; few of them are settled twice."""
        if len(self.fresh) > _FEW:
            self.histogram()
        other = type(self)(self._settled)
        other.fresh = self.fresh.copy()
        return other

    def histogram(self) -> Kind:
        """Return the histogram of all values so far."""
        if self.fresh:
            self._settled = self._settled.merge(self._settled.of(self.fresh))
            self.fresh.clear()
        return self._settled


class PendingDurations(Pending[Durations]):
    """The same of seconds, which may also come as whole nanoseconds, many at once."""

    __slots__ = ("_ns",)

    def __init__(self, settled: Durations = _NONE) -> None:
        super().__init__(settled)
        self._ns: list[int] = []

    def copy(self) -> Self:
        """Return another one of the same durations."""
        if len(self._ns) > _FEW:
            self.histogram()
        other = super().copy()
        other._ns = self._ns.copy()
        return other

    def extend_ns(self, took: list[int]) -> None:
        """Take in nanoseconds, none of them negative."""
        self._ns += took
        if len(self._ns) >= BATCH:
            self.histogram()

    def histogram(self) -> Durations:
        """Return the histogram of all durations so far."""
        if self._ns:
            self._settled = self._settled.merge(Durations.of_ns(self._ns))
            self._ns.clear()
        return super().histogram()
