"""`PerformanceMonitor`: measure a block by hand, and read how fast and how reliable things are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from pepperpy_obs.decorators.blocks import Block, spec_for
from pepperpy_obs.decorators.options import BlockOptions
from pepperpy_obs.metrics.collector import MetricsCollector, buffer_of

if TYPE_CHECKING:
    from pepperpy_obs.readings.windows import Window
    from pepperpy_obs.reports.performance import PerformanceReport

__all__ = ["PerformanceMonitor"]


class PerformanceMonitor:
    """Measures and reports response times, without a collector those of the default runtime."""

    def __init__(self, collector: MetricsCollector | None = None) -> None:
        self._collector = MetricsCollector() if collector is None else collector
        self._buffer = buffer_of(collector)

    def measure(self, operation: str, **options: Unpack[BlockOptions]) -> Block:
        """Record a block, `async with` or `with`, as one call of `operation`."""
        return Block(spec_for(operation, options), buffer=self._buffer)

    async def get_stats(self, operation: str | None = None, window: Window | None = None) -> PerformanceReport:
        """Return the figures of one operation or of all, in all or of the last `window` (300 or "5m")."""
        return self.stats(operation, window)

    def stats(self, operation: str | None = None, window: Window | None = None) -> PerformanceReport:
        """Return the same without awaiting."""
        report = self._collector.stats(window).performance
        return report if operation is None else report.of(operation)
