from __future__ import annotations

from typing import Any

import pytest

from pepperpy_obs import usage

PLAIN: dict[str, Any] = {"input_tokens": 3000, "output_tokens": 90, "total_tokens": 3090}


def said(answer: object) -> dict[str, Any]:
    """Return what an event says of an answer."""
    captured = usage.capture(answer)
    assert captured is not None
    found = usage.read(captured)
    assert found is not None
    return usage.fields(found)


@pytest.mark.parametrize("tier", ["flex", "priority"])
@pytest.mark.parametrize("form", ["message", "usage alone", "result"])
def test_parts_that_are_named_by_their_tier(tier: str, form: str) -> None:
    """LangChain puts the tier into the names of parts: they are the same parts, and the tier is known."""
    counted = {
        **PLAIN,
        "input_token_details": {f"{tier}_cache_read": 2000, f"{tier}_cache_creation": 100, tier: 1000},
        "output_token_details": {f"{tier}_reasoning": 60, tier: 30},
    }
    message = {"response_metadata": {"model_name": "gpt-5.4"}, "usage_metadata": counted}
    forms = {"message": message, "usage alone": counted, "result": {"generations": [[{"message": message}]]}}
    told = said(forms[form])
    assert {name: told.get(name) for name in ("cache_read_tokens", "cache_write_tokens", "reasoning_tokens")} == {
        "cache_read_tokens": 2000,
        "cache_write_tokens": 100,
        "reasoning_tokens": 60,
    }
    assert (told["service_tier"], told.get("usage_flags")) == (tier, None)


@pytest.mark.parametrize(
    "metadata, tier",
    [
        ({"service_tier": "default"}, "default"),
        ({"usage": {"service_tier": "batch"}}, "batch"),
        ({"serviceTier": {"type": "priority"}}, "priority"),
        ({}, None),
    ],
)
def test_a_tier_beside_the_usage(metadata: dict[str, Any], tier: str | None) -> None:
    """A message of LangChain's keeps the tier in what it has of the answer."""
    assert said({"usage_metadata": PLAIN, "response_metadata": metadata}).get("service_tier") == tier


def test_a_sum_over_requests_of_several_tiers() -> None:
    """The parts are added up; that the tier is that of a part only is flagged, and no tier is named."""
    told = said({
        **PLAIN,
        "input_token_details": {"cache_read": 500, "flex_cache_read": 400, "flex": 600},
        "output_token_details": {"reasoning": 5, "flex_reasoning": 6},
    })  # fmt: skip
    assert (told["cache_read_tokens"], told["reasoning_tokens"]) == (900, 11)
    assert "service_tier" not in told
    assert told["usage_flags"] == ["service_tier: flex for 1000 of 3000 input tokens"]
