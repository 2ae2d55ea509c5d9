"""One stretch of the spool: frames end to end, in a file or, while the disk takes no more, in memory.

A segment is named by the number of its first record. It knows bytes only: which of them are owed to whom
is the spool's business. Not thread-safe; the spool holds its lock.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Protocol

from pepperpy_obs.shipping.private import Descriptor
from pepperpy_obs.shipping.record import MOST_BODY, needed, past_damage, scan

__all__ = ["FileSegment", "MemorySegment", "Segment", "file_name", "first_of"]

_SUFFIX = ".seg"
_WINDOW = 8 * 1024 * 1024
_LARGEST = 2 * MOST_BODY
"""No segment of ours is larger: one frame at most goes past the bound, which is far below."""


def file_name(first: int) -> str:
    """Return the file name of the segment that starts with record number `first`; names sort as numbers do."""
    return f"{first:020d}{_SUFFIX}"


def first_of(path: Path) -> int | None:
    """Return the number of a segment file's first record, None for any other file."""
    number = (
        int(path.stem)
        if path.suffix == _SUFFIX and path.stem.isdecimal() and path.stem.isascii() and len(path.stem) <= 20
        else None
    )
    return number if number is not None and number < 2**63 else None


class Segment(Protocol):
    """Frames end to end, from record number `first` on."""

    first: int

    @property
    def end(self) -> int:
        """The offset behind the last whole frame."""
        ...

    def append(self, data: bytes) -> None:
        """Add frames; `OSError` when that cannot be done, and then none of them is there."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Return at most `length` bytes from `offset` on, none from behind the end."""
        ...

    def sync(self) -> None:
        """Let what was appended survive a power cut."""
        ...

    def close(self) -> None:
        """Give up the descriptors; the frames stay."""
        ...

    def remove(self) -> None:
        """Close and delete it."""
        ...


class FileSegment:
    """A segment file, written by the one process that made it, and only read after that process's end."""

    def __init__(self, path: Path, first: int, *, new: bool) -> None:
        self.first = first
        self._path = path
        self._file = Descriptor(path, os.O_RDWR | (os.O_CREAT | os.O_EXCL if new else 0))
        self.end = 0 if new else os.fstat(self._file.fileno()).st_size
        if self.end > _LARGEST:
            self._file.close()
            raise OSError(errno.EFBIG, f"it has {self.end} bytes, more than any segment of ours", str(path))

    def append(self, data: bytes) -> None:
        """Write frames behind the last; a write that stopped half way is taken back and raised."""
        written, file = 0, self._file.fileno()
        try:
            while written < len(data):
                written += os.pwrite(file, data[written:] if written else data, self.end + written)
        except OSError:
            os.ftruncate(file, self.end)
            raise
        self.end += written

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes of whole frames as they are on disk."""
        return os.pread(self._file.fileno(), min(length, self.end - offset), offset)

    def sync(self) -> None:
        """Wait until the disk has it."""
        os.fdatasync(self._file.fileno())

    def cut_torn_tail(self) -> int:
        """Cut the file behind its last whole frame and return how many frames are left, damaged ones among them.

        Reads it piece by piece: a window, or one frame that is larger.
        """
        end = count = 0
        while data := self.read(end, _WINDOW):
            if len(data) < needed(data) <= MOST_BODY:
                data = self.read(end, needed(data))
            whole = scan(data)
            length, frames = (whole[-1][1], len(whole)) if whole else past_damage(self.read(end, _LARGEST))
            if not frames:
                break
            end += length
            count += frames
        if end < self.end:
            os.ftruncate(self._file.fileno(), end)
            self.end = end
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def remove(self) -> None:
        """Delete the file."""
        self.close()
        self._path.unlink(missing_ok=True)


class MemorySegment:
    """Frames that found no room on disk."""

    def __init__(self, first: int) -> None:
        self.first = first
        self._data = bytearray()

    @property
    def end(self) -> int:
        """The offset behind the last frame."""
        return len(self._data)

    def append(self, data: bytes) -> None:
        """Keep frames."""
        self._data += data

    def read(self, offset: int, length: int) -> bytes:
        """Return a copy of kept bytes."""
        return bytes(self._data[offset : offset + length])

    def sync(self) -> None:
        """Do nothing: there is no disk to wait for."""

    def close(self) -> None:
        """Do nothing: what memory holds goes with the process."""

    def remove(self) -> None:
        """Free the memory."""
        self._data.clear()
