"""What became of every record, for each sink: accepted == acknowledged + rejected + dropped + pending, at all times.

An `Account` is written by the threads that handle records, each step under one lock; a `readings.DeliveryStats` is
what it said at one moment. Neither knows what a record is.
"""

from __future__ import annotations

import threading
from collections import Counter

from pepperpy_obs.readings import DeliveryStats

__all__ = ["Account"]


class Account:
    """The books of one sink, kept by several threads."""

    def __init__(self, sink: str) -> None:
        self.sink = sink
        self._lock = threading.Lock()
        self._accepted = self._acknowledged = self._pending = self._requests = self._letters_dropped = 0
        self._rejected: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._retries: Counter[str] = Counter()
        self._held = ""
        self._last_success_at: int | None = None
        self._oldest_pending_at: int | None = None

    def accepted(self, count: int) -> None:
        """Count records that are now pending."""
        with self._lock:
            self._accepted += count
            self._pending += count

    def acknowledged(self, count: int, at: int) -> None:
        """Count pending records that the receiver has, `at` that time; the sink is well, so it holds no longer."""
        with self._lock:
            self._acknowledged += count
            self._pending -= count
            self._last_success_at = at
            self._held = ""

    def rejected(self, reason: str) -> None:
        """Count a pending record that the receiver will never take."""
        with self._lock:
            self._rejected[reason] += 1
            self._pending -= 1

    def dropped(self, reason: str, count: int) -> None:
        """Count pending records that we gave up."""
        with self._lock:
            self._dropped[reason] += count
            self._pending -= count

    def requested(self) -> None:
        """Count a request."""
        with self._lock:
            self._requests += 1

    def retried(self, reason: str) -> None:
        """Count a request that has to be made again."""
        with self._lock:
            self._retries[reason] += 1

    def held(self, reason: str) -> None:
        """Note that nothing goes on before a person has looked."""
        with self._lock:
            self._held = reason

    def letters_dropped(self, count: int) -> None:
        """Count dead letters that are gone."""
        with self._lock:
            self._letters_dropped += count

    def oldest(self, at: int | None) -> None:
        """Note the time of the oldest event on its way, None when all are settled."""
        self._oldest_pending_at = at

    @property
    def pending(self) -> int:
        """How many records are not answered for."""
        return self._pending

    def ledger(self, spool_bytes: int = 0) -> DeliveryStats:
        """Return the books as they stand."""
        with self._lock:
            return DeliveryStats(
                sink=self.sink,
                accepted=self._accepted,
                acknowledged=self._acknowledged,
                rejected=dict(self._rejected),
                dropped=dict(self._dropped),
                pending=self._pending,
                retries=dict(self._retries),
                requests=self._requests,
                held=self._held,
                last_success_at=self._last_success_at,
                oldest_pending_at=self._oldest_pending_at,
                spool_bytes=spool_bytes,
                letters_dropped=self._letters_dropped,
            )
