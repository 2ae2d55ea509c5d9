"""What can be read at any time: a runtime, logs, and whatever else gives readings."""

from __future__ import annotations

from typing import Protocol

from pepperpy_obs import _dispatch
from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError
from pepperpy_obs.readings.reading import Reading

__all__ = ["Collects", "Source", "source_of"]


class Source(Protocol):
    """What gives readings to every reader, in any thread."""

    @property
    def config(self) -> Config:
        """The settings in force."""
        ...

    def reading(self, window: float | None = None) -> Reading:
        """Return all that is known at this moment; counts of the latest `window` seconds, or since the start."""
        ...


class Collects(Protocol):
    """What has a runtime: a `MetricsCollector`."""

    @property
    def runtime(self) -> Source:
        """The runtime behind it."""
        ...


def source_of(collector: Collects | None) -> Source:
    """Return the collector's runtime, or the default one; SetupError for what is no collector."""
    if collector is None:
        source: Source = _dispatch.runtime()
        return source
    if not hasattr(collector, "runtime"):
        msg = f"collector={collector!r}; give a MetricsCollector, or nothing to share the default one"
        raise SetupError(msg)
    return collector.runtime
