"""The usage report: requests to providers, tokens, agents, caches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pepperpy_obs.aggregate.series_data import TOKEN_TYPES, SeriesData
from pepperpy_obs.readings import LiveState
from pepperpy_obs.reports import table
from pepperpy_obs.reports.cache import CacheReport
from pepperpy_obs.reports.report import Report
from pepperpy_obs.reports.totals import NO_LABEL, Totals, tokens_of

__all__ = ["UsageReport", "usage_report"]


@dataclass(frozen=True, slots=True)
class UsageReport(Report):
    """Requests to language models and their tokens. Each is counted once, where the provider answered."""

    total_calls: int
    """Requests to providers, whatever became of them; the document's name for `request_volume`."""
    total_tokens: int
    """Input and output together; cached and reasoning tokens are parts of these."""
    input_tokens: int
    output_tokens: int
    request_volume: int
    """The same: how many requests there were in the stretch."""
    requests_per_minute: float | None
    error_rate: float | None
    """Requests that failed, of all; None of none."""
    error_rate_by_provider: Mapping[str, float]
    calls_by_provider: Mapping[str, int]
    calls_by_model: Mapping[str, int]
    calls_by_operation: Mapping[str, int]
    calls_by_agent: Mapping[str, int] | None
    calls_by_outcome: Mapping[str, int]
    tokens_by_type: Mapping[str, int]
    """All types as they were reported: `cache_read` is a part of `input`, `reasoning` a part of `output`."""
    tokens_by_provider: Mapping[str, int]
    tokens_by_model: Mapping[str, int]
    tokens_by_operation: Mapping[str, int]
    tokens_by_agent: Mapping[str, int] | None
    odd_usage_calls: int | None
    """Answers whose usage was missing, contradicted itself, or had to be corrected: the events say how, in
    `usage_flags`."""
    odd_usage_by_model: Mapping[str, int] | None
    calls_without_usage: int
    """Requests that told no usage at all, failed and cancelled ones too: their tokens and costs are in no sum."""
    incomplete_usage_calls: int | None
    """Streams that ended before their usage came: their tokens and costs are lower bounds."""
    active_agents: int
    """Agents that finished something in the stretch or are at work now."""
    cache_hit_rate: float | None
    cache_utilization: float | None
    start: str | None
    """When the stretch begins (UTC, ISO 8601): with its first event, or with the window."""
    window: float | None
    seconds: float

    def __str__(self) -> str:
        """Show the figures, then requests and tokens by provider, model, agent and operation."""
        facts = {
            "requests": table.count(self.total_calls),
            "requests per minute": table.count(self.requests_per_minute),
            "error rate": table.share(self.error_rate),
            "tokens": table.count(self.total_tokens),
            **{f"  {name.replace('_', ' ')}": table.count(number) for name, number in self.tokens_by_type.items()},
            **self._doubts(),
            "active agents": table.count(self.active_agents),
            "cache hit rate": table.share(self.cache_hit_rate),
            "cache utilization": table.share(self.cache_utilization),
        }
        parts = [f"Usage ({table.span(self.window, self.seconds, self.start)})\n{table.pairs(facts)}"]
        for title, calls, tokens in (
            ("provider", self.calls_by_provider, self.tokens_by_provider),
            ("model", self.calls_by_model, self.tokens_by_model),
            ("agent", self.calls_by_agent, self.tokens_by_agent),
            ("operation", self.calls_by_operation, self.tokens_by_operation),
        ):
            if calls is None or tokens is None:
                continue
            names = dict.fromkeys((*calls, *tokens))
            if names:
                rows = [(name, table.count(calls.get(name, 0)), table.count(tokens.get(name, 0))) for name in names]
                parts.append(table.columns([title, "requests", "tokens"], rows))
        return "\n\n".join(parts)

    def _doubts(self) -> dict[str, str]:
        counts = {
            "odd usage": self.odd_usage_calls,
            "incomplete usage": self.incomplete_usage_calls,
            "without usage": self.calls_without_usage,
        }
        return {name: table.count(number) for name, number in counts.items() if number}


def usage_report(totals: Totals, live: LiveState, cache: CacheReport) -> UsageReport:
    """Make the report."""
    requests = totals.everything.requests
    rate = totals.per_second(requests.count)
    return UsageReport(
        total_calls=requests.count,
        total_tokens=tokens_of(totals.everything),
        input_tokens=requests.tokens.get("input", 0),
        output_tokens=requests.tokens.get("output", 0),
        request_volume=requests.count,
        requests_per_minute=None if rate is None else 60 * rate,
        error_rate=_error_rate(totals.everything),
        error_rate_by_provider={
            name: rate for name, data in totals.providers.items() if (rate := _error_rate(data)) is not None
        },
        calls_by_provider=_calls(totals.providers),
        calls_by_model=_calls(totals.models),
        calls_by_operation=_calls(totals.operations),
        calls_by_agent=_calls(totals.agents),
        calls_by_outcome=dict(sorted(requests.outcomes.items())),
        tokens_by_type={name: requests.tokens[name] for name in TOKEN_TYPES if name in requests.tokens},
        tokens_by_provider=_tokens(totals.providers),
        tokens_by_model=_tokens(totals.models),
        tokens_by_operation=_tokens(totals.operations),
        tokens_by_agent=_tokens(totals.agents),
        odd_usage_calls=requests.incidents.get("odd", 0),
        odd_usage_by_model={
            name: odd for name, data in totals.models.items() if (odd := data.requests.incidents.get("odd", 0))
        },
        calls_without_usage=requests.incidents.get("no_usage", 0),
        incomplete_usage_calls=requests.incidents.get("incomplete", 0),
        active_agents=len((totals.agents.keys() | live.agents.keys()) - {NO_LABEL}),
        cache_hit_rate=cache.hit_rate,
        cache_utilization=cache.utilization,
        start=totals.start,
        window=totals.snapshot.window,
        seconds=totals.snapshot.seconds,
    )


def _calls(groups: Mapping[str, SeriesData]) -> dict[str, int]:
    return {name: data.requests.count for name, data in groups.items() if data.requests.outcomes}


def _error_rate(data: SeriesData) -> float | None:
    requests = data.requests
    return requests.outcomes.get("error", 0) / requests.count if requests.outcomes else None


def _tokens(groups: Mapping[str, SeriesData]) -> dict[str, int]:
    return {name: tokens_of(data) for name, data in groups.items() if data.requests.tokens}
