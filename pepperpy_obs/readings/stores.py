"""The books of the store that a process writes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from pepperpy_obs.readings.merging import chosen

__all__ = ["StoreStats"]


@dataclass(frozen=True, slots=True)
class StoreStats:
    """How a process does with its store. A part is what it has counted in one minute."""

    written: int = 0
    """Parts that the store has taken."""
    waiting: int = 0
    """Parts that wait in memory."""
    waiting_bytes: int = 0
    oldest_waiting_at: int | None = None
    """When the oldest of them began, epoch nanoseconds; None of none."""
    dropped: int = 0
    """Parts that were dropped, as too many waited."""
    failures: int = 0
    """How often the store did not take what it was given."""
    error: str = ""
    """Why, the last time; "" after a time when it did."""

    def ended(self) -> Self:
        """Return what is left of them when the process has ended."""
        return replace(self, waiting=0, waiting_bytes=0, oldest_waiting_at=None, error="")

    def merge(self, other: Self) -> Self:
        """Return the books of both processes; of two errors one is kept, the same in whatever order."""
        return type(self)(
            self.written + other.written,
            self.waiting + other.waiting,
            self.waiting_bytes + other.waiting_bytes,
            chosen(self.oldest_waiting_at, other.oldest_waiting_at, min),
            self.dropped + other.dropped,
            self.failures + other.failures,
            max(self.error, other.error),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON takes."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `to_dict` was asked of."""
        return cls(**plain)
