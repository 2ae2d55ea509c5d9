"""What became of the records meant for one sink, as its books stood at one moment. It moves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from pepperpy_obs.readings.merging import added, chosen

__all__ = ["DeliveryStats"]


@dataclass(frozen=True, slots=True)
class DeliveryStats:
    """One sink's books at one moment."""

    sink: str
    accepted: int
    """Records meant for the sink: offered to it, or found on disk at the start."""
    acknowledged: int
    rejected: Mapping[str, int]
    """By the reason that the receiver gave; they are in the dead-letter file."""
    dropped: Mapping[str, int]
    """By our reason: `queue_full`, `disk_full`, `spool_full`, `damaged`, `closed`, `failed`."""
    pending: int
    retries: Mapping[str, int]
    """Requests that failed and were made again, by status or error."""
    requests: int
    held: str
    """Why the sink waits for a person, in words; "" while it does not."""
    last_success_at: int | None
    """Nanoseconds since the epoch."""
    oldest_pending_at: int | None
    """Time of the oldest event on its way, nanoseconds since the epoch."""
    spool_bytes: int = 0
    letters_dropped: int = 0
    """Dead letters that are gone: newer ones have pushed them out of the bounded file, or the disk refused them."""

    @property
    def balanced(self) -> bool:
        """Whether nothing is lost and nothing counted twice."""
        settled = self.acknowledged + sum(self.rejected.values()) + sum(self.dropped.values())
        return self.accepted == settled + self.pending

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON-ready values."""
        return {**asdict(self), "rejected": dict(self.rejected), "dropped": dict(self.dropped)}

    def ended(self) -> Self:
        """Return what is left of them when the process has ended: what waits, waits for the next one that finds it."""
        return replace(
            self, accepted=self.accepted - self.pending, pending=0, held="", oldest_pending_at=None, spool_bytes=0
        )

    def merge(self, other: Self) -> Self:
        """Return the books of both processes; times are the latest success and the oldest event on its way."""
        return type(self)(
            max(self.sink, other.sink),
            self.accepted + other.accepted,
            self.acknowledged + other.acknowledged,
            added(self.rejected, other.rejected),
            added(self.dropped, other.dropped),
            self.pending + other.pending,
            added(self.retries, other.retries),
            self.requests + other.requests,
            max(self.held, other.held),
            chosen(self.last_success_at, other.last_success_at, max),
            chosen(self.oldest_pending_at, other.oldest_pending_at, min),
            self.spool_bytes + other.spool_bytes,
            self.letters_dropped + other.letters_dropped,
        )
