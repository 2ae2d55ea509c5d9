"""The store of a runtime: opened and exchanged with the settings, fed with closed intervals, asked for long windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from pepperpy_obs import _clock
from pepperpy_obs.errors import SourceError
from pepperpy_obs.readings import Reading

if TYPE_CHECKING:
    from pepperpy_obs._record import Record
    from pepperpy_obs.aggregate.store import Store
    from pepperpy_obs.config import Config
    from pepperpy_obs.readings import LiveState, SelfStats, StoreStats
    from pepperpy_obs.readings.windows import Window
    from pepperpy_obs.runtime.intervals import Intervals
    from pepperpy_obs.runtime.jobs import Jobs
    from pepperpy_obs.storage.writer import StoreWriter

__all__ = ["Storing"]

_EVERY: Final = 1.0
"""Seconds between two looks whether something is due."""
_DECIDE: Final = (
    "metrics_interval", "service", "environment", "store_url", "store_password", "store_keep_minutes",
    "store_keep_hours", "store_keep_days", "store_max_waiting",
)  # fmt: skip
"""Settings of which another value takes another writer."""


class Storing:
    """The writer of one runtime, if its settings name a store."""

    def __init__(self, intervals: Intervals, jobs: Jobs) -> None:
        self._intervals = intervals
        self._jobs = jobs
        self._writer: StoreWriter | None = None
        self._settings: tuple[object, ...] = ()
        self._endings: list[Callable[[], None]] = []

    def opened(self, config: Config) -> StoreWriter | None:
        """Return the writer that these settings ask for: the one at work, or a new one; SetupError as it says."""
        if config.store_url is None or not config.metrics_enabled:
            return None
        if self._writer is not None and self._settings == _decisive(config):
            return self._writer
        from pepperpy_obs.storage.opening import open_writer  # noqa: PLC0415 - loaded where there is a store

        return open_writer(config)

    def put_in_force(self, writer: StoreWriter | None, config: Config, store: Store) -> None:
        """Feed this writer from now on; the one before writes what it has, in its own time."""
        self._settings = _decisive(config)
        if writer is not None:
            writer.resume()
        if writer is self._writer:
            return
        if self._writer is not None:
            self._intervals.finish(config.shutdown_timeout)
            self._writer.announce_end()
            for end in self._endings:
                end()
        self._writer, self._endings = writer, []
        if writer is not None:
            self._endings = [
                self._intervals.subscribe(store, writer.take),
                self._jobs.add("store", min(_EVERY, config.metrics_interval), writer.run),
            ]

    @property
    def is_open(self) -> bool:
        """Whether there is a store."""
        return self._writer is not None

    def stats(self) -> StoreStats | None:
        """Return the writer's books."""
        return None if self._writer is None else self._writer.stats()

    def announce_end(self) -> None:
        """Have the writer's next run be its last."""
        if self._writer is not None:
            self._writer.announce_end()

    def say_lost(self) -> None:
        """Say what the store has not got."""
        if self._writer is not None:
            self._writer.say_lost()

    def before_fork(self) -> None:
        """Let no transaction be under way in a fork."""
        if self._writer is not None:
            self._writer.before_fork()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        if self._writer is not None:
            self._writer.after_fork_in_parent()

    def renew(self) -> None:
        """Begin anew in a forked child."""
        if self._writer is not None:
            self._writer.renew()

    def reading(
        self,
        seconds: float,
        own: Callable[[], SelfStats],
        live: Callable[[Sequence[Record]], LiveState],
    ) -> Reading:
        """Return the reading of a long window: what the store has, and all that has not come there yet."""
        moments: list[tuple[int, Sequence[Record], SelfStats]] = []

        def look(running: Sequence[Record]) -> int:
            moments.append((_clock.time_ns(), running, own()))
            return moments[-1][0]

        counted = self._asked().snapshot(seconds, lambda then: self._intervals.cut(look, then))
        at, running, books = moments[-1]
        return Reading(at, counted, live(running), books)

    def history(self, window: Window, step: Window) -> list[Reading]:
        """Return the readings of the steps of a long window, likewise."""
        return self._asked().history(window, step, lambda then: self._intervals.cut(lambda _: _clock.time_ns(), then))

    def _asked(self) -> StoreWriter:
        if self._writer is None or self._intervals.is_draining:
            msg = "the store cannot be asked from within a processor: it would wait for itself"
            raise SourceError(msg)
        return self._writer


def _decisive(config: Config) -> tuple[object, ...]:
    return tuple(getattr(config, name) for name in _DECIDE)
