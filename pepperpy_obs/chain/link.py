"""The parts that a chain is made of: links, and ways out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pepperpy_obs.typing import EventDict, Processor, WayOut

__all__ = ["Exit", "Link", "Tally"]


class Link(NamedTuple):
    """A processor, the name its failures are counted under, and whether an event may go on if it fails."""

    stage: str
    processor: Processor
    required: bool = False


class Exit(NamedTuple):
    """One way out: how a batch is put into lines, and who takes them. Rendering is part of the guard."""

    name: str
    render: Callable[[Sequence[EventDict]], list[bytes]]
    way: WayOut


class Tally:
    """What became of the batches that one way out was given."""

    __slots__ = ("error", "failures", "lines")

    def __init__(self) -> None:
        self.lines = 0
        self.failures = 0
        self.error = ""
