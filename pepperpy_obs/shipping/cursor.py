"""How far one sink has come: a file that is overwritten in place, and whole at any moment.

Two slots are written in turn, each with a generation and a checksum: a torn write spoils the older of the two only,
and a full disk stops nothing, since the file never grows. It is not synced: after a power cut a cursor may stand
further back than it was, which costs duplicates, never events.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from pepperpy_obs.shipping.private import Descriptor

__all__ = ["SUFFIX", "Cursor", "Position"]

SUFFIX = ".cursor"
_SLOT = struct.Struct("<QQQQ")
_CHECK = struct.Struct("<I")
_STEP = 64


class Position(NamedTuple):
    """The place of a record: the segment by its first record's number, the offset in it, the record's own number."""

    segment: int
    offset: int
    number: int


START = Position(0, 0, 0)


class Cursor:
    """The position of one sink in one spool directory; every record before it has been answered for.

    A file in which neither slot is whole stands at the very start: events may be sent twice then, none is lost.
    """

    def __init__(self, path: Path, default: Position = START) -> None:
        """Open the cursor; a file that is not there yet is made at `default`, on a full disk in memory only."""
        self._file = Descriptor(path, os.O_RDWR | os.O_CREAT)
        self._generation = 0
        self.position = default
        if os.fstat(self._file.fileno()).st_size:
            self._load()
        else:
            with suppress(OSError):
                self.store(default)

    def _load(self) -> None:
        self.position = START
        data = os.pread(self._file.fileno(), 2 * _STEP, 0)
        for start in (0, _STEP):
            slot = data[start : start + _SLOT.size]
            check = data[start + _SLOT.size : start + _SLOT.size + _CHECK.size]
            if len(check) < _CHECK.size or _CHECK.unpack(check)[0] != crc32(slot):
                continue
            generation, *position = _SLOT.unpack(slot)
            if generation > self._generation:
                self._generation, self.position = generation, Position(*position)

    def store(self, position: Position) -> None:
        """Move to `position`, in memory in any case; `OSError` when the file could not follow."""
        self.position = position
        self._generation += 1
        slot = _SLOT.pack(self._generation, *position)
        os.pwrite(self._file.fileno(), slot + _CHECK.pack(crc32(slot)), self._generation % 2 * _STEP)

    def close(self) -> None:
        """Close the file; a second time is no harm."""
        self._file.close()
