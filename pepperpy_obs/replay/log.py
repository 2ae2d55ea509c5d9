"""Events that can be read again and again, as something that gives readings: logs, and what was shipped."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Unpack

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.aggregate.window import LONGEST
from pepperpy_obs.config import Config
from pepperpy_obs.readings import Reading
from pepperpy_obs.readings.source import EventFilter
from pepperpy_obs.readings.windows import Window, seconds_of, steps_of
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.newest import NewestFold, StepFold
from pepperpy_obs.sanitize.redact import label_redaction

__all__ = ["EventLog"]

_EDGE: Final = 3600.0
"""Seconds by which a window may be longer than asked: it begins where one of its slots does."""


class EventLog(ABC):
    """A source that folds its events anew for each question. May be asked from any thread.

    It tells of calls that have ended. What is true now, and what its writer lost, it cannot know.
    """

    def __init__(self, config: Config) -> None:
        self.config = config

    @abstractmethod
    def feed(self, fold: Fold, since: int | None = None, until: int | None = None) -> None:
        """Fold the lines from `since` until before `until` (epoch ns); more of them do no harm.

        Where there are events before `since`, at least one of them is among these.
        """

    def now(self) -> int | None:
        """Return when windows end, epoch ns; None: with the newest event."""
        return None

    def counted(self, since: int | None = None, until: int | None = None) -> Fold:
        """Return the lines of a stretch, folded."""
        fold = Fold(self._store())
        self.feed(fold, since, until)
        return fold

    def reading(self, window: Window | None = None) -> Reading:
        """Return what was counted, in all or in the latest window, however long it is."""
        seconds, now = None if window is None else seconds_of(window), self.now()
        if seconds is not None and seconds > LONGEST:
            return self._of_days(seconds, now)
        since = None if now is None or seconds is None else now - round((seconds + _EDGE) * 1e9)
        fold = self.counted(since, now)
        with fold.lock:
            snapshot = fold.store.snapshot(seconds, now)
        return Reading(snapshot.end or 0 if now is None else now, snapshot)

    def history(self, window: Window, step: Window) -> list[Reading]:
        """Return the readings of the window's steps, the oldest first and the one under way last; of any step."""
        for given, name in ((window, "window"), (step, "step")):
            seconds_of(given, name)
        now = self._end()
        return [] if now is None else self._readings(steps_of(window, step, now, 0), now)

    def events(self, **wanted: Unpack[EventFilter]) -> Sequence[dict[str, Any]]:
        """Return the newest events that have all that is given, the newest first."""
        fold = NewestFold(**wanted)
        self.feed(fold)
        return fold.found()

    def _of_days(self, seconds: float, now: int | None) -> Reading:
        """Return the reading of a window that no store holds: exactly of that length."""
        now = self._end() if now is None else now
        if now is None:
            return Reading(0, self._store().snapshot())
        begin = now - round(seconds * 1e9)
        found = self._readings([range(begin, now + 1)], now)
        return found[0] if found else Reading(now, self._store().snapshot())

    def _end(self) -> int | None:
        now = self.now()
        if now is not None:
            return now
        fold = self.counted()
        with fold.lock:
            return fold.store.snapshot().end

    def _readings(self, steps: Sequence[range], now: int) -> list[Reading]:
        fold = StepFold(self._store, steps)
        self.feed(fold, steps[0].start, steps[-1].stop)
        found: list[Reading] = []
        for step in steps:
            if fold.first is not None and fold.first < step.stop:
                end = min(step.stop, now)
                counted = fold.stores[step.start].snapshot() if step.start in fold.stores else self._store().snapshot()
                seconds = round(len(step) / 1e9, 6)
                found.append(Reading(end, replace(counted, start=step.start, end=end, window=seconds)))
        return found

    def _store(self) -> Store:
        return Store(self.config.max_series, self.config.cost_attributes, label_redaction(self.config))
