"""Logs as something to read from, like a runtime: for health, for the pages, for reports."""

from __future__ import annotations

from collections.abc import Callable

from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.config import Config
from pepperpy_obs.judgement.source import Facts
from pepperpy_obs.processors.redact import label_redaction
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.reports.live import Live
from pepperpy_obs.reports.stats import Stats

__all__ = ["LogSource"]


class LogSource:
    """What `fold` has read of logs so far, for readers in any thread.

    `now` gives the end of every window in epoch ns; without it that is the newest event.
    """

    def __init__(self, config: Config, now: Callable[[], int] | None = None) -> None:
        self.config = config
        self.fold = Fold(Store(config.max_series, config.cost_attributes, label_redaction(config)))
        self._now = now

    @property
    def runtime(self) -> LogSource:
        """Itself: it takes the place of a collector."""
        return self

    def snapshot(self, window: float | None = None) -> Snapshot:
        """Return what was counted, in all or in the last `window` seconds."""
        with self.fold.lock:
            return self.fold.store.snapshot(window, self._now() if self._now else None)

    def stats(self, window: float | None = None) -> Stats:
        """Return the same as statistics."""
        return Stats(self.snapshot(window), self.live())

    def live(self) -> Live:
        """Return nothing: a log tells of calls that have ended."""
        return Live()

    def facts(self) -> Facts:
        """Return nothing: the log's writer knows what it lost."""
        return Facts()
