from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest

from pepperpy_obs.errors import SetupError
from pepperpy_obs.replay.order import oldest_first


def write(path: Path, hour: int, head: bytes = b"") -> str:
    """Write a log whose first event is of an hour, and return its name."""
    line = b'{"timestamp":"2026-11-01T%02d:00:00Z","event":"operation.finished"}\n' % hour
    path.write_bytes(gzip.compress(head + line) if path.suffix == ".gz" else head + line)
    return str(path)


def test_the_events_say_which_file_is_older(tmp_path: Path) -> None:
    """Whatever files are called and however they are given; those without an event come last, as they were given."""
    files = [
        write(tmp_path / "app.log", 9),
        write(tmp_path / "app.log.1", 8, b"starting\n\n"),
        write(tmp_path / "app.log.10.gz", 3),
        write(tmp_path / "app.log.2", 7, b'{"timestamp":"2026-10-01T00:00:00Z","event":"user.came"}\n'),
    ]
    empty = [str(tmp_path / name) for name in ("b.log", "a.log")]
    for name in empty:
        Path(name).touch()
    right = [files[2], files[3], files[1], files[0], "-", *empty]
    assert oldest_first(["-", *empty, *files]) == (right, [])


def test_a_file_is_read_once_whatever_it_is_called(tmp_path: Path) -> None:
    """Links and repeated names are one file."""
    name = write(tmp_path / "app.log", 9)
    link = tmp_path / "link.log"
    link.symlink_to(name)
    assert oldest_first([name, str(link), "-", "-"]) == ([name, "-"], [str(link), "-"])


def test_a_pipe_is_left_alone(tmp_path: Path) -> None:
    """What a pipe holds comes only once: it is not looked into."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    name = write(tmp_path / "app.log", 9)
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(oldest_first([str(pipe), name])), daemon=True)
    thread.start()
    thread.join(10)
    assert found == [([name, str(pipe)], [])]


def test_what_cannot_be_read_is_said_at_once(tmp_path: Path) -> None:
    """Before any file is read."""
    with pytest.raises(SetupError, match="No such file or directory"):
        oldest_first([write(tmp_path / "app.log", 9), str(tmp_path / "missing.log")])
    with pytest.raises(SetupError, match="Is a directory"):
        oldest_first([str(tmp_path)])
