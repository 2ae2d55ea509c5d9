"""Drops events below a level; stands after the aggregate, so they are counted."""

from __future__ import annotations

from typing import Any

from structlog import DropEvent

from pepperpy_obs.events import LEVELS, Level
from pepperpy_obs.typing import EventDict

__all__ = ["Threshold"]


class Threshold:
    """Raises `structlog.DropEvent` for events below `level`; an unknown level passes."""

    def __init__(self, level: Level) -> None:
        self._below = frozenset(LEVELS[: LEVELS.index(level)])

    def __call__(self, logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
        """Pass or drop."""
        if event_dict.get("level") in self._below:
            raise DropEvent
        return event_dict
