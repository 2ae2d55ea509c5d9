from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs import costed
from pepperpy_obs.processors.fold_entries import fold_entries
from pepperpy_obs.testing import captured


def entry(number: int, **more: Any) -> dict[str, Any]:
    """Return the entry of one request."""
    return {"model": "gpt-4o-mini", "response_id": f"r{number}", "input_tokens": 10, "output_tokens": 1, **more}


def test_like_entries_are_one_with_their_sums() -> None:
    """Models and tiers stay apart; units, costs and numbers of requests are added up."""
    tiered = {"service_tier": "flex", "usage_units": {"audio_seconds": 2}, "reported_cost_usd": Decimal("0.1")}
    entries = [entry(n) for n in range(300)] + [entry(n, requests=2, **tiered) for n in range(300, 310)]
    assert fold_entries(None, "info", {"usage_entries": entries})["usage_entries"] == [
        {"model": "gpt-4o-mini", "requests": 300, "input_tokens": 3000, "output_tokens": 300},
        {
            "model": "gpt-4o-mini",
            "service_tier": "flex",
            "requests": 20,
            "usage_units": {"audio_seconds": 20},
            "reported_cost_usd": Decimal("1.0"),
            "input_tokens": 100,
            "output_tokens": 10,
        },
    ]


@pytest.mark.parametrize("number", [0, 2, 256])
def test_few_entries_stay_as_they_are(number: int) -> None:
    """So does an event without any."""
    event = {"usage_entries": [entry(n) for n in range(number)]} if number else {}
    assert fold_entries(None, "info", dict(event)) == event


def test_a_session_of_very_many_answers_has_a_short_event_and_its_whole_price() -> None:
    """Each answer is priced by itself before."""

    @costed(provider="openai")
    def session() -> Any:
        for number in range(1000):
            usage = {"prompt_tokens": 1000 + number % 2, "completion_tokens": 100, "total_tokens": 1100 + number % 2}
            yield {"id": f"c{number}", "model": "gpt-4o-mini", "choices": [{"message": {}}], "usage": usage}

    with captured() as seen:
        assert len(list(session())) == 1000
        (folded,) = seen.event["usage_entries"]
        assert (folded["requests"], folded["input_tokens"]) == (1000, 1_000_500)
        assert (seen.event["requests"], seen.event["input_tokens"]) == (1000, 1_000_500)
        assert seen.stats.cost.total_cost == 1_000_500 * Decimal("0.00000015") + 100_000 * Decimal("0.0000006")
        assert seen.stats.usage.total_calls == 1000
