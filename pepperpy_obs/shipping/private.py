"""Files of ours in a directory that others may be able to write to: opened only when they are ours, closed only while.

A link, a device, a file of another user or with a second name is refused: what we write or cut there would be
another's. A descriptor is closed only while it still is what we opened: daemons close all of theirs, and the numbers
are given out again.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

__all__ = ["Descriptor", "check_directory", "open_private"]


def open_private(path: Path, flags: int) -> int:
    """Return a descriptor of a plain file of our own, mode 0600 if it is made.

    Raises:
        OSError: It cannot be opened, or is not ours alone.
    """
    try:
        file = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            _refuse(path, "it is a link")
        raise
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            _refuse(path, "it is no plain file")
        if found.st_uid != os.geteuid():
            _refuse(path, f"it belongs to user {found.st_uid}, not to us ({os.geteuid()})")
        if found.st_mode & 0o002:
            _refuse(
                path, f"anybody may write to it (mode {stat.S_IMODE(found.st_mode):04o}): chmod o-w it, or remove it"
            )
        if found.st_nlink > 1:
            _refuse(path, f"it has {found.st_nlink} names (hard links)")
    except OSError:
        os.close(file)
        raise
    return file


def check_directory(path: Path) -> None:
    """Refuse a directory that is a link, belongs to another user, or that others may write to.

    Raises:
        OSError: With what is wrong, and what to do.
    """
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        _refuse(path, "it is no directory, or a link to one")
    if found.st_uid != os.geteuid():
        _refuse(path, f"it belongs to user {found.st_uid}, not to us ({os.geteuid()})")
    if found.st_mode & 0o002:
        _refuse(path, f"anybody may write to it (mode {stat.S_IMODE(found.st_mode):04o}): chmod o-w it")


def _refuse(path: Path, why: str) -> None:
    raise PermissionError(errno.EPERM, why, str(path))


class Descriptor:
    """An open file that remembers what it is: another that bears its number by now is left alone, and never written to.

    Raises:
        OSError: The file cannot be opened, or is not ours alone.
    """

    def __init__(self, path: Path, flags: int) -> None:
        self._path = path
        self._number = open_private(path, flags)
        self._identity = _identity(self._number)
        self._closed = False

    @property
    def ours(self) -> bool:
        """Whether the number still stands for what was opened."""
        try:
            return not self._closed and _identity(self._number) == self._identity
        except OSError:
            return False

    def fileno(self) -> int:
        """Return the number; where the application has closed it, the same file is opened once more.

        Raises:
            OSError: It is closed, or the file is not there any more.
        """
        if not self.ours:
            self._reopen()
        return self._number

    def _reopen(self) -> None:
        if self._closed:
            raise OSError(errno.EBADF, "it is closed", str(self._path))
        number = open_private(self._path, os.O_RDWR)
        if _identity(number) != self._identity:
            os.close(number)
            raise OSError(errno.ESTALE, "another file stands in its place", str(self._path))
        self._number = number

    def close(self) -> None:
        """Close it, if it still is ours; a second time is no harm."""
        if self.ours:
            os.close(self._number)
        self._closed = True


def _identity(file: int) -> tuple[int, int]:
    found = os.fstat(file)
    return found.st_dev, found.st_ino
