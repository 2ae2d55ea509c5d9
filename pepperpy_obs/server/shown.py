"""What the pages show: a source, or all processes of the machine where it shares a directory with others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from pepperpy_obs.config import Config
from pepperpy_obs.readings import Reading
from pepperpy_obs.readings.source import EventFilter, Source, machine_of
from pepperpy_obs.readings.windows import Window

__all__ = ["Shown"]


class Shown:
    """A source that looks at each question whether its settings share a directory by now."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def _now(self) -> Source:
        return machine_of(self._source)

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self._source.config

    def reading(self, window: Window | None = None) -> Reading:
        """Return what is known of all."""
        return self._now.reading(window)

    def history(self, window: Window, step: Window) -> Sequence[Reading]:
        """Return the readings of the window's steps."""
        return self._now.history(window, step)

    def events(self, **wanted: Unpack[EventFilter]) -> Sequence[dict[str, Any]]:
        """Return the newest events."""
        return self._now.events(**wanted)

    def newest(self, **wanted: Unpack[EventFilter]) -> Sequence[dict[str, Any]]:
        """Return the newest events, from memory where the source has them there."""
        found: Sequence[dict[str, Any]] = getattr(self._source, "newest", self._now.events)(**wanted)
        return found
