"""Observability for agents: one decorated call makes one event, and everything else is a fold of events.

The front door. It loads the decorators; whatever reads, prints or sends is loaded when first asked for.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs import _dispatch
from pepperpy_obs._call import Call, current_call
from pepperpy_obs.decorators import (
    agent,
    attributes,
    cache_lookup,
    costed,
    measure,
    measured,
    record_usage,
    tracked_usage,
    watch_cache,
)
from pepperpy_obs.errors import ConfigError, ObsError, SetupError, SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from pepperpy_obs.aggregate.metric import Metric
    from pepperpy_obs.config import Config
    from pepperpy_obs.config.notifier import Notifier
    from pepperpy_obs.config.rule import Rule
    from pepperpy_obs.integrations.clients import instrument, uninstrument
    from pepperpy_obs.metrics import (
        CostAnalyzer,
        MetricsCollector,
        PerformanceMonitor,
        PrometheusExporter,
        UsageTracker,
    )
    from pepperpy_obs.metrics.health import HealthChecker, HealthReport
    from pepperpy_obs.readings.source import Source
    from pepperpy_obs.readings.windows import Window
    from pepperpy_obs.reports.stats import Stats
    from pepperpy_obs.runtime import configure
    from pepperpy_obs.server import serve
    from pepperpy_obs.sources import anomalies, source, trends

__version__ = "0.1.0"

__all__ = [
    "Call",
    "Config",
    "ConfigError",
    "CostAnalyzer",
    "HealthChecker",
    "Metric",
    "MetricsCollector",
    "Notifier",
    "ObsError",
    "PerformanceMonitor",
    "PrometheusExporter",
    "Rule",
    "SetupError",
    "SourceError",
    "UsageTracker",
    "agent",
    "anomalies",
    "attributes",
    "cache_lookup",
    "configure",
    "costed",
    "current_call",
    "flush",
    "health",
    "instrument",
    "measure",
    "measured",
    "record_usage",
    "serve",
    "shutdown",
    "source",
    "stats",
    "tracked_usage",
    "trends",
    "uninstrument",
    "watch_cache",
]

_LATER: Final = {
    "anomalies": "sources",
    "trends": "sources",
    "Config": "config",
    "CostAnalyzer": "metrics",
    "HealthChecker": "metrics",
    "Metric": "metrics",
    "MetricsCollector": "metrics",
    "Notifier": "config.notifier",
    "PerformanceMonitor": "metrics",
    "PrometheusExporter": "metrics",
    "Rule": "config.rule",
    "UsageTracker": "metrics",
    "configure": "runtime",
    "instrument": "integrations.clients",
    "uninstrument": "integrations.clients",
    "serve": "server",
    "source": "sources",
}


def __getattr__(name: str) -> Any:
    """Load a part of the house when it is first asked for (PEP 562)."""
    room = _LATER.get(name)
    if room is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    found = globals()[name] = getattr(importlib.import_module(f"{__name__}.{room}"), name)
    return found


def __dir__() -> list[str]:
    return __all__


def _make_runtime(buffer: _dispatch.RecordBuffer) -> Any:
    return importlib.import_module(f"{__name__}.runtime").default_runtime(buffer)


_dispatch.install(_make_runtime)


def _join_parent() -> None:
    """In a process that multiprocessing has spawned: log as the parent does, if the environment says how."""
    if getattr(sys.modules["multiprocessing.process"].current_process(), "_config", {}).get("pepperpy_obs") is not None:
        importlib.import_module(f"{__name__}.runtime").join_parent()


def _await_parent() -> None:
    """Have the first call join the parent: a process that is being spawned does not know it while it loads modules."""
    process: Any = sys.modules.get("multiprocessing.process")
    if process is not None and (
        getattr(process.current_process(), "_inheriting", False) or process.parent_process() is not None
    ):
        _dispatch.RECORDS.on_first_call(_join_parent)


_await_parent()


def stats(window: Window | None = None, *, source: Source | str | Path | None = None) -> Stats:
    """Return what was counted, in all or in the latest window (300 or "5m"); shows every call that has returned.

    `source` is what is read, if not this process: a source, or what `source()` takes, such as "app.log".
    """
    if source is None:
        found: Stats = _dispatch.runtime().stats(window)
        return found
    from pepperpy_obs.reports.stats import Stats  # noqa: PLC0415 - loaded when first asked for
    from pepperpy_obs.sources import as_source  # noqa: PLC0415

    return Stats.of(as_source(source).reading(window))


def health(*, source: Source | str | Path | None = None) -> HealthReport:
    """Return whether all is well with this process or another source; `HealthChecker` also takes checks of your own."""
    from pepperpy_obs.metrics.health import HealthChecker  # noqa: PLC0415 - loaded when first asked for

    if source is None:
        return HealthChecker().check()
    from pepperpy_obs.sources import as_source  # noqa: PLC0415

    return HealthChecker(as_source(source)).check()


def flush() -> None:
    """Return when every call that has returned is counted and handed to its outputs."""
    _dispatch.runtime().flush()


def shutdown() -> None:
    """Flush, close the outputs and stop the background thread, within `Config.shutdown_timeout`; idempotent.

    Done at exit by itself.
    """
    _dispatch.runtime().shutdown()
