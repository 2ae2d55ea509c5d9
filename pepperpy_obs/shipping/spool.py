"""Events on disk until every sink has answered for them: segments in one locked directory, one cursor for each sink.

Bounded: past `max_bytes` the oldest segment goes, and `dropped` gets what a sink had not taken from it.
While the disk takes nothing, records stay in memory, within bounds of their own, and go out from there.
One thread appends; each sink's thread takes and commits; nothing in here knows a network.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed
from pepperpy_obs.shipping.cursor import SUFFIX, Cursor, Position
from pepperpy_obs.shipping.record import Record, frames, needed, past_damage, scan
from pepperpy_obs.shipping.segment import FileSegment, MemorySegment, Segment, file_name, first_of
from pepperpy_obs.shipping.spool_directories import SpoolDirectory, passed_over

__all__ = ["Batch", "Bounds", "Spool"]

_DISK_RETRY = 1_000_000_000
"""How long a disk that refused is left alone, in nanoseconds."""

Drop = Callable[[str, str, int], None]
"""Told of losses: sink, reason, number of records."""


class Bounds(NamedTuple):
    """How much a spool may hold, in bytes."""

    max_bytes: int = 256 * 1024 * 1024
    segment_bytes: int = 8 * 1024 * 1024
    memory_bytes: int = 16 * 1024 * 1024


class Batch(NamedTuple):
    """Consecutive records that one sink has taken; `ends` are the positions behind each of them."""

    records: Sequence[Record]
    ends: Sequence[Position]
    first: int
    full: bool
    """More of them were there than the limits allowed."""


EMPTY = Batch((), (), 0, full=False)


class Spool:
    """The records of one process life, or of an earlier one that ended with some left.

    Raises:
        OSError: The directory cannot be read.
    """

    def __init__(self, spool_directory: SpoolDirectory, sinks: Iterable[str], drop: Drop, bounds: Bounds) -> None:
        """Open what the directory holds; only a first `append` makes a new segment.

        A sink that has no cursor here yet starts behind all that is here: those records were not meant for it.
        """
        self.spool_directory = spool_directory
        self._bounds = bounds
        self._drop = drop
        self._lock = threading.Lock()
        self._writing: Segment | None = None
        self._refused_at = -_DISK_RETRY
        self._cursors: dict[str, Cursor] = {}
        self._segments, self.next = self._open_segments()
        try:
            self._open_cursors(sinks)
        except OSError:
            for segment in self._segments:
                segment.close()
            for cursor in self._cursors.values():
                cursor.close()
            raise
        self._taken = {sink: self._found(cursor.position) for sink, cursor in self._cursors.items()}

    def _open_cursors(self, sinks: Iterable[str]) -> None:
        for path in self.spool_directory.path.glob(f"*{SUFFIX}"):
            self._cursors[path.stem] = Cursor(path)
        # After a power cut a cursor may stand behind the records that were lost with it: numbers are never used twice.
        self.next = max([self.next, *(cursor.position.number for cursor in self._cursors.values())])
        for sink in sinks:
            if sink not in self._cursors:
                self._cursors[sink] = Cursor(
                    self.spool_directory.path / f"{sink}{SUFFIX}", Position(self.next, 0, self.next)
                )

    def _open_segments(self) -> tuple[list[Segment], int]:
        named = [(first_of(path), path) for path in self.spool_directory.path.iterdir()]
        paths = sorted((first, path) for first, path in named if first is not None)
        segments: list[Segment] = []
        end = 0
        for index, (first, path) in enumerate(paths):
            try:
                segment = FileSegment(path, first, new=False)
            except OSError as error:
                passed_over(path, error)
                end = first + 1  # its name is taken
                continue
            if index == len(paths) - 1:
                end = first + segment.cut_torn_tail()
            if segment.end:
                segments.append(segment)
            else:
                # Its maker was killed before the first record was whole; the next segment will have its name.
                segment.remove()
        return segments, end

    def _found(self, position: Position) -> Position:
        """Return where that record is now: its segment may be gone, or may have lost its tail."""
        for segment in self._segments:
            if segment.first == position.segment and position.offset <= segment.end:
                return position
            if segment.first >= position.number:
                return Position(segment.first, 0, segment.first)
        return Position(self.next, 0, self.next)

    @property
    def first(self) -> int:
        """The number of the oldest record that it still holds."""
        with self._lock:
            return self._segments[0].first if self._segments else self.next

    @property
    def held(self) -> int:
        """How many bytes it holds, on disk and in memory."""
        return sum(segment.end for segment in tuple(self._segments))

    def pending(self, sink: str) -> int:
        """Return how many records the sink has not taken yet."""
        taken = self._taken.get(sink)
        return self.next - taken.number if taken else 0

    def owes(self, sink: str) -> bool:
        """Tell whether the sink has a cursor here, and records before it."""
        return self.pending(sink) > 0

    def append(self, records: Sequence[Record]) -> None:
        """Add records behind the last; those that find no room on disk nor in memory are dropped and told."""
        data = frames(records)
        if len(data) > self._bounds.segment_bytes and len(records) > 1:
            half = len(records) // 2
            self.append(records[:half])
            self.append(records[half:])
        elif records:
            self._append(records, data)

    def _append(self, records: Sequence[Record], data: bytes) -> None:
        segment = self._open_for(len(data))
        try:
            if segment is None:
                self.lose("disk_full", len(records))
                return
            if isinstance(segment, FileSegment):
                self.spool_directory.hold()
            segment.append(data)
        except OSError as error:
            failed("shipping.spool", error)
            self._refused_at = _clock.perf_counter_ns()
            self._writing = None
            self._append(records, data)
            return
        with self._lock:
            self.next += len(records)
            self._shrink()

    def _open_for(self, length: int) -> Segment | None:
        """Return the segment that `length` more bytes go to, None when there is no room even in memory."""
        segment = self._writing
        rested = _clock.perf_counter_ns() - self._refused_at >= _DISK_RETRY
        small = segment is not None and (not segment.end or segment.end + length <= self._bounds.segment_bytes)
        if segment is not None and small and (isinstance(segment, FileSegment) or not rested):
            pass
        elif rested:
            segment = self._new_file()
        elif not isinstance(segment, MemorySegment) or not small:
            segment = self._new(MemorySegment(self.next))
        if isinstance(segment, MemorySegment) and self._in_memory() + length > self._bounds.memory_bytes:
            return None
        return segment

    def _in_memory(self) -> int:
        return sum(segment.end for segment in tuple(self._segments) if isinstance(segment, MemorySegment))

    def _new_file(self) -> Segment:
        if isinstance(self._writing, FileSegment):
            self.sync()
        try:
            return self._new(FileSegment(self.spool_directory.path / file_name(self.next), self.next, new=True))
        except OSError as error:
            failed("shipping.spool", error)
            self._refused_at = _clock.perf_counter_ns()
            return self._new(MemorySegment(self.next))

    def _new(self, segment: Segment) -> Segment:
        with self._lock:
            if self._segments and not self._segments[-1].end:
                # Nothing was ever written there: the disk filled up between its creation and its first record.
                self._segments.pop().remove()
            self._segments.append(segment)
            self._writing = segment
        return segment

    def lose(self, reason: str, count: int) -> None:
        """Tell of records that never got in."""
        for sink in self._cursors:
            self._drop(sink, reason, count)

    def _shrink(self) -> None:
        """Drop the oldest segments while there is too much; what a sink has taken already is not lost to it."""
        while len(self._segments) > 1 and self.held > self._bounds.max_bytes:
            self._segments.pop(0).remove()
            start = Position(self._segments[0].first, 0, self._segments[0].first)
            for sink, taken in self._taken.items():
                if taken.number < start.number:
                    self._drop(sink, "spool_full", start.number - taken.number)
                    self._taken[sink] = start

    def sync(self) -> bool:
        """Wait until the disk has all that was appended; return whether it has, a failure is counted."""
        try:
            if self._writing is not None:
                self._writing.sync()
        except OSError as error:
            failed("shipping.sync", error)
            return False
        return not self._in_memory()

    def take(self, sink: str, max_bytes: int, max_records: int) -> Batch:
        """Return the sink's next records, in order, at least one if there is any, and count them as taken."""
        with self._lock:
            while (taken := self._taken[sink]).number < self.next:
                index = next((i for i, one in enumerate(self._segments) if one.first == taken.segment), -1)
                segment = self._segments[index] if index >= 0 else None
                if segment is not None and taken.offset < segment.end:
                    batch = self._read(segment, taken, max_bytes, max_records)
                    if batch.records:
                        self._taken[sink] = batch.ends[-1]
                        return batch
                    if self._hop(sink, segment, taken):
                        continue
                self._skip(sink, taken)
        return EMPTY

    def _read(self, segment: Segment, taken: Position, max_bytes: int, max_records: int) -> Batch:
        data = segment.read(taken.offset, max_bytes)
        if needed(data) > len(data):
            data = segment.read(taken.offset, needed(data))
        records: list[Record] = []
        ends: list[Position] = []
        for record, end in scan(data):
            records.append(record)
            ends.append(Position(segment.first, taken.offset + end, taken.number + len(records)))
            if len(records) == max_records:
                break
        more = bool(ends) and ends[-1].number < self.next
        return Batch(records, ends, taken.number, full=more)

    def _hop(self, sink: str, segment: Segment, taken: Position) -> bool:
        """Go on behind damaged frames of the same segment; return whether a whole one was found there."""
        length, lost = past_damage(segment.read(taken.offset, segment.end))
        if lost:
            self._drop(sink, "damaged", lost)
            self._taken[sink] = Position(segment.first, taken.offset + length, taken.number + lost)
        return bool(lost)

    def _skip(self, sink: str, taken: Position) -> None:
        """Go on with the next segment; what lies between is damaged, or was in memory when a process was killed."""
        later = (segment.first for segment in self._segments if segment.first > taken.segment)
        start = next(later, self.next)
        start = max(start, taken.number)
        if start > taken.number:
            self._drop(sink, "damaged", start - taken.number)
        self._taken[sink] = Position(start, 0, start)

    def commit(self, sink: str, position: Position) -> None:
        """Move the sink's cursor: every record before `position` was answered for. Segments all are done with go."""
        with self._lock:
            cursor = self._cursors[sink]
            if position.number <= cursor.position.number:
                return
            try:
                cursor.store(position)
            except OSError as error:
                failed("shipping.cursor", error)
            while len(self._segments) > 1 and self._done(self._segments[1].first):
                self._segments.pop(0).remove()
            if self._segments and self._writing is None and self._done(self.next):
                self._segments.pop().remove()

    def _done(self, number: int) -> bool:
        return all(cursor.position.number >= number for cursor in self._cursors.values())

    def close(self) -> None:
        """Write what memory holds to disk if that goes now, sync, and give the directory up."""
        with self._lock:
            if self._segments and self._done(self.next):
                for segment in self._segments:
                    segment.remove()
                self._segments.clear()
                self._writing = None
            ends = [*(segment.first for segment in self._segments[1:]), self.next]
            for segment, end in zip(self._segments, ends, strict=False):
                if isinstance(segment, MemorySegment):
                    self._persist(segment, end)
        self.sync()
        self.abandon()

    def _persist(self, kept: MemorySegment, end: int) -> None:
        """Write the records of memory up to number `end` to disk; what the disk does not take is dropped and told."""
        path = self.spool_directory.path / file_name(kept.first)
        try:
            file = FileSegment(path, kept.first, new=True)
            try:
                file.append(kept.read(0, kept.end))
                file.sync()
            finally:
                file.close()
        except OSError as error:
            failed("shipping.spool", error)
            with suppress(OSError):
                path.unlink(missing_ok=True)  # half of it would be sent by the next life, and is counted as dropped
            for sink, cursor in self._cursors.items():
                if (lost := end - max(kept.first, cursor.position.number)) > 0:
                    self._drop(sink, "disk_full", lost)

    def abandon(self) -> None:
        """Close every descriptor and change nothing: all that a forked child may do with its parent's spool."""
        for segment in self._segments:
            segment.close()
        for cursor in self._cursors.values():
            cursor.close()
        self.spool_directory.release()
