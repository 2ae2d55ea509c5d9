"""The files of the processes of one machine in a directory that they share.

Theory. A process has a name that no other has (`NAME`), and three files: `NAME.lock`, which it holds by `flock` for as
long as it lives; `NAME.coarse`, its coarser windows; `NAME.state`, all else. Files are replaced as a whole, by a
rename. A process is dead when its lock can be had: that is so at once, however it ended, and also after a reboot.

What the dead have left is in `dead.state`. Whoever holds `directory.lock` takes a dead process in: it adds the state to
`dead.state`, with the name, in one rename, and removes the files then. If it dies between the two, the next one finds
the name there, and only removes the files. A reader needs no lock: it reads the states first and `dead.state` last, and
leaves out those whose name stands there. A file that is gone meanwhile has been taken in. Names stay in `dead.state`
for `_KEPT`, longer than any reader takes.

A forked child closes its copies of the locks: a lock is held as long as one descriptor of it is open anywhere.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pepperpy_obs import _clock
from pepperpy_obs.errors import SetupError
from pepperpy_obs.fleet.state import CoarseWindows, DeadStates, ProcessState, decode, encode
from pepperpy_obs.shipping.private import Descriptor, check_directory, open_private

__all__ = ["Directory"]

_KEPT: Final = 3600 * 1_000_000_000
"""For how long the name of a process stays that was taken in."""
_DEAD: Final = "dead.state"
_ADVICE: Final = "give a directory on a local disk or in memory that this user may write to, such as /run/shop"
_READ: Final = os.O_RDONLY


class Directory:
    """One shared directory. For any thread and process: only its files have a state."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self) -> None:
        """Make the directory if it is not there; SetupError where it is not ours alone, or has no locks."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_directory(self.path)
            # A process that waits for another one to be dead has it for a moment.
            with suppress(BlockingIOError), self._locked("directory.lock"):
                self._check_held("directory.lock")
        except OSError as error:
            msg = f"share_directory={str(self.path)!r} cannot be used: {error}; {_ADVICE}"
            raise SetupError(msg) from error

    def _check_held(self, name: str) -> None:
        """Refuse a file system on which a lock that is held can be had once more, as some network ones are."""
        file = open_private(self.path / name, os.O_RDWR)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        finally:
            os.close(file)
        raise OSError(errno.ENOLCK, "a lock that was taken there is not held: its file system only pretends")

    def check(self) -> None:
        """Raise SetupError where there is no such directory to read."""
        if not self.path.is_dir():
            msg = f"shared:{self.path} is no directory; give the share_directory of a service, such as shared:/run/shop"
            raise SetupError(msg)

    def hold(self, name: str) -> Descriptor:
        """Lock a new process's file, which then appears under its name.

        Raises:
            OSError: It cannot be made.
        """
        before = self.path / f".{name}.lock"
        lock = Descriptor(before, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        before.rename(self.path / f"{name}.lock")
        return lock

    def write(self, name: str, state: ProcessState | None, coarse: CoarseWindows | None) -> None:
        """Replace a process's files.

        Raises:
            OSError: They cannot be written.
        """
        if coarse is not None:
            self._replace(f"{name}.coarse", encode(coarse))
        if state is not None:
            self._replace(f"{name}.state", encode(state))

    def names(self) -> list[str]:
        """Return the names of all processes that have shown a state."""
        return sorted(path.stem for path in self.path.glob("[!.]*.state") if path.name != _DEAD)

    def state(self, name: str) -> ProcessState | None:
        """Return a process's state; None where it is gone by now."""
        found = self._read(f"{name}.state")
        return None if found is None else decode(ProcessState, found, str(self.path / f"{name}.state"))

    def coarse(self, name: str) -> CoarseWindows | None:
        """Return its coarser windows; None of none."""
        found = self._read(f"{name}.coarse")
        return None if found is None else decode(CoarseWindows, found, str(self.path / f"{name}.coarse"))

    def dead(self) -> DeadStates:
        """Return what the dead have left."""
        found = self._read(_DEAD)
        return DeadStates() if found is None else decode(DeadStates, found, str(self.path / _DEAD))

    def is_alive(self, name: str) -> bool:
        """Tell whether a process still holds its lock; one whose lock cannot be looked at counts as alive."""
        try:
            file = os.open(self.path / f"{name}.lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Not left to `close`: a child that is forked at this moment has a copy, which would hold it on.
            fcntl.flock(file, fcntl.LOCK_UN)
        except OSError:
            return True
        finally:
            os.close(file)
        return False

    def take_in_dead(self, add: Callable[[DeadStates, str], DeadStates]) -> int:
        """Have `add` put each dead process's state into what the dead have left; return how many there were.

        Nothing is done while another process does it.

        Raises:
            OSError: The files cannot be written; what was taken in stays so.
        """
        taken = 0
        gone = [name for name in self._locks() if not self.is_alive(name)]
        if not gone:
            return 0
        try:
            with self._locked("directory.lock"):
                dead = self.dead()
                for name in gone:
                    if name not in dead.taken and (self.path / f"{name}.state").exists():
                        dead = add(dead, name)
                        now = _clock.time_ns()
                        dead.taken = {one: at for one, at in dead.taken.items() if at > now - _KEPT} | {name: now}
                        self._replace(_DEAD, encode(dead))
                        taken += 1
                    self._remove(name)
        except BlockingIOError:
            return taken
        return taken

    def _locks(self) -> list[str]:
        # A name that begins with a dot is that of a file that is being made.
        return sorted(path.stem for path in self.path.glob("[!.]*.lock") if path.name != "directory.lock")

    def _remove(self, name: str) -> None:
        # The lock goes last: without it no one would look for the others.
        for kind in ("state", "coarse", "lock"):
            (self.path / f"{name}.{kind}").unlink(missing_ok=True)

    def _read(self, name: str) -> bytes | None:
        try:
            with os.fdopen(open_private(self.path / name, _READ), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def _replace(self, name: str, content: bytes) -> None:
        before = self.path / f".{name}.{os.getpid()}"
        with suppress(FileNotFoundError):
            before.unlink()  # of a process that had this number and died here
        with os.fdopen(open_private(before, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(content)
        before.rename(self.path / name)

    @contextmanager
    def _locked(self, name: str) -> Generator[None]:
        """Hold a lock, or raise BlockingIOError while another process has it."""
        file = open_private(self.path / name, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                yield
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)  # as in `is_alive`
        finally:
            os.close(file)
