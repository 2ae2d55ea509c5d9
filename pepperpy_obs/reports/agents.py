"""The agents report: calls, errors, tokens and cost by agent, and the agents at work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from pepperpy_obs.aggregate.series_data import NO_CALLS, SeriesData
from pepperpy_obs.readings import LiveState
from pepperpy_obs.reports import table
from pepperpy_obs.reports.errors import error_rate
from pepperpy_obs.reports.report import Report
from pepperpy_obs.reports.totals import NO_LABEL, Totals, tokens_of

__all__ = ["AgentFigures", "AgentsReport", "agents_report"]


@dataclass(frozen=True, slots=True)
class AgentFigures(Report):
    """One agent, with all calls made on its behalf."""

    calls: int
    error_rate: float | None
    avg_response_time: float | None
    requests: int | None
    """Requests to language models."""
    tokens: int | None
    cost: Decimal | None
    """The sum of its priced requests; None if it made some, and no price is known of any."""
    running: int | None
    """Calls that are its work and run now; None of a source that cannot know, as a log."""


@dataclass(frozen=True, slots=True)
class AgentsReport(Report):
    """All agents that finished something in the stretch or are at work now."""

    active: int
    """How many these are."""
    running: int | None
    """How many of them are at work now; None of a source that cannot know."""
    agents: Mapping[str, AgentFigures]

    def __str__(self) -> str:
        """Show one line for each agent."""
        working = "" if self.running is None else f", {self.running} at work now"
        head = f"Agents: {self.active} active{working}"
        rows = [
            (
                name,
                table.count(one.calls),
                table.share(one.error_rate),
                table.seconds(one.avg_response_time),
                table.count(one.requests),
                table.count(one.tokens),
                table.money(one.cost),
                table.count(one.running),
            )
            for name, one in self.agents.items()
        ]
        headers = ["agent", "calls", "error rate", "average", "requests", "tokens", "cost", "running"]
        return f"{head}\n{table.columns(headers, rows)}" if rows else head


def agents_report(totals: Totals, live: LiveState) -> AgentsReport:
    """Make the report."""
    all_data = totals.agents
    names = sorted((all_data.keys() | live.agents.keys()) - {NO_LABEL, ""})
    running = {name: live.agents.get(name, 0) if live.known else None for name in names}
    agents = {name: _figures(all_data.get(name, NO_CALLS), running[name]) for name in names}
    working = sum(bool(count) for count in running.values()) if live.known else None
    return AgentsReport(len(agents), working, agents)


def _figures(data: SeriesData, running: int | None) -> AgentFigures:
    return AgentFigures(
        calls=data.calls,
        error_rate=error_rate(data),
        avg_response_time=data.duration.mean,
        requests=data.requests.count,
        tokens=tokens_of(data),
        cost=data.requests.cost if data.requests.priced or not data.requests.unpriced else None,
        running=running,
    )
