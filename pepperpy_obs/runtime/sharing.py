"""The directory that this process shares with others: its state is shown there, and theirs are read from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pepperpy_obs._exclusive import BusyError
from pepperpy_obs._guard import failed
from pepperpy_obs.fleet.directory import Directory
from pepperpy_obs.fleet.publisher import Moment, Publisher
from pepperpy_obs.fleet.source import SharedSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_obs.config import Config
    from pepperpy_obs.fleet.publisher import Look
    from pepperpy_obs.readings.source import Source
    from pepperpy_obs.runtime.jobs import Jobs

__all__ = ["Moment", "Sharing"]

_EVERY: Final = 1.0
"""Seconds between two states."""


class Sharing:
    """The publisher of one runtime, if its settings name a directory."""

    def __init__(self, jobs: Jobs, look: Look, is_draining: Callable[[], bool]) -> None:
        self._jobs = jobs
        self._is_draining = is_draining
        self._look = look
        self._publisher: Publisher | None = None
        self._end: Callable[[], None] | None = None

    def opened(self, config: Config) -> Publisher | None:
        """Return the publisher that these settings ask for: the one at work, or a new one; SetupError as it says."""
        if config.share_directory is None or not config.metrics_enabled:
            return None
        path = Path(config.share_directory).absolute()
        if self._publisher is not None and self._publisher.directory.path == path:
            return self._publisher
        directory = Directory(path)
        directory.prepare()
        return Publisher(directory, self._look)

    def put_in_force(self, publisher: Publisher | None) -> None:
        """Show the state through this one from now on."""
        if publisher is not None:
            publisher.resume()
        if publisher is self._publisher:
            return
        if self._end is not None:
            self._end()
        self._publisher, self._end = publisher, None
        if publisher is not None:
            self._end = self._jobs.add("share", _EVERY, publisher.run)

    def source(self, alone: Source) -> Source:
        """Return all processes as a source, or this one `alone` where no directory is shared."""
        if self._publisher is None:
            return alone
        return SharedSource(self._publisher.directory, alone.config, self._publisher, alone.events)

    def publish(self, timeout: float = 5.0) -> None:
        """Show the state of this moment; a signal handler in the middle of a batch leaves that to the job."""
        if self._publisher is not None and not self._is_draining():
            try:
                self._publisher.publish(timeout)
            except BusyError as error:
                failed("share", error)

    def announce_end(self) -> None:
        """Have the next run show the last state, however soon after the one before."""
        if self._publisher is not None:
            self._publisher.announce_end()

    def renew(self) -> None:
        """Begin anew in a forked child."""
        if self._publisher is not None:
            self._publisher.renew()
