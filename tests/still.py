"""A runtime that stands still: it has counted what a test has folded, and nothing goes on in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Unpack

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.config import Config
from pepperpy_obs.readings import LiveState, Reading, SelfStats
from pepperpy_obs.readings.source import EventFilter
from pepperpy_obs.readings.windows import Window, seconds_of, steps_of

AT = 1_700_000_000_123_456_789
"""When everything happens, unless a test says otherwise: UTC epoch nanoseconds."""


@dataclass
class Still:
    """A collector and its runtime in one."""

    store: Store = field(default_factory=Store)
    config: Config = field(default_factory=lambda: Config(config_file=None))
    now: LiveState = field(default_factory=LiveState)
    own: SelfStats = field(default_factory=SelfStats)

    @property
    def runtime(self) -> Still:
        """Return itself, as a collector returns its runtime."""
        return self

    def fold(self, event: str = "operation.finished", at: int = AT, **fields: Any) -> None:
        """Count one event."""
        self.store.fold({"event": event, **fields}, at)

    def reading(self, window: Window | None = None) -> Reading:
        """Return what was folded, and what the test says of the rest."""
        snapshot = self.store.snapshot(None if window is None else seconds_of(window))
        return Reading(AT, snapshot, self.now, self.own)

    def history(self, window: Window, step: Window) -> list[Reading]:
        """Return the steps of what was folded."""
        steps = steps_of(window, step, AT, self.store.first)
        return [
            Reading(min(one.stop, AT), cut) for one, cut in zip(steps, self.store.lazy_steps(steps, AT), strict=True)
        ]

    def events(self, **_: Unpack[EventFilter]) -> list[dict[str, Any]]:
        """Return none: it keeps none."""
        return []
