from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.errors import SetupError
from pepperpy_obs.replay import lines
from pepperpy_obs.replay.lines import STDIN, TOO_LONG, LogFile, Splitter


def split(pieces: list[bytes]) -> list[bytes]:
    """Return the lines of a file that comes in these pieces."""
    splitter = Splitter()
    return [line for piece in pieces for line in splitter.feed(piece)] + splitter.rest()


@given(st.lists(st.binary(max_size=8).map(lambda piece: piece.replace(b"\r", b"\n")), max_size=12))
def test_lines_do_not_depend_on_how_a_file_is_cut(pieces: list[bytes]) -> None:
    """Whatever the pieces, the lines are those of the whole."""
    whole = b"".join(pieces).split(b"\n")
    assert split(pieces) == (whole if whole[-1] else whole[:-1])


@pytest.mark.parametrize("cut", [1, 7, 10])
def test_a_line_without_end_takes_no_memory(cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line longer than the limit is given up, its place among the lines is kept, and those around it come out."""
    monkeypatch.setattr(lines, "LONGEST", 10)
    data = b"short\n" + 30 * b"x" + b"\nten bytes!\n" + 11 * b"y"
    found = split([data[start : start + cut] for start in range(0, len(data), cut)])
    assert found == [b"short", TOO_LONG, b"ten bytes!", TOO_LONG]


def read(log: LogFile) -> bytes:
    """Return the content of a log, and close it."""
    try:
        return b"".join(log.pieces())
    finally:
        log.close()


def test_compressed_files_are_known_by_their_content(tmp_path: Path) -> None:
    """A gzip file needs no suffix, and several members make one file, as `cat a.gz b.gz` does."""
    path = tmp_path / "events"
    path.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    log = LogFile(str(path))
    assert (read(log), log.error, log.size) == (b"one\ntwo\n", "", path.stat().st_size)


def test_a_damaged_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """What stands before the place where a compressed file breaks off is read, and the break is told."""
    path = tmp_path / "events.gz"
    text = b"".join(b"line %d of a log that is long enough\n" % number for number in range(50_000))
    path.write_bytes(gzip.compress(text)[:-5_000])
    log = LogFile(str(path))
    found = read(log)
    assert found
    assert text.startswith(found)
    assert log.error.startswith("cannot be read further: ")


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`-` reads standard input, compressed or not, and leaves it open."""
    path = tmp_path / "piped"
    path.write_bytes(gzip.compress(b"one\n"))
    with path.open("rb") as piped:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(piped))
        log = LogFile(STDIN)
        assert (log.name, read(log)) == ("standard input", b"one\n")
        assert not piped.closed


@pytest.mark.parametrize("name, reason", [("missing.log", "No such file"), (".", "Is a directory")])
def test_what_cannot_be_read_is_named(name: str, reason: str, tmp_path: Path) -> None:
    """A file that is not there, or is none, raises a sentence with its name and the reason."""
    with pytest.raises(SetupError, match=rf"'.*{name}' cannot be read: {reason}.*; give log files, or - for"):
        LogFile(str(tmp_path / name))
