"""What leaves the chain together."""

from __future__ import annotations

from collections.abc import Mapping

from pepperpy_obs.typing import EventDict, Format

__all__ = ["Batch"]


class Batch:
    """Stretches of text, and of events that are still to be put into lines, in the order in which they leave.

    Lines of one format are made once, however many outputs take them.
    """

    def __init__(self) -> None:
        self.count = 0
        """How many lines there are to be, in each format."""
        self.parts: list[Mapping[Format, bytes] | list[EventDict]] = []
        """Text that is written already, by format, is added here by code that must not call anything meanwhile."""
        self._made: dict[Format, list[bytes]] = {}

    def add_events(self, events: list[EventDict]) -> None:
        """Add events."""
        self.count += len(events)
        last = self.parts[-1] if self.parts else None
        if isinstance(last, list):
            last += events
        elif events:
            self.parts.append(events)

    @property
    def events(self) -> list[EventDict]:
        """The events, as far as there are any: of calls on the fast path there is text only."""
        return [event for part in self.parts if isinstance(part, list) for event in part]

    def lines(self, render: Format) -> list[bytes]:
        """Return all of it as lines of one format. The list is shared between outputs: it is not to be changed."""
        lines = self._made.get(render)
        if lines is None:
            lines = []
            for part in self.parts:
                lines += render(part) if isinstance(part, list) else [part[render]]
            self._made[render] = lines
        return lines
