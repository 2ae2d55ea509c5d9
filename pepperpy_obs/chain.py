"""The order of the links, and the reasons for it.

    context -> count once -> price -> budget -> aggregate -> level -> sample -> bound -> redact -> ways out

A cost is counted with its call or never, so pricing stands before the aggregate. What is
filtered or sampled away was counted, so these stand after it, and before the dear ones. What
`bound` has made plain, `redact` can search. Past them an event may leave the process: where one
of them fails, the event does not leave.

The chain is private: the application's own structlog configuration neither starves it nor is
touched by it. Its links are ordinary structlog processors, called by hand (a fifth of the cost
of a bound logger's call), and each is guarded: one that raises is skipped and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from structlog import DropEvent

from pepperpy_obs._guard import failed
from pepperpy_obs.typing import EventDict, Processor, WayOut

__all__ = ["Chain", "Exit", "Link", "Tally"]


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


class Chain:
    """Runs events through the links, in batches. One thread at a time; never raises."""

    def __init__(self, counted: Sequence[Link], leaving: Sequence[Link], exits: Sequence[Exit]) -> None:
        self.exits = tuple(exits)
        self.tallies = {exit_.name: Tally() for exit_ in exits}
        self.dropped: Counter[str] = Counter()
        """Log lines that were lost, by the link or way out that failed; all of them were counted by the aggregate."""
        self._counted = tuple(map(_bound, counted))
        self._leaving = tuple(map(_bound, leaving))

    def run(self, events: list[EventDict]) -> None:
        """Send a batch through; each link sees the events in their order."""
        events = self._pass(self._counted, events)
        if self.exits and events:
            leaving = self._pass(self._leaving, events)
            if leaving:
                for name, render, way in self.exits:
                    self._leave(name, render, way, leaving)

    def _pass(self, links: tuple[Link, ...], events: list[EventDict]) -> list[EventDict]:
        passed: list[EventDict] = []
        for given in events:
            event, level = given, given.get("level", "info")
            for stage, processor, required in links:
                try:
                    event = processor(None, level, event)
                except DropEvent:
                    break  # somebody wanted it so: nothing is lost
                except Exception as error:
                    failed(stage, error)
                    if required:
                        self.dropped[stage] += 1
                        break
            else:
                passed.append(event)
        return passed

    def _leave(self, name: str, render: Callable[..., list[bytes]], way: WayOut, events: list[EventDict]) -> None:
        tally = self.tallies[name]
        try:
            way.write(render(events))
        except Exception as error:
            failed(name, error)
            self.dropped[name] += len(events)
            tally.failures += 1
            tally.error = f"{type(error).__name__}: {error}"
        else:
            tally.lines += len(events)
            tally.error = ""


def _bound(link: Link) -> Link:
    """Return the link with a bound method in place of a callable object, which takes twice as long to call."""
    processor: Any = link.processor
    return link if isinstance(processor, FunctionType | MethodType) else link._replace(processor=processor.__call__)
