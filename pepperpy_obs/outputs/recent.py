"""The newest lines in memory, up to a size: what pages show of the latest calls where no log can be read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

__all__ = ["RecentLines"]


class RecentLines:
    """A sink that keeps what was written last, `most` bytes of it at most; what is larger by itself is not kept.

    One thread writes at a time, any may read; there is no lock that a fork could hold.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._pieces: deque[bytes] = deque()
        self._size = 0

    def write(self, lines: Sequence[bytes]) -> None:
        """Take lines, in pieces of one or several; the oldest pieces give way."""
        for piece in lines:
            self._pieces.append(piece)
            self._size += len(piece)
        while self._size > self.most and self._pieces:
            self._size -= len(self._pieces.popleft())

    def newest(self) -> Iterator[bytes]:
        """Yield the lines that were there when it was called, the one that was written last first."""
        for piece in reversed(self._pieces.copy()):
            yield from reversed(piece.splitlines())

    def close(self) -> None:
        """Do nothing: what was kept can still be read."""
