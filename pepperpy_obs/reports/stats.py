"""All reports of one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from pepperpy_obs.aggregate.lazy_snapshot import LazySnapshot
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.readings import LiveState, Reading
from pepperpy_obs.reports.agents import AgentsReport, agents_report
from pepperpy_obs.reports.cache import CacheReport, cache_report
from pepperpy_obs.reports.cost import CostReport, cost_report
from pepperpy_obs.reports.cross import CrossTable, cross_table
from pepperpy_obs.reports.errors import ErrorReport, error_report
from pepperpy_obs.reports.lacking import lacking, lacking_agents, lacking_cost, lacking_performance
from pepperpy_obs.reports.performance import PerformanceReport, performance_report
from pepperpy_obs.reports.report import Report, to_json
from pepperpy_obs.reports.totals import Totals
from pepperpy_obs.reports.usage import UsageReport, usage_report

__all__ = ["Stats"]


@dataclass(frozen=True)
class Stats:
    """Performance, usage, cost, cache and agents over the same events: those up to the moment when it was asked for.

    The snapshot is added up, and each report made of it, when it is first asked for; so `stats()` itself is quick,
    and one report costs the time of one.
    """

    source: Snapshot | LazySnapshot
    live: LiveState = field(default_factory=LiveState)
    unknown: frozenset[str] = frozenset()
    """Figures that the source cannot know, such as `cost.savings`; they are None in the reports."""

    @classmethod
    def of(cls, reading: Reading) -> Self:
        """Return the reports of one reading."""
        return cls(reading.counted, reading.live, reading.unknown)

    @cached_property
    def snapshot(self) -> Snapshot:
        """What all reports are made of."""
        return self.source.snapshot() if isinstance(self.source, LazySnapshot) else self.source

    @cached_property
    def _totals(self) -> Totals:
        return Totals(self.snapshot)

    @cached_property
    def performance(self) -> PerformanceReport:
        """How fast and how reliable."""
        return lacking_performance(performance_report(self._totals, self.cache.hit_rate), self.unknown)

    @cached_property
    def errors(self) -> ErrorReport:
        """What failed."""
        return lacking("errors", error_report(self._totals), self.unknown)

    @cached_property
    def usage(self) -> UsageReport:
        """Requests, tokens, agents and caches."""
        return lacking("usage", usage_report(self._totals, self.live, self.cache), self.unknown)

    @cached_property
    def cost(self) -> CostReport:
        """What it cost."""
        return lacking_cost(cost_report(self._totals), self.unknown)

    def cost_by(self, *fields: str) -> CrossTable:
        """Return what each combination of these fields cost: `cost_by("customer", "model")`.

        Operation, agent, kind, provider and model are counted together by themselves. For a field of yours, name the
        combination: `Config(cost_attributes=("customer+model",))`; SetupError says so where it is not counted.
        """
        return cross_table(self.snapshot, fields)

    @cached_property
    def cache(self) -> CacheReport:
        """How well caches do."""
        return cache_report(self._totals, self.live)

    @cached_property
    def agents(self) -> AgentsReport:
        """Calls, errors, tokens and cost by agent."""
        return lacking_agents(agents_report(self._totals, self.live), self.unknown)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the names of the reports."""
        return {name: report.to_dict() for name, report in self._reports().items()}

    def to_json(self) -> str:
        """Return the same as JSON."""
        return to_json(self._reports())

    def top_json(self, most: int) -> str:
        """Return the same as JSON, with `most` rows of each table at most, and how many there are under `rows`."""
        performance, cost = self.performance, self.cost
        rows = {"operations": len(performance.operations), **{name: len(one) for name, one in cost.groups.items()}}
        reports = self._reports()
        reports |= {"performance": performance.busiest(most), "cost": cost.dearest(most)}
        return to_json({**reports, "rows": rows})

    def _reports(self) -> dict[str, Report]:
        names = ("performance", "errors", "usage", "cost", "cache", "agents")
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        """Show all reports as tables."""
        parts = (self.performance, self.errors, self.usage, self.cost, self.cache, self.agents)
        return "\n\n\n".join(map(str, parts))
