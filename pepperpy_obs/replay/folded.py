"""A chunk of a log, folded by itself: all that there is to add it to others, and to see which of its events they have.

Which events came before is known where all chunks come together. A chunk is folded as if none had. If some had, it is
folded once more, without these.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple

from pepperpy_obs.aggregate.closed import ClosedInterval
from pepperpy_obs.aggregate.packed import pack
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.config import Config
from pepperpy_obs.replay.chunks import Chunk
from pepperpy_obs.replay.fold import Fold, Named
from pepperpy_obs.replay.known_ids import KnownIds
from pepperpy_obs.replay.lines import Splitter
from pepperpy_obs.sanitize.redact import label_redaction

__all__ = ["FoldedChunk", "IdBatch", "fold_chunk"]

_UNLIMITED: Final = 1 << 62
"""Which series have a place is decided where all chunks come together."""


class IdBatch(NamedTuple):
    """Ids that were looked up at once."""

    digests: bytes
    """8 bytes of each, as in `array("q")`."""
    low: int
    high: int
    """Between which times their events are, epoch ns."""
    doubles: Sequence[int]
    """Which of them were taken for doubles, by place."""


class FoldedChunk(NamedTuple):
    """What was counted of a chunk, and how."""

    intervals: Sequence[tuple[int, int, bytes]]
    """Begin, end and packed sums of each that was closed, in this order."""
    ids: Sequence[IdBatch]
    events: int
    passed_over: int
    doubles: int
    named: Sequence[Named]
    """With line numbers within the chunk."""
    lines: int


class _NotedIds(KnownIds):
    """Notes down which ids are looked up; which of them are doubles is given, or found out within the chunk."""

    def __init__(self, known: Sequence[Sequence[int]] | None) -> None:
        super().__init__()
        self._given = None if known is None else iter(known)
        self.batches: list[IdBatch] = []

    def doubles_of(self, digests: array[int], low: int, high: int) -> Sequence[int]:
        found = super().doubles_of(digests, low, high) if self._given is None else next(self._given)
        self.batches.append(IdBatch(digests.tobytes(), low, high, found))
        return found


def fold_chunk(
    chunk: Chunk, config: Config, newest: int | None, doubles: Sequence[Sequence[int]] | None = None
) -> FoldedChunk:
    """Fold a chunk; `newest` is the time of some event of the log, the newest that is known of.

    `doubles` are, for each batch of ids in the order in which an earlier fold of it looked them up, those that are
    not to be counted. Needs nothing of the process that it runs in, and leaves nothing there.
    """
    store = Store(_UNLIMITED, config.cost_attributes, label_redaction(config), windows=False)
    closed: list[tuple[int, int, bytes]] = []

    def keep(interval: ClosedInterval) -> None:
        closed.append((interval.start, interval.stop, pack(interval.counted)))

    store.on_closed = keep
    ids = _NotedIds(doubles)
    fold = Fold(store, ids)
    fold.expect(newest)
    splitter, number = Splitter(), 0
    for piece in chunk.pieces():
        number = fold.lines(splitter.feed(piece), chunk.name, number)
    number = fold.lines(splitter.rest(), chunk.name, number)
    fold.store.close()
    named = [*fold.named_lines, *([Named(chunk.name, None, chunk.error)] if chunk.error else [])]
    return FoldedChunk(closed, ids.batches, fold.events, fold.passed_over, fold.doubles, named, number)
