"""Lines appended to a file that several processes may share and any log shipper can follow.

A file that has grown enough is renamed (``app.log`` to ``app.log.1``, that one to ``app.log.2``, ...)
and begun anew. It is never copied or cut, so a reader that has it open still reads all of it. Each write
is one system call on a descriptor opened for appending: lines of several processes do not mix, and
there is no buffer that a fork could double or a kill could lose.

A lock keeps processes from renaming at the same time. Where the file system has none, nothing is renamed.
"""

from __future__ import annotations

import fcntl
import os
from itertools import pairwise
from pathlib import Path
from typing import Final

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed, note
from pepperpy_obs.errors import SetupError
from pepperpy_obs.outputs.descriptor import Descriptor

__all__ = ["File"]

_TRIES: Final = 50
_PAUSE: Final = 0.002
"""Seconds between two tries for the lock, which is held for microseconds unless its holder is stopped meanwhile."""


class File:
    """A sink of lines into a file, rotated by renaming; raises SetupError at once if it cannot be opened.

    Before it would grow past `max_bytes` (0: never) it is rotated, and `backups` renamed files are
    kept; a line that is larger by itself gets a file of its own. What another program has renamed or
    removed is opened anew. Pipes and devices are only written to. A new file has the permissions `mode`, or
    0640 less what the umask takes away. For one thread at a time; others, in this process or not, may have a
    `File` of the same path.
    """

    def __init__(self, path: str | Path, *, max_bytes: int = 0, backups: int = 5, mode: int | None = None) -> None:
        self._path = Path(path).expanduser().absolute()
        # A link was made by others (/dev/stdout is one), so its target stays where it is.
        self._max_bytes = 0 if self._path.is_symlink() else max_bytes
        self._backups = [Path(f"{self._path}.{number}") for number in range(1, backups + 1)]
        self._mode = mode
        self._tries = _TRIES
        self._torn = False
        """Whether our last write was cut within a line."""
        self._least = 0
        """How large the file was after our last write."""
        try:
            self._opened: Descriptor | None = Descriptor(self._path, mode)
        except OSError as error:
            msg = f"log_file {str(path)!r} cannot be opened for appending: {error}; name one that can be written"
            raise SetupError(msg) from error

    def write(self, lines: list[bytes]) -> None:
        """Append the lines; raises OSError, as from a full disk, whose `lines_written` lie in the file all the same.

        A line torn by that is ended by the next write.
        """
        data = b"".join(lines)
        start = 0
        while start < len(data):
            end = self._end(data, start)
            while start < end:
                try:
                    start += self._append(data[start:end])
                except OSError as error:
                    vars(error)["lines_written"] = _whole_lines(data, start)
                    raise

    def _end(self, data: bytes, start: int) -> int:
        """Return where to cut, so that what is appended at once fits into a file, or is a single line."""
        most = start + self._max_bytes
        if most == start or most >= len(data):
            return len(data)
        return (data.rfind(b"\n", start, most) + 1) or (data.find(b"\n", most) + 1) or len(data)

    def _append(self, data: bytes) -> int:
        """Write as much as the system takes at once; return how many bytes."""
        opened, size, locked = self._ready(len(data))
        try:
            if self._is_torn(opened, size):
                os.write(opened.number, b"\n")
                self._torn = False
            written = os.write(opened.number, data)
            self._torn = data[written - 1 : written] != b"\n"
            self._least = size + written
        finally:
            if locked:
                fcntl.flock(opened.number, fcntl.LOCK_UN)
        return written

    def _is_torn(self, opened: Descriptor, size: int) -> bool:
        if not opened.readable:
            return self._torn and opened.regular
        return size > 0 and os.pread(opened.number, 1, size - 1) != b"\n"

    def close(self) -> None:
        """Give the descriptor back; a later write opens the file again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _ready(self, room: int) -> tuple[Descriptor, int, bool]:
        """Have the file that the path names open, locked if that is possible, and with room; return its size, too."""
        while True:
            opened = self._opened
            if opened is None or opened.is_inherited or opened.look() is None:
                self.close()
                opened = self._opened = Descriptor(self._path, self._mode)
                self._least = 0
            if not opened.regular:
                return opened, 0, False
            locked = self._lock(opened)
            size = self._size_if_named(opened)
            if size is not None:
                is_full = locked and 0 < self._max_bytes < size + room and size > 0
                if not is_full or not self._rotate():
                    self._notice_cut(size)
                    return opened, size, locked
            self.close()

    def _notice_cut(self, size: int) -> None:
        if size < self._least:
            note(
                "log_file.cut",
                f"{self._path} was cut by another program; lines that came between its copying and its cutting are"
                " lost. Have it renamed instead (logrotate: no copytruncate), or leave it to log_max_bytes",
            )

    def _lock(self, opened: Descriptor) -> bool:
        """Keep others from rotating the file; without the lock we may still write to it, but not rotate it."""
        for _ in range(self._tries):
            try:
                fcntl.flock(opened.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _clock.sleep(_PAUSE)
            except OSError as error:
                note("log_file.lock", f"{self._path} is written without a lock, and never renamed: {error}")
                return False
            else:
                self._tries = _TRIES
                return True
        self._tries = 1
        return False

    def _size_if_named(self, opened: Descriptor) -> int | None:
        """Return the size of the open file, None if the path names another one by now, or none."""
        facts = opened.look()
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return None
        return facts.st_size if facts is not None and os.path.samestat(facts, named) else None

    def _rotate(self) -> bool:
        """Rename the file and those before it; return whether that was possible."""
        kept = len(self._backups) - 1
        gap = next((place for place, path in enumerate(self._backups) if not path.exists()), kept)
        names = [self._path, *self._backups[: gap + 1]]
        try:
            for older, newer in pairwise(reversed(names)):
                newer.replace(older)
        except OSError as error:
            failed("rotating the log file", error)  # better a file that is too long than lines that are lost
            return False
        return True


def _whole_lines(data: bytes, end: int) -> int:
    """Return how many lines lie before `end`; one that lacks only its line feed gets it with the next write."""
    return data.count(b"\n", 0, end) + (end > 0 and data[end - 1 : end] != b"\n" == data[end : end + 1])
