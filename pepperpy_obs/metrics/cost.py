"""`CostAnalyzer`: read what it cost, who spent it, and what was saved and wasted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_obs.metrics.collector import MetricsCollector, hub_of

if TYPE_CHECKING:
    from pepperpy_obs.reports.cost import CostReport

__all__ = ["CostAnalyzer"]


class CostAnalyzer:
    """Reports cost, without a collector that of the default runtime."""

    def __init__(self, collector: MetricsCollector | None = None) -> None:
        hub_of(collector)
        self._collector = MetricsCollector() if collector is None else collector

    async def get_cost_report(self, window: float | None = None) -> CostReport:
        """Return the costs, in all or of the last `window` seconds, in exact US dollars."""
        return self.cost_report(window)

    def cost_report(self, window: float | None = None) -> CostReport:
        """Return the same without awaiting."""
        return self._collector.stats(window).cost
