"""One directory for one process: numbered, locked, taken over when its owner is gone.

A process takes the lowest number that is free, so a service that restarts finds its own backlog, and the number
is a stable name for it. The lock is `flock`: it goes with the process, however that ends. Directories stay;
there are never more than processes at one time.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from pepperpy_obs.errors import SetupError

__all__ = ["Slot", "orphans", "take"]


class Slot:
    """A locked directory of the spool; at most one process in the world holds it."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.number = int(path.name)
        self._lock = lock

    def release(self) -> None:
        """Give up the lock. In a forked child it only gives up the child's copy: the parent's lock stays."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _lock(path: Path) -> Slot | None:
    path.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:
        os.close(lock)
        raise
    return Slot(path, lock)


def take(root: Path) -> Slot:
    """Lock the free slot with the lowest number, made if need be.

    Raises:
        SetupError: The directory cannot be made, written or locked.
    """
    number = 0
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        while (slot := _lock(root / str(number))) is None:
            number += 1
    except OSError as error:
        advice = "let ship_directory be one on a local disk that may be written"
        msg = f"no spool can be kept in {str(root)!r}: {error}; {advice}"
        raise SetupError(msg) from error
    return slot


def orphans(root: Path) -> list[Slot]:
    """Lock and return every slot that holds segments and that nobody else holds, the lowest number first."""
    numbers = sorted(int(path.name) for path in root.iterdir() if path.name.isdecimal())
    locked = (_lock(root / str(number)) for number in numbers if any((root / str(number)).glob("*.seg")))
    return [slot for slot in locked if slot is not None]
