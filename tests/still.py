"""A runtime that stands still: it has counted what a test has folded, and nothing goes on in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.config import Config
from pepperpy_obs.judgement.source import Facts
from pepperpy_obs.reports.live import Live
from pepperpy_obs.reports.stats import Stats

AT = 1_700_000_000_123_456_789
"""When everything happens, unless a test says otherwise: UTC epoch nanoseconds."""


@dataclass
class Still:
    """A collector and its runtime in one."""

    store: Store = field(default_factory=Store)
    config: Config = field(default_factory=lambda: Config(config_file=None))
    now: Live = field(default_factory=Live)
    own: Facts = field(default_factory=Facts)

    @property
    def runtime(self) -> Still:
        """Return itself, as a collector returns its runtime."""
        return self

    def fold(self, event: str = "operation.finished", at: int = AT, **fields: Any) -> None:
        """Count one event."""
        self.store.fold({"event": event, **fields}, at)

    def snapshot(self, window: float | None = None) -> Snapshot:
        """Return what was folded."""
        return self.store.snapshot(window)

    def stats(self, window: float | None = None) -> Stats:
        """Return the same as statistics."""
        return Stats(self.snapshot(window), self.now)

    def live(self) -> Live:
        """Return what the test says is true now."""
        return self.now

    def facts(self) -> Facts:
        """Return what the test says of the runtime itself."""
        return self.own
