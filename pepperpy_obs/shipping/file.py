"""Lines appended to a file that several processes may share and any log shipper can follow.

A file that has grown enough is renamed (``app.log`` to ``app.log.1``, that one to ``app.log.2``, ...)
and begun anew. It is never copied or cut, so whoever has it open still reads all of it. Each write
is one system call on a descriptor opened for appending: lines of several processes do not mix, and
there is no buffer that a fork could double or a kill could lose.
"""

from __future__ import annotations

import fcntl
import os
import stat
from itertools import pairwise
from pathlib import Path
from typing import Final

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed
from pepperpy_obs.errors import SetupError

__all__ = ["File"]

_TRIES: Final = 50
_PAUSE: Final = 0.002
"""Seconds between two tries for the lock, which is held for microseconds unless its holder is stopped meanwhile."""


class File:
    """A way out into a file, rotated by renaming; raises SetupError at once if it cannot be opened.

    Before it would grow past `max_bytes` (0: never) it is rotated, and `backups` renamed files are
    kept; a line that is larger by itself gets a file of its own. What somebody else has renamed or
    removed is opened anew. Pipes and devices are only written to. For one thread at a time;
    others, in this process or not, may have a `File` of the same path.
    """

    def __init__(self, path: str | Path, *, max_bytes: int = 0, backups: int = 5) -> None:
        self._path = Path(path).expanduser().absolute()
        # A link is somebody else's arrangement (/dev/stdout is one), so what it points to stays where it is.
        self._max_bytes = 0 if self._path.is_symlink() else max_bytes
        self._backups = [Path(f"{self._path}.{number}") for number in range(1, backups + 1)]
        self._descriptor = -1
        self._pid = 0
        self._regular = True
        self._tries = _TRIES
        try:
            self._open()
        except OSError as error:
            msg = f"log_file {str(path)!r} cannot be opened for appending: {error}; name one that can be written"
            raise SetupError(msg) from error

    def write(self, lines: list[bytes]) -> None:
        """Append the lines; raises OSError, as from a full disk. A line torn by that is ended by the next write."""
        data = b"".join(lines)
        start = 0
        while start < len(data):
            end = self._end(data, start)
            self._append(data[start:end])
            start = end

    def _end(self, data: bytes, start: int) -> int:
        """Return where to cut, so that what is appended at once fits into a file, or is a single line."""
        most = start + self._max_bytes
        if most == start or most >= len(data):
            return len(data)
        return (data.rfind(b"\n", start, most) + 1) or (data.find(b"\n", most) + 1) or len(data)

    def _append(self, data: bytes) -> None:
        size = self._ready(len(data))
        try:
            if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
                data = b"\n" + data
            while data:
                data = data[os.write(self._descriptor, data) :]
        finally:
            if self._regular:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the descriptor back; a later write opens the file again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _ready(self, room: int) -> int:
        """Have the file that the path names open, locked, and with room; return its size."""
        while True:
            if self._descriptor < 0 or self._pid != os.getpid():
                self._open()
            if not self._regular:
                return 0
            locked = self._lock()
            size = self._size_if_named()
            if size is not None:
                is_full = locked and 0 < self._max_bytes < size + room and size > 0
                if not is_full or not self._rotate():
                    return size
            self.close()

    def _open(self) -> None:
        # A forked child has a descriptor of its own, or its locks would be its parent's.
        self.close()
        try:
            self._regular = stat.S_ISREG(self._path.stat().st_mode)
        except FileNotFoundError:
            self._regular = True
            self._path.parent.mkdir(parents=True, exist_ok=True)
        kind = os.O_RDWR | os.O_CREAT if self._regular else os.O_WRONLY | os.O_NONBLOCK
        self._descriptor = os.open(self._path, kind | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._pid = os.getpid()

    def _lock(self) -> bool:
        """Keep others from rotating the file; who cannot in time may still write to it, but not rotate it."""
        for _ in range(self._tries):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _clock.sleep(_PAUSE)
            else:
                self._tries = _TRIES
                return True
        self._tries = 1
        return False

    def _size_if_named(self) -> int | None:
        """Return the size of the open file, None if the path names another one by now, or none."""
        opened = os.fstat(self._descriptor)
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return None
        return opened.st_size if os.path.samestat(opened, named) else None

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
