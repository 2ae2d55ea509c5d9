"""Logs folded in chunks by several processes, to what one fold of all of them gives.

Any executor will do that runs functions in processes: that of the standard library, or a cluster's.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from pepperpy_obs.aggregate.packed import unpack
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.config import Config
from pepperpy_obs.replay.chunks import Chunk, chunks_of
from pepperpy_obs.replay.fold import MOST_NAMED, Named
from pepperpy_obs.replay.folded import FoldedChunk, IdBatch, fold_chunk
from pepperpy_obs.replay.known_ids import KnownIds
from pepperpy_obs.replay.order import oldest_first
from pepperpy_obs.replay.tail import newest_in
from pepperpy_obs.sanitize.redact import label_redaction

__all__ = ["ChunkedFold", "Executor"]

_AHEAD: Final = 4
"""Chunks for each worker that are read and not added yet."""


class _Future(Protocol):
    def result(self) -> Any: ...


class Executor(Protocol):
    """Runs functions elsewhere, as those of `concurrent.futures` do."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> _Future:
        """Have a function called, and return its result to come."""
        ...


class ChunkedFold:
    """The sum of all chunks of some logs, with what a `Fold` tells of itself."""

    def __init__(self, config: Config, ids: KnownIds | None = None) -> None:
        self.store = Store(config.max_series, config.cost_attributes, label_redaction(config))
        self.ids = ids or KnownIds()
        self.events = 0
        self.passed_over = 0
        self.doubles = 0
        self._config = config
        self._named: list[Named] = []
        self._file = ""
        self._lines = 0

    @property
    def named(self) -> list[str]:
        """The first lines that were passed over: file, line number and reason."""
        return [str(one) for one in self._named]

    def files(
        self, names: Sequence[str], executor: Executor, workers: int = 1, *, size: int | None = None
    ) -> Iterator[Chunk]:
        """Have logs folded, the oldest first, and yield each chunk when it has been added.

        Some chunks for each of the `workers` are under way at a time, each of about `size` bytes if that is given.
        SetupError if a log cannot be opened.
        """
        ordered, _ = oldest_first(names)
        newest = newest_in(ordered)
        under_way: deque[tuple[Chunk, _Future]] = deque()
        for name in ordered:
            for chunk in chunks_of(name, size):
                under_way.append((chunk, executor.submit(fold_chunk, chunk, self._config, newest)))
                if len(under_way) >= _AHEAD * workers:
                    yield self._add_next(under_way, executor, newest)
        while under_way:
            yield self._add_next(under_way, executor, newest)

    def _add_next(self, under_way: deque[tuple[Chunk, _Future]], executor: Executor, newest: int | None) -> Chunk:
        chunk, future = under_way.popleft()
        folded: FoldedChunk = future.result()
        doubles = [self._doubles_among(batch) for batch in folded.ids]
        if any(list(found) != list(batch.doubles) for found, batch in zip(doubles, folded.ids, strict=True)):
            folded = executor.submit(fold_chunk, chunk, self._config, newest, doubles).result()
        self._add(chunk, folded)
        return chunk

    def _doubles_among(self, batch: IdBatch) -> Sequence[int]:
        return self.ids.doubles_of(array("q", batch.digests), batch.low, batch.high)

    def _add(self, chunk: Chunk, folded: FoldedChunk) -> None:
        if chunk.name != self._file:
            self._file, self._lines = chunk.name, 0
        for start, stop, packed in folded.intervals:
            self.store.add(start, stop, unpack(packed))
        self.events += folded.events
        self.passed_over += folded.passed_over
        self.doubles += folded.doubles
        for one in folded.named:
            # Like a fold: so many lines, and for each file why reading it ended.
            if one.number is None or len(self._named) < MOST_NAMED:
                self._named.append(one if one.number is None else one._replace(number=one.number + self._lines))
        self._lines += folded.lines
