"""From the outputs to the spool: a bounded queue in memory, and the one thread that writes it to disk.

`offer` takes a lock for as long as it takes to append to a list, and nothing else: no disk, no network.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Literal

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.spool import Spool

__all__ = ["Fsync", "WriteQueue"]

Fsync = Literal["always", "interval", "never"]
"""When the disk is waited for: after every write, at most `fsync_interval` after it, or when the system sees fit."""

_APART = 128
"""Roughly what a record takes in memory apart from its line, in bytes."""


class WriteQueue:
    """The queue and the writer of one process; `grown` is called when the spool holds more than before."""

    def __init__(
        self, spool: Spool, grown: Callable[[], None], *, max_bytes: int, fsync: Fsync, fsync_interval: float
    ) -> None:
        self._spool = spool
        self._grown = grown
        self._max_bytes = max_bytes
        self._fsync = fsync
        self._interval = fsync_interval
        self._ready = threading.Condition()
        self._queue: list[Record] = []
        self._bytes = 0
        self._offered = 0
        self._written = 0
        self._tried = 0
        self._synced = 0
        self._wanted = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="pepperpy_obs-spool", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def offer(self, records: Sequence[Record]) -> str:
        """Queue the records; return "" or why none of them was taken."""
        length = sum([len(record.line) for record in records]) + _APART * len(records)
        with self._ready:
            if self._closed:
                return "closed"
            if self._bytes + length > self._max_bytes:
                return "queue_full"
            self._queue += records
            self._bytes += length
            self._offered += len(records)
            self._ready.notify_all()
        return ""

    def sync(self, timeout: float) -> bool:
        """Wait until all that was offered before is on disk, as safe as the disk makes it; return whether it is."""
        with self._ready:
            wanted = self._wanted = self._offered
            self._ready.notify_all()
            self._ready.wait_for(lambda: self._tried >= wanted, timeout)
            return self._synced >= wanted

    def close(self, timeout: float) -> bool:
        """Take no more, and wait until all is on disk; return whether it is."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
        if self._thread.ident is None:
            # It could not be started: the thread that closes does its work.
            self._run()
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        synced_at = _clock.perf_counter_ns()
        while True:
            records = self._next()
            if records is None:
                return
            if records:
                self._write(records)
                self._grown()
            if self._due(synced_at):
                self._sync()
                synced_at = _clock.perf_counter_ns()

    def _write(self, records: Sequence[Record]) -> None:
        before = self._spool.next
        try:
            self._spool.append(records)
        except Exception as error:
            failed("shipping.spool", error)
            self._spool.lose("failed", len(records) - (self._spool.next - before))
        with self._ready:
            self._written += len(records)

    def _next(self) -> list[Record] | None:
        """Return what is queued, nothing when only a sync is due, None at the end."""
        with self._ready:
            while not self._queue:
                if self._tried < self._written and (self._closed or self._wanted > self._tried):
                    return []
                if self._closed:
                    return None
                dirty = self._tried < self._written and self._fsync != "never"
                if not self._ready.wait(self._interval if dirty else None):
                    return []
            records, self._queue, self._bytes = self._queue, [], 0
            return records

    def _due(self, synced_at: int) -> bool:
        with self._ready:
            if self._tried == self._written:
                return False
            if self._fsync == "always" or (not self._queue and (self._closed or self._wanted > self._tried)):
                return True
        return self._fsync == "interval" and _clock.perf_counter_ns() - synced_at >= self._interval * 1e9

    def _sync(self) -> None:
        safe = self._spool.sync()
        with self._ready:
            self._tried = self._written
            if safe:
                self._synced = self._written
            self._ready.notify_all()
