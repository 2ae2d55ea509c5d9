"""Logs that are being read, as something to read from, like a runtime: for health, for the pages, for reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Unpack

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError
from pepperpy_obs.outputs.recent import RecentLines
from pepperpy_obs.readings import Reading
from pepperpy_obs.readings.source import EventFilter
from pepperpy_obs.readings.windows import Window, seconds_of, steps_of
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.lines import STDIN
from pepperpy_obs.replay.logs import LogFiles
from pepperpy_obs.replay.recent import newest_events
from pepperpy_obs.sanitize.redact import label_redaction

__all__ = ["LogSource"]


class LogSource:
    """What `fold` has read of logs so far, for readers in any thread.

    `now` gives the end of every window in epoch ns; without it that is the newest event. Events are looked for in
    the `files`.
    """

    def __init__(self, config: Config, now: Callable[[], int] | None = None, files: Sequence[str] = ()) -> None:
        self.config = config
        self.recent = RecentLines(config.recent_events_bytes)
        """The newest lines that were folded."""
        self.fold: Fold = _KeepingFold(
            Store(config.max_series, config.cost_attributes, label_redaction(config)), self.recent
        )
        self._now = now
        self._files = [name for name in files if name != STDIN]

    def reading(self, window: Window | None = None) -> Reading:
        """Return what was counted, in all or in the latest window (up to a day).

        A log tells of calls that have ended, and only its writer knows what it lost: the rest of the reading is not
        known.
        """
        seconds = None if window is None else seconds_of(window)
        now = self._now() if self._now else None
        with self.fold.lock:
            snapshot = self.fold.store.snapshot(seconds, now)
        return Reading(snapshot.end or 0 if now is None else now, snapshot)

    def history(self, window: Window, step: Window) -> list[Reading]:
        """Return the readings of the window's steps, as far as windows keep such steps."""
        with self.fold.lock:
            store = self.fold.store
            now = self._now() if self._now else store.snapshot().end or 0
            steps = steps_of(window, step, now, store.first)
            lazy_steps = store.lazy_steps(steps, now)
        return [Reading(min(each.stop, now), cut) for each, cut in zip(steps, lazy_steps, strict=True)]

    def events(self, **wanted: Unpack[EventFilter]) -> Sequence[dict[str, Any]]:
        """Return the newest events of the files that have all that is given, the newest first."""
        there = [name for name in self._files if Path(name).exists()]
        if not there:
            msg = "standard input keeps no events: give log files to have them to look at"
            raise SetupError(msg)
        return LogFiles(there, self.config).events(**wanted)

    def newest(self, **wanted: Unpack[EventFilter]) -> Sequence[dict[str, Any]]:
        """Return those among the lines that were read last, without reading a file."""
        return newest_events(self.recent.newest(), **wanted)


class _KeepingFold(Fold):
    """A fold that keeps the newest lines, too."""

    def __init__(self, store: Store, recent: RecentLines) -> None:
        super().__init__(store)
        self._recent = recent

    def _fold_lines(self, lines: list[bytes], numbers: Sequence[int], name: str) -> None:
        if lines:
            self._recent.write([b"\n".join(lines)])
        super()._fold_lines(lines, numbers, name)
