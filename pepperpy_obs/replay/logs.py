"""Log files as a source: what they hold now, whenever it is asked."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.lines import STDIN, LogFile
from pepperpy_obs.replay.log import EventLog
from pepperpy_obs.replay.order import oldest_first
from pepperpy_obs.replay.tail import newest_in

__all__ = ["LogFiles", "written_by"]

_Facts = tuple[tuple[str, int, int, int, int], ...]


class LogFiles(EventLog):
    """Log files, plain or gzip, in any order. Windows end with their newest event.

    They are read anew where one of them has changed since. SetupError says which cannot be read.
    """

    def __init__(self, names: Sequence[str | Path], config: Config) -> None:
        super().__init__(config)
        self._names = [str(name) for name in names]
        self._lock = threading.Lock()
        self._known: tuple[_Facts, Fold] | None = None
        for name in self._names:
            if name == STDIN:
                msg = "standard input can be read once only: give log files, or pipe into `pepperpy-obs replay -`"
                raise SetupError(msg)
            LogFile(name).close()

    def feed(self, fold: Fold, since: int | None = None, until: int | None = None) -> None:  # noqa: ARG002
        """Fold all lines of all files, whenever they were written."""
        ordered, _ = oldest_first(self._names)
        fold.expect(newest_in(ordered))
        for name in ordered:
            with closing(LogFile(name)) as log:
                for _ in fold.file(log):
                    pass

    def counted(self, since: int | None = None, until: int | None = None) -> Fold:
        """Return all lines, folded; the fold of before where no file has changed."""
        with self._lock:
            facts = self._facts()
            if self._known is None or self._known[0] != facts:
                self._known = facts, super().counted(since, until)
            return self._known[1]

    def _facts(self) -> _Facts:
        found = [(name, Path(name).stat()) for name in self._names if Path(name).exists()]
        return tuple((name, one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns) for name, one in found)


def written_by(config: Config) -> list[Path]:
    """Return the log file that these settings have written, and its backups, as far as they are there."""
    if config.log_file is None:
        return []
    path = Path(config.log_file)
    names = [path, *(Path(f"{path}.{number}") for number in range(1, config.log_backups + 1))]
    return [name for name in names if name.exists()]
