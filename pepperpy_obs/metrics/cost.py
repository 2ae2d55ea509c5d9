"""`CostAnalyzer`: read the cost by provider, model, operation and agent, savings and waste."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_obs import _clock
from pepperpy_obs.metrics.collector import MetricsCollector, buffer_of
from pepperpy_obs.pricing import Pricer
from pepperpy_obs.reports.what_if import what_if

if TYPE_CHECKING:
    from pepperpy_obs.readings.windows import Window
    from pepperpy_obs.reports.comparison import Comparison
    from pepperpy_obs.reports.cost import CostReport
    from pepperpy_obs.reports.cross import CrossTable

__all__ = ["CostAnalyzer"]


class CostAnalyzer:
    """Reports cost, without a collector that of the default runtime."""

    def __init__(self, collector: MetricsCollector | None = None) -> None:
        buffer_of(collector)
        self._collector = MetricsCollector() if collector is None else collector

    def what_if(self, model: str, *, window: Window | None = None) -> Comparison:
        """Return what the same tokens would have cost of another model, at today's prices, by model.

        `model` may name its provider (anthropic/claude-haiku-4-5); one without a price per token is a SetupError.
        Tiers are those of each model's average request; `pepperpy-obs cost --what-if` prices each by itself.
        """
        config = self._collector.runtime.config
        pricer = Pricer(None if config.price_file is None else Path(config.price_file))
        return what_if(self._collector.stats(window).snapshot, model, pricer, _clock.time_ns())

    def cost_by(self, *fields: str, window: Window | None = None) -> CrossTable:
        """Return what each combination of these fields cost, such as `cost_by("customer", "model")`.

        Operation, agent, kind, provider and model are counted together by themselves. For a field of yours, name the
        combination: `Config(cost_attributes=("customer+model",))`; SetupError says so where it is not counted.
        """
        return self._collector.stats(window).cost_by(*fields)

    async def get_cost_report(self, window: Window | None = None) -> CostReport:
        """Return the costs, in all or of the last `window` (300 or "5m"), in exact US dollars."""
        return self.cost_report(window)

    def cost_report(self, window: Window | None = None) -> CostReport:
        """Return the same without awaiting."""
        return self._collector.stats(window).cost
