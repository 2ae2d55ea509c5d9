"""Reports of a source that cannot know all: None stands where a figure is not known, and never 0."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final, TypeVar

from msgspec import structs

from pepperpy_obs.reports.agents import AgentsReport
from pepperpy_obs.reports.cost import CostReport
from pepperpy_obs.reports.errors import ErrorReport
from pepperpy_obs.reports.performance import PerformanceReport
from pepperpy_obs.reports.usage import UsageReport

__all__ = ["lacking", "lacking_agents", "lacking_cost", "lacking_performance"]

_Kind = TypeVar("_Kind", PerformanceReport, ErrorReport, UsageReport, CostReport)
_OF_ROWS: Final = ("savings", "waste")


def lacking(name: str, report: _Kind, unknown: Collection[str]) -> _Kind:
    """Return the report without the figures that are not known; `name` is what it is called among these."""
    fields = [figure.removeprefix(f"{name}.") for figure in unknown if figure.startswith(f"{name}.")]
    nothing: dict[str, Any] = dict.fromkeys(fields)
    return replace(report, **nothing)


def lacking_performance(report: PerformanceReport, unknown: Collection[str]) -> PerformanceReport:
    """Return the same of a report with rows: what is not known of all is not known of one operation either."""
    if not unknown:
        return report
    rows = {name: lacking("performance", row, unknown) for name, row in report.operations.items()}
    return replace(lacking("performance", report, unknown), operations=rows)


def lacking_cost(report: CostReport, unknown: Collection[str]) -> CostReport:
    """Return the same of costs; groups that are not known are empty."""
    if not unknown:
        return report
    fields = dict.fromkeys(name for name in _OF_ROWS if f"cost.{name}" in unknown)
    groups = {
        group: {}
        if f"cost.cost_by_{group}" in unknown
        else {name: structs.replace(row, **fields) for name, row in rows.items()}
        for group, rows in report.groups.items()
    }
    return replace(lacking("cost", report, unknown), groups=groups)


def lacking_agents(report: AgentsReport, unknown: Collection[str]) -> AgentsReport:
    """Return the same of agents."""
    fields: dict[str, Any] = {one.removeprefix("agents."): None for one in unknown if one.startswith("agents.")}
    rows = {name: replace(row, **fields) for name, row in report.agents.items()}
    return replace(report, agents=rows) if fields else report
