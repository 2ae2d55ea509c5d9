"""Where a judgement, a scrape or a page comes from: what can be read of a runtime at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pepperpy_obs import _dispatch
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError
from pepperpy_obs.judgement.ledger import Ledger
from pepperpy_obs.reports.live import Live
from pepperpy_obs.reports.stats import Stats

__all__ = ["Collects", "Facts", "Sink", "Source", "source_of"]


@dataclass(frozen=True, slots=True)
class Sink:
    """One way out: how many lines it took, how many batches it failed to take, and what ails it now."""

    lines: int = 0
    failures: int = 0
    error: str = ""
    """Why the latest batch was not taken; "" after one that was."""


@dataclass(frozen=True, slots=True)
class Facts:
    """How a runtime does its own work."""

    dropped: Mapping[str, int] = field(default_factory=dict[str, int])
    """Log lines that did not leave, by the link or way out that kept them; they were counted all the same."""
    errors: Mapping[str, int] = field(default_factory=dict[str, int])
    """Our own failures by stage."""
    sinks: Mapping[str, Sink] = field(default_factory=dict[str, Sink])
    """Every way out by its name."""
    ledgers: Mapping[str, Ledger] = field(default_factory=dict[str, Ledger])
    """The books of every receiver that events are sent to, by its name."""


class Source(Protocol):
    """What every runtime offers its readers, in any thread."""

    @property
    def config(self) -> Config:
        """The settings in force."""
        ...

    def snapshot(self, window: float | None = None) -> Snapshot:
        """Return what was counted in the latest `window` seconds, or since the start."""
        ...

    def stats(self, window: float | None = None) -> Stats:
        """Return the same as statistics."""
        ...

    def live(self) -> Live:
        """Return what is true now and no fold of events."""
        ...

    def facts(self) -> Facts:
        """Return how the runtime does its own work."""
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
