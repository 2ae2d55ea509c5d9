"""The protocols that people may implement, and the names of shapes that cross rooms. No logic."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, Protocol, runtime_checkable

__all__ = ["Batch", "EventDict", "Format", "LineSink", "Output", "Processor"]

EventDict = MutableMapping[str, Any]
"""One event: a flat dict whose keys are those of `pepperpy_obs.events.FIELDS` and the user's own."""

Processor = Callable[[Any, str, EventDict], EventDict]
"""One link of the chain, as structlog defines it: (logger, method name, event) -> event.

It may change the event and return it, return another one, or raise `structlog.DropEvent`.
It is called by one thread at a time, never in the observed call.
"""


Format = Callable[[Sequence[EventDict]], list[bytes]]
"""Makes lines of events, each piece one line or several. It must not change the events: other formats get the same."""


class Batch(Protocol):
    """What leaves the chain together."""

    @property
    def count(self) -> int:
        """How many events there are, and so lines of each format."""
        ...

    @property
    def events(self) -> Sequence[EventDict]:
        """The events; there are none of calls on the fast path, which is off where an output has no format."""
        ...

    def lines(self, render: Format) -> list[bytes]:
        """Return all of it as lines of one format. The list is shared between outputs: it is not to be changed."""
        ...


class Output(Protocol):
    """Takes events away: to a file, a stream, a shipper, another logger."""

    @property
    def name(self) -> str:
        """What its failures are counted under."""
        ...

    @property
    def format(self) -> Format | None:
        """The format whose lines it takes; None if it takes events."""
        ...

    def write(self, batch: Batch) -> None:
        """Take a batch. One thread at a time; may raise.

        An attribute `lines_written` of the exception, if it has one, says how many lines were taken all the same.
        """

    def close(self) -> None:
        """Give back what is held; idempotent."""


@runtime_checkable
class LineSink(Protocol):
    """Takes lines away: a stream, a file, a shipper."""

    def write(self, lines: list[bytes]) -> None:
        """Take a batch: each element one line or several. One thread at a time; may raise OSError, see `Output`."""

    def close(self) -> None:
        """Give back what is held; idempotent."""
