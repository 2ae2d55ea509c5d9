"""What leaves the chain together."""

from __future__ import annotations

from collections.abc import Callable

from pepperpy_obs.typing import EventDict

__all__ = ["Batch"]


class Batch:
    """Stretches of text, and of events that are to be put into lines, in the order in which they leave."""

    def __init__(self) -> None:
        self.count = 0
        """How many lines there are to be."""
        self.parts: list[bytes | list[EventDict]] = []
        """Text that is written already is added here by who must not call anything meanwhile."""

    def add_events(self, events: list[EventDict]) -> None:
        """Add events."""
        self.count += len(events)
        last = self.parts[-1] if self.parts else b""
        if isinstance(last, list):
            last += events
        elif events:
            self.parts.append(events)

    def lines(self, render: Callable[..., list[bytes]]) -> list[bytes]:
        """Return all of it as lines."""
        lines: list[bytes] = []
        for part in self.parts:
            lines += [part] if isinstance(part, bytes) else render(part)
        return lines
