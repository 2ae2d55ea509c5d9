"""Lines onto standard output or standard error, wherever the process has them point at the time."""

from __future__ import annotations

import io
import os
import select
import sys
from contextlib import suppress
from typing import Final, Literal

__all__ = ["Stream"]

_PATIENCE: Final = 250
"""Milliseconds."""


class Stream:
    """A way out onto `sys.stdout` or `sys.stderr`, which is looked up at each write and never closed.

    Lines go past Python's buffers, a batch in one piece, so that they do not mix with those of other
    processes and none waits in the buffer of a forked child. A stream without a file behind it,
    as in a notebook or a test, is written to as text.
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
        """Return whether it is a terminal that shows colours, and nobody has asked for none (https://no-color.org)."""
        return self.is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def write(self, lines: list[bytes]) -> None:
        """Write the lines; raises OSError if nobody takes them: the pipe is full or broken, the stream was closed.

        A pipe that nobody reads is waited for once, for a quarter of a second, and then not again
        until it takes something: nothing of ours may stand still because a log reader does.
        """
        stream = getattr(sys, self._name)
        if stream is None or stream.closed:
            msg = f"sys.{self._name} is closed"
            raise OSError(msg)
        data = b"".join(lines)
        stream.flush()
        try:
            descriptor = stream.fileno()
        except (AttributeError, io.UnsupportedOperation):
            stream.write(data.decode(errors="replace"))
            stream.flush()
            return
        self._feed(descriptor, b"\n" + data if self._torn else data)

    def _feed(self, descriptor: int, data: bytes) -> None:
        ready = select.poll()
        ready.register(descriptor, select.POLLOUT)
        while data:
            if not ready.poll(0 if self._stuck else _PATIENCE):
                self._stuck = True
                msg = f"nobody reads sys.{self._name}: it has taken nothing for {_PATIENCE} ms"
                raise BlockingIOError(msg)
            self._stuck = False
            with suppress(BlockingIOError):
                # A pipe that says it is ready has room for this much, so the write cannot block.
                written = os.write(descriptor, data[: select.PIPE_BUF])
                self._torn = data[written - 1 : written] != b"\n"
                data = data[written:]

    def close(self) -> None:
        """Do nothing: the stream is the application's."""
