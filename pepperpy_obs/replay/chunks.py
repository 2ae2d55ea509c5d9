"""Log files in chunks of whole lines, to be folded by themselves, in any process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from pepperpy_obs.replay.lines import LONGEST, LogFile, open_bytes

__all__ = ["Chunk", "chunks_of"]

RANGE: Final = 32 * 1024 * 1024
"""Bytes of a chunk of a plain file, about: some 100,000 lines, so that to add up chunks costs little beside."""
TEXT: Final = 4 * 1024 * 1024
"""Bytes of a chunk that is sent to its worker."""
_PIECE: Final = 256 * 1024


class Chunk(NamedTuple):
    """Whole lines of one log: where they are in a plain file, or their bytes."""

    name: str
    start: int
    stop: int
    """Up to which of the file's bytes on disk it reaches, about."""
    text: bytes | None = None
    """The lines of a compressed file or a pipe; None of a plain file."""
    error: str = ""
    """Why reading of the file ended with this chunk, if not at its end."""

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of its lines."""
        if self.text is not None:
            for begin in range(0, len(self.text), _PIECE):
                yield self.text[begin : begin + _PIECE]
            return
        with open_bytes(self.name) as file:
            file.seek(self.start)
            left = self.stop - self.start
            while left and (piece := file.read(min(left, _PIECE))):
                left -= len(piece)
                yield piece


def chunks_of(name: str, size: int | None = None) -> Iterator[Chunk]:
    """Yield the chunks of a log, each of about `size` bytes if that is given; SetupError if it cannot be opened.

    Of a plain file only the places are looked at where chunks end. What is written to it meanwhile is not read.
    """
    with closing(LogFile(name)) as log:
        if log.is_plain:
            yield from _ranges(name, log.size, size or RANGE)
            return
        position = 0
        for text in _texts(log.pieces(), size or TEXT):
            yield Chunk(log.name, position, position := log.position, text)
        if log.error:
            yield Chunk(log.name, position, position, b"", log.error)


def _ranges(name: str, end: int, size: int) -> Iterator[Chunk]:
    with Path(name).open("rb") as file:
        start = 0
        while start < end:
            stop = min(start + size, end)
            file.seek(stop - 1)
            while stop < end and (piece := file.read(_PIECE)):
                place = piece.find(b"\n")
                stop = min(end, file.tell() - (len(piece) - place - 1 if place >= 0 else 0))
                if place >= 0:
                    break
            yield Chunk(name, start, stop)
            start = stop


def _texts(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield whole lines; of one that is too long just so much that it still is."""
    kept: list[bytes] = []
    length = last = 0
    for piece in pieces:
        place = piece.rfind(b"\n") + 1
        part = piece if place else piece[: max(0, LONGEST + 1 - last)]
        last = len(piece) - place if place else last + len(part)
        kept.append(part)
        length += len(part)
        if place and length >= size:
            kept[-1] = piece[:place]
            yield b"".join(kept)
            kept, length = [piece[place:]], last
    if length:
        yield b"".join(kept)
