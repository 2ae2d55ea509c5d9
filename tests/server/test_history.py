"""``/history`` and figures of some of the calls: they equal what the reports say of the same."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError
from pepperpy_obs.http.pages import Request
from pepperpy_obs.readings.narrowing import narrowed
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.server.history import history_page
from tests.still import AT, Still

pytestmark = pytest.mark.quick
SECOND = 1_000_000_000


@pytest.fixture
def still() -> Still:
    """Return a source with requests of two models and customers in two steps, one of them without a price."""
    store = Store(2000, ("customer", "customer+model"))
    found = Still(store, Config(config_file=None, cost_attributes=("customer",)))
    rows: list[tuple[int, str, str, str, dict[str, Any]]] = [
        (12, "small", "acme", "ok", {"cost_usd": "0.10", "cost_source": "custom"}),
        (11, "small", "bolt", "ok", {"cost_usd": "0.20", "cost_source": "custom"}),
        (1, "small", "acme", "error", {}),
        (0, "large", "acme", "ok", {"cost_source": "unpriced"}),
    ]
    for ago, model, customer, outcome, fields in rows:
        tokens: dict[str, Any] = {"input_tokens": 100, "output_tokens": 10} if outcome == "ok" else {}
        found.fold(
            at=AT - ago * SECOND,
            operation="ask",
            kind="llm",
            agent="desk",
            provider="openai",
            model=model,
            customer=customer,
            outcome=outcome,
            duration_seconds=0.25,
            **tokens,
            **fields,
        )
    found.fold(operation="look", kind="tool", agent="clerk", outcome="ok", duration_seconds=4.0)
    return found


def ask(still: Still, **query: str) -> dict[str, Any]:
    """Return what the page answers."""
    answer = history_page(still, Request("", query))
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_each_step_has_its_figures(still: Still) -> None:
    """A list for each figure, a place for each step; costs are exact texts, and null where none is known."""
    page = ask(still, window="20s", step="10s", by="customer")
    assert page == {
        "window": 20.0,
        "step": 10.0,
        "at": AT / 1e9,
        "starts": [1_699_999_980.0, 1_699_999_990.0, 1_700_000_000.0][-2:],
        "calls": [1, 2],
        "errors": [1, 0],
        "p50": [0.25, 0.25],
        "p95": [0.25, 4.0],
        "p99": [0.25, 4.0],
        "requests": [1, 1],
        "tokens": {"input": [0, 100], "output": [0, 10]},
        "cost": ["0", None],
        "unpriced": [0, 1],
        "without_usage": [0, 0],
        "cache_hits": [0, 0],
        "cache_lookups": [0, 0],
        "heat": {
            "bounds": page["heat"]["bounds"],
            "factor": page["heat"]["factor"],
            "counts": page["heat"]["counts"],
        },
        "cost_by": {"name": "customer", "rows": {}},
    }
    heat = page["heat"]
    assert [sum(row) for row in heat["counts"]] == page["calls"]
    assert (heat["bounds"][0], heat["bounds"][-1], len(heat["bounds"]) <= 24) == (0.25, 4.0, True)


def test_steps_add_up_to_the_window(still: Still) -> None:
    """Calls, tokens and costs of the steps are those of the report of the window."""
    page = ask(still, window="5m", by="model")
    stats = Stats.of(still.reading("5m"))
    assert sum(page["calls"]) == stats.performance.calls == 5
    assert {name: sum(steps) for name, steps in page["tokens"].items()} == dict(stats.usage.tokens_by_type)
    assert sum(Decimal(cost or 0) for cost in page["cost"]) == stats.cost.total_cost == Decimal("0.30")
    assert sum(map(Decimal, page["cost_by"]["rows"]["small"])) == stats.cost.cost_by_model["small"]
    assert sum(page["unpriced"]) == stats.cost.unpriced_calls == 1


@pytest.mark.parametrize(
    "wanted,calls,cost",
    [
        ({"agent": "desk"}, 4, "0.30"),
        ({"agent": "clerk"}, 1, "0"),
        ({"model": "large"}, 1, "0"),
        ({"model": "small", "operation": "ask"}, 3, "0.30"),
        ({"agent": "nobody"}, 0, "0"),
        ({"customer": "acme"}, 0, "0.10"),
        ({"customer": "bolt", "model": "small"}, 0, "0.20"),
    ],
)
def test_figures_of_some_of_the_calls(still: Still, wanted: dict[str, str], calls: int, cost: str) -> None:
    """Labels choose among the calls; of a field of the user's there are requests and costs alone."""
    stats = Stats.of(narrowed(still.reading(), wanted))
    assert (stats.performance.calls, stats.cost.total_cost) == (calls, Decimal(cost))


def test_a_customer_is_told_by_model_where_both_are_counted(still: Still) -> None:
    """A combination that is counted gives the customer's costs by its other labels."""
    stats = Stats.of(narrowed(still.reading(), {"customer": "acme"}))
    assert stats.usage.calls_by_model == {"large": 1, "small": 2}


def test_what_is_not_counted_is_refused(still: Still) -> None:
    """A field that is not counted, or not together with another, is refused, and the error says what to set."""
    with pytest.raises(SetupError, match=r'not counted by tenant .*cost_attributes=\("tenant",\)'):
        narrowed(still.reading(), {"tenant": "acme"})
    with pytest.raises(SetupError, match=r'not counted by agent\+customer .*\("agent\+customer",\)'):
        narrowed(still.reading(), {"customer": "acme", "agent": "desk"})


def test_a_step_that_is_not_kept_is_refused(still: Still) -> None:
    """A step that windows do not keep is the client's fault."""
    with pytest.raises(SetupError, match="step"):
        ask(still, window="1h", step="7s")


def test_the_step_is_the_finest_that_is_kept_if_none_is_given(still: Still) -> None:
    """A day is told by five minutes from a source that keeps them, and by hours from one that does not."""
    assert [ask(still, window=window)["step"] for window in ("5m", "1h", "24h")] == [10.0, 150.0, 300.0]

    def of_hours(window: Any, step: Any) -> list[Any]:
        if step < 3600:
            msg = "hours are kept"
            raise SetupError(msg)
        return []

    still.history = of_hours  # type: ignore[method-assign]
    assert ask(still, window="24h")["step"] == 3600.0


def test_steps_begin_with_the_first_event_after_a_read_too() -> None:
    """A read in the first ten seconds takes nothing away from the steps."""
    still = Still()
    still.fold(operation="ask", outcome="ok", duration_seconds=1.0)
    still.reading()
    assert ask(still, window="5m")["calls"] == [1]
