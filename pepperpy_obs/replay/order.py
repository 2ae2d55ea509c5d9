"""Which of several log files comes first: told by their events, for `app.log*` names the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from math import inf
from pathlib import Path
from typing import Final

from pepperpy_obs.formats.read import read_event
from pepperpy_obs.replay.lines import STDIN, LogFile, Splitter
from pepperpy_obs.replay.moments import TimeReader
from pepperpy_obs.sanitize.map_fields import OUR_EVENTS

__all__ = ["oldest_first"]

_LOOKED_AT: Final = 200
"""Lines of a file that are looked at for its first event."""


def oldest_first(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the files in the order of their first events, and those that are given a second time.

    A file in which no event is found, standard input and pipes, which can be read only once, come last, in the
    order in which they are given. SetupError says which file cannot be read.
    """
    files: dict[object, str] = {}
    again: list[str] = []
    for name in names:
        identity = _identity(name)
        if identity in files:
            again.append(name)
        else:
            files[identity] = name
    return sorted(files.values(), key=_first), again


def _identity(name: str) -> object:
    if name == STDIN:
        return name
    try:
        facts = Path(name).stat()
    except (OSError, ValueError):
        LogFile(name).close()  # says what is wrong with it
        return name
    return facts.st_dev, facts.st_ino


def _first(name: str) -> float:
    """Return the time of a file's first event; never, if there is none to be seen."""
    if name == STDIN or not (Path(name).is_file() or Path(name).is_dir()):
        return inf
    with closing(LogFile(name)) as log:
        splitter, looked_at = Splitter(), 0
        for piece in log.pieces():
            for line in splitter.feed(piece)[: _LOOKED_AT - looked_at]:
                looked_at += 1
                if (at := _time(line)) is not None:
                    return at
            if looked_at >= _LOOKED_AT:
                return inf
        at = next(iter(map(_time, splitter.rest())), None)
        return inf if at is None else at


def _time(line: bytes) -> int | None:
    try:
        event = read_event(line)
        return TimeReader().read(event.get("timestamp", "")) if event.get("event") in OUR_EVENTS else None
    except ValueError:
        return None
