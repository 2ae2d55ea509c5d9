"""Lines onto standard output or standard error, wherever the process has them point at the time."""

from __future__ import annotations

import io
import os
import select
import sys
from contextlib import suppress
from typing import Any, Final, Literal

__all__ = ["Stream"]

_PATIENCE: Final = 250
"""Milliseconds."""
_MOST_SELECTED: Final = 1024
"""`select` knows descriptors below this."""


class Stream:
    """A sink of lines onto `sys.stdout` or `sys.stderr`, which is looked up at each write and never closed.

    Lines go past Python's buffers, a batch in one piece, so that they do not mix with those of other
    processes and none waits in the buffer of a forked child. A stream without a file of its own behind
    it, as in a notebook or a test, is written to as text.
    """

    def __init__(self, name: Literal["stderr", "stdout"] = "stderr") -> None:
        self._name = name
        self._stuck = False
        self._torn = False

    def is_terminal(self) -> bool:
        """Return whether a person is likely to be watching."""
        stream = getattr(sys, self._name)
        return stream is not None and not stream.closed and stream.isatty()

    def takes_colors(self) -> bool:
        """Return whether it is a terminal that shows colours, unless NO_COLOR is set (https://no-color.org)."""
        return self.is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def write(self, lines: list[bytes]) -> None:
        """Write the lines; raises OSError if they are not taken: the pipe is full or broken, the stream was closed.

        A pipe that is not read is waited for once, for a quarter of a second, and then not again
        until it takes something: nothing of ours may stand still because a log reader does.
        """
        stream = getattr(sys, self._name)
        if stream is None or stream.closed:
            msg = f"sys.{self._name} is closed"
            raise OSError(msg)
        data = b"".join(lines)
        stream.flush()
        descriptor = _descriptor(stream)
        if descriptor is None:
            stream.write(data.decode(errors="replace"))
            stream.flush()
            return
        if self._torn:
            self._feed(descriptor, b"\n")
        self._feed(descriptor, data)

    def _feed(self, descriptor: int, data: bytes) -> None:
        """Write it all; an error says how many lines were taken before."""
        start = 0
        try:
            while start < len(data):
                if not _takes(descriptor, 0 if self._stuck else _PATIENCE):
                    self._stuck = True
                    msg = f"sys.{self._name} is not read: it has taken nothing for {_PATIENCE} ms"
                    raise BlockingIOError(msg)
                self._stuck = False
                with suppress(BlockingIOError):
                    # A pipe that says it is ready has room for this much, so the write cannot block.
                    written = os.write(descriptor, data[start : start + select.PIPE_BUF])
                    start += written
                    self._torn = data[start - 1 : start] != b"\n"
        except OSError as error:
            vars(error)["lines_written"] = data.count(b"\n", 0, start)
            raise

    def close(self) -> None:
        """Do nothing: the stream is the application's."""


def _descriptor(stream: Any) -> int | None:
    """Return the descriptor that lies behind a stream; None if what is written does not simply go there.

    A notebook's stream has a descriptor, too: that of the terminal which the kernel was started from. Only the class
    that Python itself opens files with says where its text goes.
    """
    if not isinstance(stream, io.TextIOWrapper) or type(stream).write is not io.TextIOWrapper.write:
        return None
    try:
        return stream.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return None


def _takes(descriptor: int, patience: int) -> bool:
    """Wait until a descriptor takes something, for so many milliseconds."""
    if not hasattr(select, "poll"):  # eventlet takes it away
        return descriptor >= _MOST_SELECTED or bool(select.select([], [descriptor], [], patience / 1000)[1])
    ready = select.poll()
    ready.register(descriptor, select.POLLOUT)
    return bool(ready.poll(patience))
