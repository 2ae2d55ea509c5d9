from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs import Config, CostAnalyzer, MetricsCollector, SetupError
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.reports.stats import Stats

CALLS = [("acme", "small", "0.1"), ("acme", "large", "0.5"), ("acme", "small", "0.1"), ("zenith", "small", "0.3")]


def request(customer: str, model: str, cost: str) -> dict[str, Any]:
    """Return the event of a request."""
    return {
        "event": "operation.finished",
        "operation": "ask",
        "outcome": "ok",
        "duration_seconds": 0.5,
        "model": model,
        "customer": customer,
        "input_tokens": 10,
        "cost_usd": Decimal(cost),
        "cost_source": "custom",
    }


def counted(*attributes: str, most: int = 100) -> Stats:
    """Return the statistics of the calls, counted by these."""
    store = Store(most, attributes)
    for call in CALLS:
        store.fold(request(*call), at=0)
    return Stats(Snapshot.from_json(store.snapshot().to_json()))


def all_data(stats: Stats, *fields: str) -> dict[tuple[str, ...], str]:
    """Return the costs of a cross table."""
    return {tuple(row.names.values()): str(row.spending.cost) for row in stats.cost_by(*fields).rows}


PAIRS = {("acme", "large"): "0.5", ("zenith", "small"): "0.3", ("acme", "small"): "0.2"}


def test_pairs_of_a_field_and_a_model() -> None:
    """What each customer spent on each model, in whichever order it is asked for; it goes through a snapshot's JSON."""
    stats = counted("customer+model")
    assert all_data(stats, "customer", "model") == PAIRS
    assert all_data(stats, "model", "customer") == {(model, name): cost for (name, model), cost in PAIRS.items()}
    assert all_data(stats, "customer") == {("acme",): "0.7", ("zenith",): "0.3"}
    assert "customer+model" not in stats.cost.groups


def test_fields_of_ours_cross_by_themselves() -> None:
    """Operation, agent, kind, provider and model; days only where they are asked for."""
    assert all_data(counted(), "operation", "model") == {("ask", "large"): "0.5", ("ask", "small"): "0.5"}
    assert all_data(counted("day+customer"), "customer", "day") == {
        ("acme", "1970-01-01"): "0.7",
        ("zenith", "1970-01-01"): "0.3",
    }


def test_past_the_limit_a_pair_is_other() -> None:
    """In a live service each family is limited; what overflows is one row, and none is lost."""
    assert all_data(counted("customer+model", most=1), "customer", "model") == {
        ("_other", "_other"): "0.8",
        ("acme", "small"): "0.2",
    }


def test_what_is_not_counted_together_is_said() -> None:
    """The error names the setting; so it does for the same field twice, and for none."""
    with pytest.raises(
        SetupError, match=r"not counted by customer\+model; set Config\(cost_attributes=\('customer\+mo"
    ):
        counted("customer").cost_by("customer", "model")
    with pytest.raises(SetupError, match="a cost table by model, model; give the names of different fields"):
        counted().cost_by("model", "model")
    with pytest.raises(SetupError, match="a cost table by nothing"):
        counted().cost_by()


def test_a_collector_has_it_too() -> None:
    """`CostAnalyzer` gives the table, of a window too, and it prints and exports."""
    collector = MetricsCollector(
        Config(config_file=None, log_format="none", cost_attributes="customer, customer+model")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    )
    with collector.record_call("openai", model="gpt-4o") as call:
        call.add(customer="acme").record_usage({"model": "gpt-4o", "prompt_tokens": 1000, "completion_tokens": 0})
    found = CostAnalyzer(collector).cost_by("customer", "model", window=300)
    collector.shutdown()
    assert str(found) == (
        "customer  model   requests  tokens       cost  per request\n"
        "acme      gpt-4o         1   1,000  $0.002500    $0.002500"
    )
    assert found.to_csv().splitlines()[1][:31] == '"acme","gpt-4o","1","1000","0.0'
