"""A descriptor that is used and closed only while it still stands for the file that was opened.

A daemon closes all descriptors of its process (`python-daemon`, `os.closerange`), and the next file that the
application opens gets the same number. Lines written there would land in the application's file, and `close` would
close it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

__all__ = ["Descriptor"]

_MODE: Final = 0o640
_HOW: Final = os.O_APPEND | os.O_CLOEXEC


class Descriptor:
    """A path opened for appending; raises OSError if it cannot be.

    A new file has the permissions `mode`, or 0640 less what the process's umask takes away. `readable` is False for a
    file that may only be appended to, `regular` for a pipe or a device.
    """

    __slots__ = ("_identity", "_pid", "number", "readable", "regular")

    def __init__(self, path: Path, mode: int | None = None) -> None:
        try:
            self.regular = stat.S_ISREG(path.stat().st_mode)
        except FileNotFoundError:
            self.regular = True
            path.parent.mkdir(parents=True, exist_ok=True)
        if self.regular:
            self.number, self.readable = _open_file(path, mode)
        else:
            self.number, self.readable = os.open(path, os.O_WRONLY | os.O_NONBLOCK | _HOW), False
        facts = os.fstat(self.number)
        self._identity = facts.st_dev, facts.st_ino
        self._pid = os.getpid()

    def look(self) -> os.stat_result | None:
        """Return the facts of the open file; None if the number stands for another one by now, or for none."""
        try:
            facts = os.fstat(self.number)
        except OSError:
            return None
        return facts if (facts.st_dev, facts.st_ino) == self._identity else None

    @property
    def is_inherited(self) -> bool:
        """Whether this process was forked since: its locks would be its parent's."""
        return self._pid != os.getpid()

    def close(self) -> None:
        """Close what is still ours."""
        if self.look() is not None:
            os.close(self.number)


def _open_file(path: Path, mode: int | None) -> tuple[int, bool]:
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _HOW, _MODE if mode is None else mode)
    except FileExistsError:  # or a link to nothing, whose target is to be made
        return _open_existing(path)
    if mode is not None:
        os.fchmod(number, mode)
    return number, True


def _open_existing(path: Path) -> tuple[int, bool]:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | _HOW, _MODE), True
    except PermissionError:
        return os.open(path, os.O_WRONLY | _HOW), False
