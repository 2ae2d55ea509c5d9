from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs.formats.ecs import ecs_lines
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.replay.tail import newest_in

NOON = 1_700_136_000


def call(second: int) -> dict[str, Any]:
    """Return the event of a call that ended so many seconds after noon."""
    timestamp = f"2023-11-16T12:{second // 60:02}:{second % 60:02}.000000Z"
    event = {"timestamp": timestamp, "level": "info", "event": "operation.finished", "operation": "ask"}
    return {**event, "outcome": "ok", "duration_seconds": 0.25}


@pytest.mark.parametrize("render", [json_lines, ecs_lines])
def test_the_newest_event_at_the_ends_of_the_files_is_seen(render: Any, tmp_path: Path) -> None:
    """Of all files, whatever their order, also where lines without an event follow it."""
    long, short = tmp_path / "long.log", tmp_path / "short.log"
    long.write_bytes(b"".join(render([call(number % 600) for number in range(2399)])) + b"not ours\n{")
    short.write_bytes(b"".join(render([call(601)]))[:-1])
    assert newest_in([str(long)]) == (NOON + 598) * 1_000_000_000
    assert newest_in([str(short), str(long)]) == (NOON + 601) * 1_000_000_000


def test_nothing_is_told_of_what_has_no_end_to_look_at(tmp_path: Path) -> None:
    """Compressed files, standard input, empty files, files that are not there and files without events."""
    packed, empty, other = tmp_path / "app.log.gz", tmp_path / "empty.log", tmp_path / "other.log"
    packed.write_bytes(gzip.compress(b"".join(json_lines([call(1)]))))
    empty.touch()
    other.write_bytes(b"GET / 200\n" * 10)
    assert newest_in([str(packed), "-", str(empty), str(other), str(tmp_path / "none.log")]) is None


def test_a_line_that_is_cut_off_at_the_beginning_is_not_looked_at(tmp_path: Path) -> None:
    """The last 64 KB begin within a line: from its end on, lines are whole."""
    path = tmp_path / "app.log"
    path.write_bytes(b"x" * 100_000 + b"".join(json_lines([call(3)])))
    assert newest_in([str(path)]) is None
