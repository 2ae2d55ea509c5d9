"""Logs as something to read from, like a runtime: for health, for the pages, for reports."""

from __future__ import annotations

from collections.abc import Callable

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.config import Config
from pepperpy_obs.readings import Reading
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.sanitize.redact import label_redaction

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

    def reading(self, window: float | None = None) -> Reading:
        """Return what was counted, in all or in the last `window` seconds.

        A log tells of calls that have ended, and only its writer knows what it lost: the rest of the reading is empty.
        """
        now = self._now() if self._now else None
        with self.fold.lock:
            snapshot = self.fold.store.snapshot(window, now)
        return Reading(snapshot.end or 0 if now is None else now, snapshot)
