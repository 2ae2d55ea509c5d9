"""What can be read at any time: a runtime, logs, and whatever else gives readings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypedDict, Unpack, runtime_checkable

from pepperpy_obs import _dispatch
from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError
from pepperpy_obs.readings.reading import Reading
from pepperpy_obs.readings.windows import Window

__all__ = ["Archive", "Collects", "EventFilter", "Source", "machine_of", "source_of"]


class EventFilter(TypedDict, total=False):
    """Which events are asked for: those that have all that is given."""

    trace_id: str | None
    operation: str | None
    agent: str | None
    outcome: str | None
    limit: int
    """How many at most, the newest (100 unless given)."""


@runtime_checkable
class Source(Protocol):
    """What gives readings to every reader, in any thread: this process, logs, a running service, shipped events.

    The same questions get the same numbers from every source that can know them. What a source cannot know is None.
    """

    @property
    def config(self) -> Config:
        """The settings in force."""
        ...

    def reading(self, window: Window | None = None) -> Reading:
        """Return all that is known at this moment; counts of the latest window (300 or "5m"), or since the start."""
        ...

    def history(self, window: Window, step: Window) -> Sequence[Reading]:
        """Return the readings of the window's steps, the oldest first and the step under way last.

        Steps are equal, and begin at multiples of `step` from the epoch; there are none before the first event. Only
        counts belong to a step. SetupError names the steps that can be had, if this one cannot.
        """
        ...

    def events(self, **wanted: Unpack[EventFilter]) -> Sequence[dict[str, Any]]:
        """Return the newest events that have all that is given, the newest first.

        SetupError says so where the source keeps no events.
        """
        ...


@runtime_checkable
class Archive(Protocol):
    """A source of sums that can be asked for a stretch of the past, as exactly as it has kept it."""

    def between(self, since: int | None, until: int | None) -> tuple[range, Reading]:
        """Return what was counted from `since` until before `until` (epoch nanoseconds; None: without end).

        The stretch grows to the edges of the intervals that were kept; it is returned with the reading.
        """
        ...


class Collects(Protocol):
    """What has a runtime: a `MetricsCollector`."""

    @property
    def runtime(self) -> Source:
        """The runtime behind it."""
        ...


def machine_of(source: Source) -> Source:
    """Return all processes that share a directory with a source by now; the source itself where it shares none."""
    found: Source = getattr(source, "machine", source)
    return found


def source_of(collector: Collects | Source | None) -> Source:
    """Return the collector's runtime, or the default one; SetupError for what is neither a collector nor a source."""
    if collector is None:
        source: Source = _dispatch.runtime()
        return source
    if isinstance(collector, Source):
        return collector
    if not hasattr(collector, "runtime"):
        msg = f"collector={collector!r}; give a MetricsCollector, or nothing to share the default one"
        raise SetupError(msg)
    return collector.runtime
