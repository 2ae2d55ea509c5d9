"""What leaves the chain together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pepperpy_obs.typing import EventDict

__all__ = ["Batch", "Render"]

Render = Callable[[Sequence[EventDict]], list[bytes]]
"""A format: makes lines of events. It must not change them, as other formats are made of the same ones."""


class Batch:
    """Stretches of text, and of events that are still to be put into lines, in the order in which they leave.

    Lines of one format are made once, however many outputs take them.
    """

    def __init__(self) -> None:
        self.count = 0
        """How many lines there are to be, in each format."""
        self.parts: list[Mapping[Render, bytes] | list[EventDict]] = []
        """Text that is written already, by format, is added here by code that must not call anything meanwhile."""
        self._made: dict[Render, list[bytes]] = {}

    def add_events(self, events: list[EventDict]) -> None:
        """Add events."""
        self.count += len(events)
        last = self.parts[-1] if self.parts else None
        if isinstance(last, list):
            last += events
        elif events:
            self.parts.append(events)

    def lines(self, render: Render) -> list[bytes]:
        """Return all of it as lines of one format. The list is shared between outputs: it is not to be changed."""
        lines = self._made.get(render)
        if lines is None:
            lines = []
            for part in self.parts:
                lines += render(part) if isinstance(part, list) else [part[render]]
            self._made[render] = lines
        return lines
