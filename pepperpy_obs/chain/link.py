"""The parts that a chain is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from pepperpy_obs.typing import EventDict, Processor

__all__ = ["EACH_EVENT", "PER_OPERATION", "Link", "OutputCounter", "Scope", "each_event", "per_operation"]

Scope = Callable[[str], bool] | Literal["operation", "event"]
"""What a link's effect on an event depends on, given that the event differs from another in its times and ids only.

"operation": nothing, so it is the same for both. A function of the trace id: whether the event passes.
"event": the link has to see each of them.
"""

PER_OPERATION: Final = "operation"
EACH_EVENT: Final = "event"


def each_event(_: EventDict) -> Scope:
    """Claim nothing: the link sees each event."""
    return EACH_EVENT


def per_operation(_: EventDict) -> Scope:
    """Claim that the link does the same to all events of an operation and agent."""
    return PER_OPERATION


class Link(NamedTuple):
    """A processor, the name its failures are counted under, and whether an event may go on if it fails.

    `scope` is asked about one event of an operation and agent, as it comes to the link, and answers for all that
    differ from it in their times and ids only. The fast path asks, and runs the processor only on that one event.
    """

    stage: str
    processor: Processor
    required: bool = False
    scope: Callable[[EventDict], Scope] = each_event


class OutputCounter:
    """What became of the batches that one output was given."""

    __slots__ = ("error", "failures", "lines")

    def __init__(self) -> None:
        self.lines = 0
        self.failures = 0
        self.error = ""
