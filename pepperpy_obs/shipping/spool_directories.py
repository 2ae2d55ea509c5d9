"""One directory for one process: numbered, locked, taken over when its owner is gone.

A process takes the lowest number that is free, so a service that restarts finds its own backlog, and the number
is a stable name for it. The lock is `flock`: it goes with the process, however that ends. Directories stay;
there are never more than processes at one time. A directory that is not ours alone is named in the log, and left.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from pathlib import Path

from pepperpy_obs._guard import failed
from pepperpy_obs.errors import SetupError
from pepperpy_obs.shipping.private import Descriptor, check_directory

__all__ = ["SpoolDirectory", "is_odd", "orphans", "passed_over", "take", "unusable"]

_LOG = logging.getLogger("pepperpy_obs")
_MOST = 10_000
_ODD = (errno.ENXIO, errno.ENODEV, errno.EFBIG, errno.ESTALE)
"""Sockets, devices, files that are too large, files that were replaced."""
_LEFT = ("*.seg", "*.suspects")
"""What an owner that is gone may have left."""


class SpoolDirectory:
    """A locked directory of the spool; at most one process in the world holds it."""

    def __init__(self, path: Path, lock: Descriptor) -> None:
        self.path = path
        self.number = int(path.name)
        self._lock = lock

    def hold(self) -> None:
        """Lock it anew where the application has closed the lock: it is given up with the descriptor.

        Raises:
            OSError: Another process has it by now.
        """
        if not self._lock.ours:
            fcntl.flock(self._lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        """Give up the lock. In a forked child it only gives up the child's copy: the parent's lock stays."""
        self._lock.close()


def is_odd(error: OSError) -> bool:
    """Return whether a directory or a file is another's or no such thing, so that the next one may do."""
    known = isinstance(error, PermissionError | NotADirectoryError | IsADirectoryError | FileExistsError)
    return known or error.errno in _ODD


def unusable(root: Path, error: OSError) -> SetupError:
    """Return what to raise where no directory of a spool can be used."""
    advice = "let ship_directory be one on a local disk that may be written and has room"
    return SetupError(f"no spool can be kept in {str(root)!r}: {error}; {advice}")


def passed_over(path: Path, error: OSError) -> None:
    """Name what is not as we make it, and is left alone; it counts as a failure of ours."""
    failed("shipping.adopt", error)
    _LOG.warning("pepperpy_obs: %s in the spool is passed over: %s", path, error.strerror or error)


def _lock(path: Path) -> SpoolDirectory | None:
    path.mkdir(mode=0o700, exist_ok=True)
    check_directory(path)
    lock = Descriptor(path / "lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    except OSError:
        lock.close()
        raise
    return SpoolDirectory(path, lock)


def take(root: Path, start: int = 0) -> SpoolDirectory:
    """Lock the free directory with the lowest number, from `start` on, made if need be.

    Raises:
        SetupError: The directory cannot be made, written or locked.
    """
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(start, start + _MOST):
            try:
                spool_directory = _lock(root / str(number))
            except OSError as error:
                if not is_odd(error) or not os.access(root, os.W_OK | os.X_OK):
                    raise
                passed_over(root / str(number), error)
                continue
            if spool_directory is not None:
                return spool_directory
        raise FileExistsError(errno.EEXIST, f"{_MOST} directories in it are taken", str(root))
    except OSError as error:
        raise unusable(root, error) from error


def orphans(root: Path) -> list[SpoolDirectory]:
    """Lock and return every directory that holds something to send and is free, the lowest number first."""
    found: list[SpoolDirectory] = []
    for number in sorted(int(path.name) for path in root.iterdir() if path.name.isdecimal()):
        path = root / str(number)
        try:
            spool_directory = _lock(path) if any(any(path.glob(kind)) for kind in _LEFT) else None
        except OSError as error:
            passed_over(path, error)
            continue
        if spool_directory is not None:
            found.append(spool_directory)
    return found
