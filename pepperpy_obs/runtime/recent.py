"""The newest events of a runtime, kept in memory from when pages are to show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from pepperpy_obs.errors import SetupError
from pepperpy_obs.outputs.recent import RecentLines

if TYPE_CHECKING:
    from pepperpy_obs.chain import Chain
    from pepperpy_obs.config import Config
    from pepperpy_obs.readings.source import EventFilter
    from pepperpy_obs.runtime.drain import Drain

__all__ = ["Recent"]


class Recent:
    """Feeds `RecentLines` from whichever chain is in force, once it was asked for."""

    def __init__(self, drain: Drain) -> None:
        self._drain = drain
        self._lines: RecentLines | None = None
        self._is_wanted = False

    @property
    def is_kept(self) -> bool:
        """Whether events are kept."""
        return self._lines is not None

    def keep(self, config: Config) -> None:
        """Keep events from now on, redacted and sampled as log lines are; what leaves is unchanged."""
        if not self._is_wanted:
            self._is_wanted = True
            self._drain.exclusively(lambda: self.follow(self._drain.chain, config))

    def follow(self, chain: Chain, config: Config) -> None:
        """Go on with a chain that is about to be put in force, as these settings say."""
        if not self._is_wanted:
            return
        most = config.recent_events_bytes
        if self._lines is None and most:
            self._lines = RecentLines(most)
        elif self._lines is not None and most:
            self._lines.most = most
        else:
            self._lines = None
        chain.keep(self._lines)

    def events(self, config: Config, wanted: EventFilter) -> Sequence[dict[str, Any]]:
        """Return the newest events that have all that is given: those of the log, or those in memory without one."""
        if config.log_file is not None and config.log_format not in {"console", "none"}:
            from pepperpy_obs.replay.logs import LogFiles, written_by  # noqa: PLC0415 - loaded when first asked for

            self._drain.run()
            return LogFiles(written_by(config), config).events(**wanted)
        return self.newest(**wanted)

    def newest(self, **wanted: Unpack[EventFilter]) -> Sequence[dict[str, Any]]:
        """Return those of the events in memory, without reading a file; SetupError where none are kept."""
        if self._lines is None:
            msg = (
                "this process keeps no events: set log_file, with log_format json or ecs, to have them to look at,"
                " or serve its pages with recent_events_bytes above 0"
            )
            raise SetupError(msg)
        from pepperpy_obs.replay.recent import newest_events  # noqa: PLC0415 - loaded when first asked for

        self._drain.run()
        return newest_events(self._lines.newest(), **wanted)

    def renew(self) -> None:
        """Forget the parent's events in a forked child, whose pages are not served: it keeps none until they are."""
        if self._is_wanted:
            self._is_wanted, self._lines = False, None
            self._drain.chain.keep(None)
