"""A framework's total of 0 tokens tells how many requests there were, and not what they used."""

from __future__ import annotations

from typing import Any

import pytest

from pepperpy_obs import costed
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.readings import LiveState
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.testing import Captured, captured
from tests.test_totals import ask, request, run, total


def untold(requests: int) -> dict[str, Any]:
    """Return the total of streams whose usage was not asked for."""
    return {**total(), "requests": requests, "input_tokens": 0, "output_tokens": 0}


def unknown(seen: Captured) -> tuple[int, int]:
    """Return how many requests were counted, and of how many nothing is known; the log folds to the same."""
    fold = Fold(Store())
    fold.lines(b"".join(json_lines(seen.events)).splitlines(), "app.log")
    replayed = Stats(fold.store.snapshot(), LiveState())
    found = seen.stats.usage.total_calls, seen.stats.cost.calls_without_usage
    assert found == (replayed.usage.total_calls, replayed.cost.calls_without_usage)
    return found


def test_it_is_so_many_requests_of_unknown_cost() -> None:
    """Nothing is priced at $0, and the coverage says so."""
    with captured() as seen:
        run(untold(3))
        assert unknown(seen) == (3, 3)
        assert seen.stats.cost.price_coverage == 0
    event = seen.event
    assert {name: event.get(name) for name in ("requests", "usage_flags", "cost_usd", "input_tokens")} == {
        "requests": 3,
        "usage_flags": ["missing"],
        "cost_usd": None,
        "input_tokens": None,
    }


def test_a_tool_that_asked_another_model_is_none_of_them() -> None:
    """The agent's own requests are unknown beside the tool's, which has a price."""
    with captured() as seen:
        run(untold(2), lambda: ask(request(300, 30, "gpt-4o-mini")))
        assert unknown(seen) == (3, 2)
        assert seen.stats.cost.total_cost > 0


@pytest.mark.parametrize("below, left", [(1, 1), (2, 0), (3, 0)])
def test_requests_that_were_counted_below_are_not_unknown(below: int, left: int) -> None:
    """Of a total whose requests were seen below, as many as were not seen are left."""
    with captured() as seen:
        run(untold(2), *[lambda: ask(request(300, 30))] * below)
        assert unknown(seen) == (below + left, left)


def test_requests_that_told_nothing_below_are_counted_there() -> None:
    """Neither the calls below nor the total knows the usage: each request is unknown once."""
    with captured() as seen:
        run(untold(2), *[lambda: ask({"id": "x", "model": "gpt-4o"})] * 2)
        assert unknown(seen) == (2, 2)


def test_of_a_conversation_some_messages_tell_nothing() -> None:
    """What the others used is counted, and the call is marked as incomplete."""

    @costed(model="gpt-4o")
    def team() -> dict[str, Any]:
        tokens = [{"prompt_tokens": read, "completion_tokens": written} for read, written in ((10, 5), (0, 0))]
        return {"messages": [{"models_usage": each} for each in tokens], "stop_reason": None}

    with captured() as seen:
        team()
        assert seen.stats.usage.tokens_by_type["input"] == 10
    assert seen.event["usage_incomplete"] is True
