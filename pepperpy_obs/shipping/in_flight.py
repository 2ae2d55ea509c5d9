"""A batch that a sink has taken from a spool: which of its records are still owed.

The cursor follows behind the first records that are settled, so that a kill costs duplicates of what was in flight
only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.spool import Batch, Spool

__all__ = ["InFlightBatch", "Source", "commit"]


class Source(NamedTuple):
    """A spool, and the steady name of the processes that wrote it."""

    spool: Spool
    instance: str


class InFlightBatch:
    """One batch of one source; what is settled takes no memory any more."""

    def __init__(self, source: Source, batch: Batch) -> None:
        self.spool, self.instance = source
        self._first = batch.first
        self._ends = batch.ends
        self._records: list[Record | None] = list(batch.records)
        self._owed = len(batch.records)
        self._prefix = 0

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, place: int) -> Record:
        """Return a record that is owed."""
        record = self._records[place]
        if record is None:
            msg = f"record {place} is settled"
            raise LookupError(msg)
        return record

    def ack(self, place: int) -> None:
        """Note that the record has been answered for."""
        self._records[place] = None
        self._owed -= 1
        if not self._owed:
            del self._records[1:]
            self._ends = self._ends[-1:]
            self._prefix = 0

    @property
    def oldest(self) -> Record | None:
        """The first record that is owed as of the last commit, None when all are settled."""
        return self._records[self._prefix] if self._prefix < len(self._records) else None

    @property
    def lost(self) -> int:
        """How many records are owed and not on disk any more."""
        gone = self._records[: max(0, self.spool.first - self._first)]
        return len(gone) - gone.count(None)

    def advance(self, sink: str) -> bool:
        """Move the sink's cursor behind the first records that are settled; return whether all are."""
        before = self._prefix
        while self._prefix < len(self._records) and self._records[self._prefix] is None:
            self._prefix += 1
        if self._prefix > before:
            self.spool.commit(sink, self._ends[self._prefix - 1])
        return self._prefix == len(self._records)


def commit(flights: Iterable[InFlightBatch], sink: str) -> list[InFlightBatch]:
    """Move the cursors as far as the batches allow, in the order of their taking; return those still needed."""
    left: list[InFlightBatch] = []
    for flight in flights:
        # What was taken later from the same spool waits: a cursor before which a record is owed would lose it.
        if any(flight.spool is one.spool for one in left) or not flight.advance(sink):
            left.append(flight)
    return left
