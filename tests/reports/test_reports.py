from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs import agent, costed
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.reports.agents import AgentFigures, AgentsReport
from pepperpy_obs.reports.cache import CacheFigures, CacheReport
from pepperpy_obs.reports.cost import CostReport
from pepperpy_obs.reports.errors import ErrorReport
from pepperpy_obs.reports.spending import Spending
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.reports.usage import UsageReport
from pepperpy_obs.testing import captured
from tests.reports.history import ASK, NOON, nothing, told


class TestUsage:
    def test_report(self) -> None:
        """Requests and tokens, each counted once, by everything that they belong to."""
        assert told().usage == UsageReport(
            total_calls=6,
            total_tokens=1500,
            input_tokens=1040,
            output_tokens=400,
            request_volume=6,
            requests_per_minute=18.0,
            error_rate=2 / 6,
            error_rate_by_provider={"acme": 0.0, "anthropic": 0.0, "openai": 0.5},
            calls_by_provider={"acme": 1, "anthropic": 1, "openai": 4},
            calls_by_model={"(none)": 1, "claude": 1, "gpt-4o": 3, "private": 1},
            calls_by_operation={"ask": 3, "completion": 1, "draft": 1, "write": 1},
            calls_by_agent={"(none)": 1, "planner": 4, "writer": 1},
            calls_by_outcome={"abandoned": 1, "error": 2, "ok": 3},
            tokens_by_type={"input": 1040, "output": 400, "cache_read": 500, "unsplit": 60},
            tokens_by_provider={"acme": 40, "anthropic": 300, "openai": 1160},
            tokens_by_model={"(none)": 60, "claude": 300, "gpt-4o": 1100, "private": 40},
            tokens_by_operation={"ask": 1100, "completion": 60, "draft": 40, "write": 300},
            tokens_by_agent={"(none)": 60, "planner": 1140, "writer": 300},
            odd_usage_calls=0,
            odd_usage_by_model={},
            calls_without_usage=0,
            incomplete_usage_calls=0,
            active_agents=3,
            cache_hit_rate=4 / 6,
            cache_utilization=0.75,
            start="2025-11-23T12:00:00Z",
            window=None,
            seconds=20.0,
        )

    def test_every_grouping_adds_up(self) -> None:
        """By whatever they are grouped, calls and tokens add up to the total."""
        usage = told().usage
        calls = (usage.calls_by_provider, usage.calls_by_model, usage.calls_by_operation, usage.calls_by_agent)
        tokens = (usage.tokens_by_provider, usage.tokens_by_model, usage.tokens_by_operation, usage.tokens_by_agent)
        assert [sum((group or {}).values()) for group in calls] == [usage.total_calls] * 4
        assert [sum((group or {}).values()) for group in tokens] == [usage.total_tokens] * 4


class TestCost:
    def test_report(self) -> None:
        """Exact dollars by everything that they belong to, the dearest first."""
        assert told().cost == CostReport(
            total_cost=Decimal("0.04"),
            cost_by_provider={"openai": Decimal("0.03"), "anthropic": Decimal("0.01")},
            cost_by_operation={"ask": Decimal("0.03"), "write": Decimal("0.01")},
            cost_by_model={"gpt-4o": Decimal("0.03"), "claude": Decimal("0.01")},
            cost_by_agent={"planner": Decimal("0.03"), "writer": Decimal("0.01")},
            cost_by_day={"2025-11-23": Decimal("0.04")},
            cost_by_attribute={"team": {"red": Decimal("0.03"), "(none)": Decimal("0.01")}},
            cost_per_request=Decimal("0.02"),
            token_costs={"output": Decimal("0.03"), "input": Decimal("0.01")},
            priced_calls=2,
            unpriced_calls=1,
            calls_without_usage=0,
            price_coverage=2 / 3,
            unpriced_by_model={"private": 1},
            savings=Decimal("0.01"),
            savings_rate=0.2,
            savings_by_cause={"prompt_cache": Decimal("0.01")},
            cached_calls=0,
            waste=Decimal("0.01"),
            waste_rate=0.25,
            waste_by_cause={"abandoned": Decimal("0.01")},
            retries=0,
            over_budget_calls=0,
            over_budget=Decimal(0),
            groups=told().cost.groups,
            start="2025-11-23T12:00:00Z",
            window=None,
            seconds=20.0,
        )
        assert list(told().cost.cost_by_provider) == ["openai", "anthropic"]

    def test_groups(self) -> None:
        """Each group adds up to all requests; who has no price has no cost, and is told all the same."""
        groups = told().cost.groups
        assert list(groups) == ["provider", "model", "operation", "agent", "day", "team"]
        for rows in groups.values():
            assert sum(one.requests for one in rows.values()) == told().usage.total_calls
            assert sum(one.tokens for one in rows.values()) == told().usage.total_tokens
            assert sum(one.cost or 0 for one in rows.values()) == told().cost.total_cost
        cent = Decimal("0.01")
        assert groups["model"] == {
            "gpt-4o": Spending(3, 1100, 3 * cent, 3 * cent, 1, 0, 0, cent, Decimal(0)),
            "claude": Spending(1, 300, cent, cent, 1, 0, 0, Decimal(0), cent),
            "(none)": Spending(1, 60, None, None, 0, 0, 0, Decimal(0), Decimal(0)),
            "private": Spending(1, 40, None, None, 0, 1, 0, Decimal(0), Decimal(0)),
        }

    def test_csv(self) -> None:
        """One line of the total, one of each row; what has no price has no cost there; no name is a formula."""
        rows = (
            "group,name,requests,tokens,cost,cost_per_request,priced,unpriced,without_usage,savings,waste\n"
            "total,,6,1500,0.04,0.02,2,1,0,0.01,0.01\n"
            "model,gpt-4o,3,1100,0.03,0.03,1,0,0,0.01,0\n"
            "model,claude,1,300,0.01,0.01,1,0,0,0,0.01\n"
            "model,(none),1,60,,,0,0,0,0,0\n"
            "model,private,1,40,,,0,1,0,0,0\n"
            "team,red,3,1100,0.03,0.03,1,0,0,0.01,0\n"
            "team,(none),3,400,0.01,0.01,1,1,0,0,0.01\n"
        )
        quoted = "".join('"' + row.replace(",", '","') + '"\n' for row in rows.splitlines())
        assert told().cost.to_csv("model", "team") == quoted
        store = Store()
        store.fold({**ASK, "model": "=1+1", "input_tokens": 1}, NOON)
        assert '"model","\'=1+1","1","1",' in Stats(store.snapshot()).cost.to_csv()

    def test_of_nothing(self) -> None:
        """Nothing cost exactly nothing; what nothing cost on average is not known."""
        cost = nothing().cost
        assert (cost.total_cost, cost.cost_per_request, cost.savings_rate, cost.waste_rate) == (
            Decimal(0),
            None,
            None,
            None,
        )


class TestErrors:
    def test_report(self) -> None:
        """What failed, by type, by operation and type, and by agent; abandoned calls are no errors."""
        assert told().errors == ErrorReport(
            total=3,
            rate=3 / 7,
            by_type={"TimeoutError": 2, "RateLimitError": 1},
            by_operation={"ask": {"RateLimitError": 1, "TimeoutError": 1}, "search": {"TimeoutError": 1}},
            by_agent={"planner": 3},
        )


class TestCache:
    def test_report(self) -> None:
        """Recorded lookups come before the cache's own counts; utilization is of the caches that have a limit."""
        assert told().cache == CacheReport(
            hits=4,
            misses=2,
            hit_rate=4 / 6,
            utilization=0.75,
            prompt_hit_rate=500 / 1040,
            caches={
                "answers": CacheFigures(hits=1, misses=1, hit_rate=0.5, size=30, maxsize=40, utilization=0.75),
                "pages": CacheFigures(hits=3, misses=1, hit_rate=0.75, size=10, maxsize=None, utilization=None),
            },
        )


class TestAgents:
    def test_an_agent_without_a_price(self) -> None:
        """What an agent costs whose model has no known price is not known, and never 0."""
        with captured() as seen:
            with agent("coder"):
                costed(lambda: {"model": "ours-9b", "usage": {"prompt_tokens": 1, "completion_tokens": 1}})()

            assert seen.stats.agents.agents["coder"].cost is None
            assert " -  " in str(seen.stats.agents)

    def test_report(self) -> None:
        """Whoever finished something or is at work now, with all that was done on his behalf."""
        assert told().agents == AgentsReport(
            active=3,
            running=2,
            agents={
                "newcomer": AgentFigures(0, None, None, 0, 0, Decimal(0), 1),
                "planner": AgentFigures(5, 0.6, 3.1, 4, 1140, Decimal("0.03"), 2),
                "writer": AgentFigures(1, 0.0, 0.5, 1, 300, Decimal("0.01"), 0),
            },
        )


class TestForms:
    def test_to_dict_has_the_names_of_the_reports(self) -> None:
        """The plain form has the six reports under their own names."""
        assert list(told().to_dict()) == ["performance", "errors", "usage", "cost", "cache", "agents"]

    def test_money_is_text(self) -> None:
        """A price keeps its digits in JSON."""
        plain = json.loads(told().to_json())
        assert plain["cost"]["total_cost"] == "0.04"
        assert plain["agents"]["agents"]["planner"]["cost"] == "0.03"

    @pytest.mark.parametrize("name", ["performance", "usage", "cost", "cache", "agents", "errors"])
    def test_json(self, name: str) -> None:
        """Every report is JSON as it is, of something and of nothing."""
        for stats in (told(), nothing(), told(window=60)):
            report = getattr(stats, name)
            assert json.loads(report.to_json()) == report.to_dict()

    @pytest.mark.parametrize("name", ["performance", "usage", "cost", "cache", "agents", "errors"])
    def test_frozen(self, name: str) -> None:
        """No reader changes what another one reads."""
        report: Any = getattr(told(), name)
        field = next(iter(report.to_dict()))
        with pytest.raises(FrozenInstanceError):
            setattr(report, field, 1)

    def test_not_measured_is_none(self) -> None:
        """Of no events everything that is a measurement is None, everything that is a count or a sum is 0."""
        plain = nothing().to_dict()
        measured = {
            "performance": {
                "operation",
                "error_rate",
                "throughput",
                "avg_response_time",
                "min_response_time",
                "max_response_time",
                "p50_response_time",
                "p95_response_time",
                "p99_response_time",
                "quantile_error",
                "request_latency",
                "p95_request_latency",
                "time_to_first_token",
                "p95_time_to_first_token",
                "cache_hit_rate",
                "start",
                "window",
            },
            "usage": {"requests_per_minute", "error_rate", "cache_hit_rate", "cache_utilization", "start", "window"},
            "cost": {"cost_per_request", "price_coverage", "savings_rate", "waste_rate", "start", "window"},
            "cache": {"hit_rate", "utilization", "prompt_hit_rate"},
            "agents": set[str](),
            "errors": {"rate"},
        }
        assert {name: {key for key, value in plain[name].items() if value is None} for name in plain} == measured
        counts = {
            value for report in plain.values() for value in report.values() if isinstance(value, int | float | str)
        }
        assert counts == {0, "0"}
