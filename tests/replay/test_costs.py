from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.aggregate.series_data import add_up
from pepperpy_obs.pricing import Pricer
from pepperpy_obs.processors.pricing import Pricing
from pepperpy_obs.replay.costs import Repricing
from tests.aggregate.strategies import NOON

_models = st.sampled_from(["gpt-4o", "gpt-4o-mini", "claude-haiku-4-5", "gemini-2.5-pro", "private"])
_requests = st.fixed_dictionaries(
    {"model": _models, "input_tokens": st.integers(0, 10**6), "output_tokens": st.integers(0, 10**5)},
    optional={
        "cache_hit": st.booleans(),
        "usage_duplicate": st.just(True),
        "reported_cost_usd": st.decimals(0, 9, places=6),
        "service_tier": st.sampled_from(["flex", "batch"]),
    },
)


def priced(events: list[dict[str, Any]], pricer: Pricer) -> list[dict[str, Any]]:
    """Return the events as a process with these prices would have logged them."""
    return [dict(Pricing(pricer)(None, "info", {**event, "_at": NOON})) for event in events]


@given(st.lists(_requests, max_size=20))
def test_law_the_same_prices_change_nothing(events: list[dict[str, Any]]) -> None:
    """Repriced under the table that was in force, a log costs what it cost."""
    pricer = Pricer()
    repricing = Repricing(pricer, "again")
    logged = priced(events, pricer)
    for event in logged:
        repricing.see(event, NOON)
    total = repricing.comparison().total
    assert (total.difference or 0, total.newly_priced, total.no_longer_priced) == (0, 0, 0)
    assert (total.recorded or 0) == add_up(event["cost_usd"] for event in logged if "cost_usd" in event)


@given(st.lists(_requests, max_size=20), st.sampled_from([None, "gpt-5-mini"]))
def test_law_of_differences(tmp_path_factory: pytest.TempPathFactory, events: list[dict[str, Any]], model: str) -> None:
    """Recorded + difference + newly priced - no longer priced = other, to the last digit, for each model and in all."""
    table = tmp_path_factory.getbasetemp() / "prices.toml"
    table.write_text('[[price]]\nmodel = "private"\ninput = 0.3\n[[price]]\nmodel = "gpt-4o"\ninput = 7\noutput = 1\n')
    repricing = Repricing(Pricer(Path(table)), "mine", model)
    for event in priced(events, Pricer()):
        repricing.see(event, NOON)
    comparison = repricing.comparison()
    for one in (*comparison.models.values(), comparison.total):
        parts = [one.recorded, one.difference, one.newly_priced_cost, -one.no_longer_priced_cost]
        assert add_up(part or Decimal(0) for part in parts) == (one.other or 0)
