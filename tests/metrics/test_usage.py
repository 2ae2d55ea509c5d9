"""`UsageTracker`: what is told is counted, what cannot be is refused."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs import SetupError
from pepperpy_obs.metrics import CostAnalyzer, UsageTracker
from pepperpy_obs.testing import captured


def test_a_sum_is_counted_and_not_priced() -> None:
    """Input and output cost differently, so a call of which only the sum is known has no price."""
    with captured() as seen:
        tracker = UsageTracker()
        asyncio.run(tracker.track_api_call(provider="openai", operation="completion", tokens=100, model="gpt-4o"))
        report = tracker.usage_report()

        assert (report.total_calls, report.total_tokens) == (1, 100)
        assert "cost_usd" not in seen.event


def test_parts_are_priced() -> None:
    """Input and output of a known model have their exact price, a cached part its own."""
    with captured() as seen:
        UsageTracker().track(
            "openai", "chat", input_tokens=1000, output_tokens=100, cache_read_tokens=400, model="gpt-4o"
        )

        assert seen.event["cost_usd"] == Decimal("0.0030")
        assert CostAnalyzer().cost_report().total_cost == Decimal("0.0030")


def test_fields_of_ones_own_overwrite_nothing() -> None:
    """A field that is ours by meaning is moved aside."""
    with captured() as seen:
        UsageTracker().track("openai", "chat", tokens=1, event="signup", outcome="won", customer="acme")

        assert seen.event["event"] == "usage.recorded"
        assert (seen.event["user_event"], seen.event["user_outcome"], seen.event["customer"]) == (
            "signup",
            "won",
            "acme",
        )


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"provider": "", "tokens": 1}, "provider=''; give a text"),
    ({"provider": "openai", "tokens": -1}, "tokens=-1; give a whole number"),
    ({"provider": "openai", "input_tokens": True}, "input_tokens=True; give a whole number"),
    ({"provider": "openai", "input_tokens": 1.5}, "input_tokens=1.5; give a whole number"),
    ({"provider": "openai", "tokens": 3, "input_tokens": 1}, "give one or other"),
    ({"provider": "openai", "input_tokens": 5, "cache_read_tokens": 50}, "more than input_tokens=5"),
]


@pytest.mark.parametrize("told,message", WRONG)
def test_what_cannot_be_counted_is_refused(told: dict[str, Any], message: str) -> None:
    """SetupError says what was given and what to give."""
    with pytest.raises(SetupError, match=message):
        UsageTracker().track(operation="chat", **told)
