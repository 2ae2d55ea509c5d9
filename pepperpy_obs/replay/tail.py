"""When the newest event of a log was, told by its end before all of it is read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.errors import SetupError
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.lines import STDIN, LogFile

__all__ = ["newest_in"]

_LOOKED_AT: Final = 64 * 1024
"""Bytes at the end of a file that are looked at."""


def newest_in(names: Sequence[str]) -> int | None:
    """Return the time of the newest event at the ends of these files, epoch ns; None if no event is seen there.

    Some event of the files is that new, and others may be newer. Nothing is seen of compressed files and pipes.
    """
    return max((at for at in map(_newest, names) if at is not None), default=None)


def _newest(name: str) -> int | None:
    if name == STDIN or not Path(name).is_file():
        return None
    fold = Fold(Store(windows=False))
    try:
        with closing(LogFile(name)) as log:
            fold.lines(log.end(_LOOKED_AT).split(b"\n")[1:], name)
    except SetupError:  # said where it is read
        return None
    return fold.store.snapshot().end
