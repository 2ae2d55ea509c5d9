"""Logs that grow and are rotated: each byte is read once, whatever the files are called by then."""

from __future__ import annotations

import glob
import os
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from pepperpy_obs._guard import note
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.lines import Splitter

__all__ = ["Follow"]

_PIECE = 256 * 1024
_REMEMBERED = 256
"""Bytes before the place where we are, by which a copy is known, and by their absence that the file was cut."""
_MOST_COPIES = 64

_Identity = tuple[int, int]


class _Followed:
    """One file, wherever it is moved."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self.name = name
        self.number = 0
        self.missed = 0
        self._file = file
        self._splitter = Splitter()
        self._last = b""

    @property
    def is_new(self) -> bool:
        """Whether nothing was read yet."""
        return not self._last

    def read(self, fold: Fold, others: Container[str] = ()) -> None:
        """Fold what has been added; a file that was cut to begin anew is read from its beginning.

        logrotate's `copytruncate` leaves a copy: what was not read yet is read there, if it is none of the `others`.
        """
        if self._was_cut():
            if not self._read_copy(fold, others):
                note(
                    "follow.cut",
                    f"{self.name} was cut and begun anew; what was written just before may not be counted",
                )
            self._file.seek(0)
            self._splitter, self.number, self._last = Splitter(), 0, b""
        self._read(fold, self._file)

    def _read(self, fold: Fold, file: BinaryIO) -> None:
        while piece := file.read(_PIECE):
            self.number = fold.lines(self._splitter.feed(piece), self.name, self.number)
            self._last = (self._last + piece[-_REMEMBERED:])[-_REMEMBERED:]

    def _was_cut(self) -> bool:
        """Return whether what was read last is not there any more; the file may have grown past it again."""
        return not self._continues(self._file)

    def _continues(self, file: BinaryIO) -> bool:
        at = self._file.tell() - len(self._last)
        return os.pread(file.fileno(), len(self._last), at) == self._last

    def _read_copy(self, fold: Fold, others: Container[str]) -> bool:
        """Fold the rest of the copy that was made before the cut, and return whether there is one."""
        path = Path(self.name)
        copies = [each for each in path.parent.glob(f"{glob.escape(path.name)}?*") if str(each) not in others]
        for copy in sorted(copies, key=_changed, reverse=True)[:_MOST_COPIES]:
            try:
                with copy.open("rb") as file:
                    if not self._continues(file):
                        continue
                    file.seek(self._file.tell())
                    self._read(fold, file)
            except OSError:
                continue
            fold.lines(self._splitter.rest(), self.name, self.number)
            return True
        return False

    def close(self, fold: Fold) -> None:
        """Fold what is left, a last line without end included."""
        self.read(fold)
        fold.lines(self._splitter.rest(), self.name, self.number)
        self._file.close()


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


class Follow:
    """Folds what is added to a set of log files, each time that `poll` is called.

    Files are known by what they are, not by what they are called: one that is renamed (as by rotation) is
    read to its end and, where its new name is followed too, not a second time. A file that is not there
    yet, or may not be read yet, is waited for.
    """

    def __init__(self, names: Sequence[str], fold: Fold) -> None:
        self._names = names
        self._fold = fold
        self._followed: dict[_Identity, _Followed] = {}
        self._waits = False

    @property
    def waits(self) -> bool:
        """Whether a file was not there, or empty: if it is cut before its first lines are read, nothing tells."""
        return self._waits or any(followed.is_new for followed in self._followed.values())

    def poll(self) -> None:
        """Fold what has been added since."""
        seen = dict(self._look())
        self._waits = len(seen) < len(self._names)
        for identity, followed in list(self._followed.items()):
            followed.read(self._fold, self._names)
            # A rotation between two of our looks hides a file for one round: only after two is it gone.
            followed.missed = 0 if identity in seen else followed.missed + 1
            if followed.missed > 1:
                del self._followed[identity]
                followed.close(self._fold)
        for identity, name in seen.items():
            if identity not in self._followed:
                self._open(name)

    def close(self) -> None:
        """Fold what is left and close all files."""
        for followed in self._followed.values():
            followed.close(self._fold)
        self._followed.clear()

    def _look(self) -> Iterator[tuple[_Identity, str]]:
        for name in self._names:
            try:
                facts = Path(name).stat()
            except OSError:
                continue
            yield (facts.st_dev, facts.st_ino), name

    def _open(self, name: str) -> None:
        try:
            file = Path(name).open("rb")  # noqa: SIM115 - closed when the file is gone
        except OSError:
            return
        # What was opened may be another file than was looked at: rotation does not wait.
        facts = os.fstat(file.fileno())
        identity = facts.st_dev, facts.st_ino
        if identity in self._followed:
            file.close()
            return
        followed = self._followed[identity] = _Followed(name, file)
        followed.read(self._fold)
