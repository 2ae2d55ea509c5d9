"""The protocols that people may implement, and the names of shapes that cross rooms. No logic."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Protocol, runtime_checkable

__all__ = ["EventDict", "Processor", "WayOut"]

EventDict = MutableMapping[str, Any]
"""One event: a flat dict whose keys are those of `pepperpy_obs.events.FIELDS` and the user's own."""

Processor = Callable[[Any, str, EventDict], EventDict]
"""One link of the chain, as structlog defines it: (logger, method name, event) -> event.

It may change the event and return it, return another one, or raise `structlog.DropEvent`.
It is called by one thread at a time, never in the observed call.
"""


@runtime_checkable
class WayOut(Protocol):
    """Takes rendered events away: a stream, a file, a shipper."""

    def write(self, lines: list[bytes]) -> None:
        """Take a batch: each element one line or several. One thread at a time; may raise OSError.

        Its attribute `lines_written`, if it has one, says how many lines were taken all the same.
        """

    def close(self) -> None:
        """Give back what is held; idempotent."""
