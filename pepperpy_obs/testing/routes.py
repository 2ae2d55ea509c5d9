"""To which open block a call belongs, and the chain and the store that lead there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

from pepperpy_obs._record import CALLER
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.chain import Chain
from pepperpy_obs.context import CURRENT, span_context

if TYPE_CHECKING:
    from pepperpy_obs._record import Record
    from pepperpy_obs.aggregate.lazy_snapshot import LazySnapshot
    from pepperpy_obs.chain.batch import Batch
    from pepperpy_obs.config import Config

__all__ = ["OPEN", "Destination", "Router", "StoreHere", "belongs_to"]


class Destination(Protocol):
    """A block that is open."""

    config: Config
    store: Store
    chain: Chain


OPEN: list[Destination] = []
"""The blocks, in the order in which they were opened."""


def belongs_to(record: Record, block: Destination) -> bool:
    """Tell whether a call belongs to a block: to that of its context, or else to the one that was opened last."""
    own = _block_of(record)
    return block is (own if own is not None else OPEN[-1] if OPEN else None)


def _block_of(record: Record) -> Destination | None:
    place = record[CALLER]
    account = place[4] if type(place) is tuple else None
    block: Destination | None = None if account is None else account.block
    return block


class Router(Chain):
    """Sends each call to the chain of its block; those of a block that has ended go where all went before."""

    def __init__(self) -> None:
        super().__init__([], [], [])
        self.outside: Chain = Chain([], [], [])

    def take(self, records: Sequence[Record], until: int | None = None) -> None:
        """Send finished records, whose lineage is settled, through in their order."""
        self.taken = done = 0
        for chain, some in groupby(records, self._chain_of):
            given = list(some)
            done += len(given)
            try:
                chain.take(given, until)
            finally:
                self.taken += chain.taken
            if self.taken < done:
                break

    def _chain_of(self, record: Record) -> Chain:
        own = _block_of(record)
        block = own if own is not None or not OPEN else OPEN[-1]
        return block.chain if block in OPEN else self.outside

    @property
    def gathered(self) -> int:
        """How many lines there are to be written, by all."""
        return sum(chain.gathered for chain in self._all())

    def hand_over(self) -> Batch:
        """Write what has gathered: in a test there is time for it at once."""
        for chain in self._all():
            chain.flush()
        return super().hand_over()

    def forget(self, reason: str = "") -> None:
        """Forget what has gathered, as a forked child does."""
        for chain in self._all():
            chain.forget(reason)

    def _all(self) -> list[Chain]:
        return [self.outside, *(block.chain for block in OPEN)]


class StoreHere(Store):
    """Stands for the store of the block that the asking code is in, or else of the one that was opened last."""

    __slots__ = ()

    def lazy_snapshot(self, window: float | None = None, now: int | None = None) -> LazySnapshot:
        """Return what that block has counted."""
        block = _block_here()
        return super().lazy_snapshot(window, now) if block is None else block.store.lazy_snapshot(window, now)

    def fold(self, event: Any, at: int) -> None:
        """Count an event there: a chain that was configured inside does so."""
        block = _block_here()
        if block is not None:
            block.store.fold(event, at)

    def clear(self) -> None:
        """Forget everything, as a forked child does."""
        super().clear()
        for block in OPEN:
            block.store.clear()


def _block_here() -> Destination | None:
    record = CURRENT.get()
    if record is not None:
        span_context(record)
        own = _block_of(record)
        if own in OPEN:
            return own
    return OPEN[-1] if OPEN else None
