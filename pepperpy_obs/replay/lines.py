"""Log files as pieces of bytes, and pieces of bytes as lines. Compressed files are known by their first bytes."""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from pepperpy_obs.errors import SetupError

__all__ = ["LONGEST", "STDIN", "TOO_LONG", "LogFile", "Splitter", "filled", "open_bytes"]

STDIN: Final = "-"
LONGEST: Final = 4 * 1024 * 1024
"""Bytes of a line past which it is given up: no event of ours comes near, and memory stays bounded."""
TOO_LONG: Final = b"(a line that is too long)"
"""Stands for such a line, so that line numbers stay right; known by identity."""

_PIECE: Final = 256 * 1024
_GZIP: Final = b"\x1f\x8b"
_SUSPICIOUS: Final = 1024
"""Lines of one piece that are too many to be events all."""


class Splitter:
    r"""Cuts pieces of a file into lines; one that is longer than `LONGEST` comes out as `TOO_LONG`.

    >>> splitter = Splitter()
    >>> splitter.feed(b"one\ntw"), splitter.feed(b"o\nthree"), splitter.rest()
    ([b'one'], [b'two'], [b'three'])
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._length = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that `piece` completes, without their line feeds."""
        lines = piece.split(b"\n")
        last = lines.pop()
        if lines:
            lines[0] = self._take(lines[0])
        self._keep(last)
        return lines

    def rest(self) -> list[bytes]:
        """Return the last line if no line feed follows it."""
        return [self._take(b"")] if self._length else []

    def _keep(self, part: bytes) -> None:
        self._length += len(part)
        if self._length > LONGEST:
            self._rest.clear()
        elif part:
            self._rest.append(part)

    def _take(self, end: bytes) -> bytes:
        self._keep(end)
        line = TOO_LONG if self._length > LONGEST else b"".join(self._rest)
        self._rest.clear()
        self._length = 0
        return line


def filled(lines: list[bytes], number: int) -> tuple[list[bytes], Sequence[int]]:
    r"""Return the lines, less blank ones where these are many, and their numbers; `number` lines came before.

    >>> filled([b"{}"] + 2000 * [b"", b"\r"] + [b"{}"], 7)
    ([b'{}', b'{}'], [8, 4009])
    """
    if len(lines) < _SUSPICIOUS:
        return lines, range(number + 1, number + 1 + len(lines))
    places = [place for place, line in enumerate(lines) if line and not line.isspace()]
    return [lines[place] for place in places], [number + 1 + place for place in places]


class LogFile:
    """One log, open for reading; `-` is standard input. SetupError says why it cannot be read."""

    def __init__(self, name: str) -> None:
        self.name = "standard input" if name == STDIN else name
        self.error = ""
        """Why reading ended before the end, if it did."""
        try:
            self._raw: BinaryIO = sys.stdin.buffer if name == STDIN else Path(name).open("rb")  # noqa: SIM115 - close()
            facts = os.fstat(self._raw.fileno())
            head = _peek(self._raw)
        except OSError as error:
            raise _unreadable(name, error) from error
        self.size = facts.st_size if stat.S_ISREG(facts.st_mode) else 0
        """Bytes on disk; 0 where that is unknown."""
        self._file: io.BufferedIOBase | BinaryIO = self._raw
        if head.startswith(_GZIP):
            self._file = gzip.GzipFile(fileobj=self._raw)

    @property
    def is_plain(self) -> bool:
        """Whether it is a file on disk that is not compressed: any part of it can be read by itself."""
        return bool(self.size) and self._file is self._raw

    @property
    def position(self) -> int:
        """How many bytes of the file on disk have been taken, about."""
        return self._raw.tell() if self.size else 0

    def end(self, most: int) -> bytes:
        """Return the last bytes of the file, from a line feed on; none of a compressed file."""
        if not self.is_plain:
            return b""
        self._raw.seek(max(0, self.size - most))
        found = self._raw.read(most)
        self._raw.seek(0)
        return found if self.size > most else b"\n" + found

    def pieces(self) -> Iterator[bytes]:
        """Yield the content piece by piece; what is cut off or damaged ends it, and `error` names it."""
        read = getattr(self._file, "read1", self._file.read)
        while True:
            try:
                piece = read(_PIECE)
            except (OSError, EOFError, zlib.error) as error:
                self.error = f"cannot be read further: {error}"
                return
            if not piece:
                return
            yield piece

    def close(self) -> None:
        """Close the file, but not standard input."""
        if self._raw is not sys.stdin.buffer:
            self._raw.close()


def open_bytes(name: str) -> BinaryIO:
    """Open a file on disk; SetupError says why it cannot be read."""
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: OSError) -> SetupError:
    msg = f"{name!r} cannot be read: {error.strerror or error}; give log files, or - for standard input"
    return SetupError(msg)


def _peek(file: BinaryIO) -> bytes:
    return file.peek(2)[:2] if isinstance(file, io.BufferedReader) else b""
