from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs._event import AT
from pepperpy_obs._guard import failures
from pepperpy_obs.pricing import Pricer
from pepperpy_obs.processors.pricing import Pricing

AT_NOON = 1_795_435_200_000_000_000


@pytest.fixture
def price(tmp_path: Path) -> Pricing:
    """Return the link with one model in its table."""
    path = tmp_path / "prices.toml"
    path.write_text(
        '[[price]]\nmodel = "m"\ninput = 2\ncache_read = 1\noutput = 4\n'
        '[[price]]\nprovider = "gpu"\nmodel = "*"\nsecond = 0.5\n',
        encoding="utf-8",
    )
    return Pricing(Pricer(path))


def through(price: Pricing, event: dict[str, Any]) -> dict[str, Any]:
    """Return what the link adds to an event."""
    before = {AT: AT_NOON, **event}
    after = price(None, "info", dict(before))
    return {key: value for key, value in after.items() if key not in before}


def test_a_priced_answer(price: Pricing) -> None:
    """Cost, its split, its source and version, and what the provider's cache saved."""
    added = through(price, {"model": "m", "input_tokens": 10, "cache_read_tokens": 4, "output_tokens": 1})
    version = added.pop("price_version")
    assert version.startswith("prices.toml ")
    assert added == {
        "cost_usd": Decimal("0.00002"),
        "cost_source": "custom",
        "cost_by_type": {
            "cache_read": Decimal("0.000004"),
            "input": Decimal("0.000012"),
            "output": Decimal("0.000004"),
        },
        "saved_usd": Decimal("0.000004"),
    }


def test_a_reported_price_has_no_table(price: Pricing) -> None:
    """What the provider said needs no version of ours."""
    added = through(price, {"model": "m", "input_tokens": 1, "reported_cost_usd": Decimal("0.1")})
    assert added == {
        "cost_usd": Decimal("0.1"),
        "cost_source": "provider",
        "cost_by_type": {"request": Decimal("0.1")},
    }


@pytest.mark.parametrize(
    "event",
    [
        {"model": "unknown", "provider": "acme", "input_tokens": 1},
        {"input_tokens": 1},
        {"model": "unknown", "provider": "acme", "usage_incomplete": True, "input_tokens": 1},
        {"provider": "aws", "usage_units": {"topicPolicyUnits": Decimal(1)}},
    ],
)
def test_an_answer_without_a_price(event: dict[str, Any], price: Pricing) -> None:
    """It is marked so, and has no cost: never 0."""
    assert through(price, event) == {"cost_source": "unpriced"}


def test_a_stream_whose_usage_never_came_lacks_usage_and_no_price(price: Pricing) -> None:
    """It is not marked unpriced: no table could name its cost."""
    assert through(price, {"model": "m", "usage_incomplete": True}) == {}


@pytest.mark.parametrize(
    "event",
    [
        {"operation": "f", "duration_seconds": 0.1},
        {"provider": "openai", "model": "m", "outcome": "error", "error_type": "RateLimitError"},
        {"model": "m", "input_tokens": 10, "usage_duplicate": True},
        {"model": "m", "input_tokens": 10, "cost_usd": Decimal(1)},
        {"metric": "m", "value": 1.0},
    ],
)
def test_what_is_left_alone(event: dict[str, Any], price: Pricing) -> None:
    """No answer, nothing used, or counted before: nothing is added."""
    assert through(price, event) == {}


def test_a_local_caches_answer(price: Pricing) -> None:
    """An answer from a local cache costs nothing; its price is what was saved."""
    added = through(
        price, {"model": "m", "input_tokens": 10, "output_tokens": 1, "cache": "answers", "cache_hit": True}
    )
    assert (added["cost_usd"], added["cost_by_type"], added["saved_usd"]) == (Decimal(0), {}, Decimal("0.000024"))


def test_by_the_second(price: Pricing) -> None:
    """A self-hosted model is charged for the time that it was busy, with or without usage."""
    added = through(price, {"provider": "gpu", "model": "llama", "duration_seconds": 0.5})
    assert (added["cost_usd"], added["cost_source"]) == (Decimal("0.25"), "custom")


def test_at_its_own_time() -> None:
    """An event is priced as of when it happened: the override of an alias holds from its date."""
    price = Pricing()
    event = {"provider": "mistral", "model": "mistral-large-latest", "input_tokens": 1_000_000, "output_tokens": 0}
    long_ago = 1_748_736_000_000_000_000
    assert price(None, "info", {**event, AT: long_ago})["cost_usd"] == Decimal(2)
    assert price(None, "info", {**event, AT: AT_NOON})["cost_usd"] == Decimal("0.5")
    assert price(None, "info", dict(event))["cost_usd"] == Decimal("0.5")


def test_what_nobody_knows_a_price_for_is_named(price: Pricing) -> None:
    """Searches and other things beside the tokens are not free because the table knows no price of theirs."""
    event = {"model": "m", "input_tokens": 10, "web_searches": 2, "usage_units": {"images": 3, "audio_seconds": 0}}
    added = through(price, event)
    assert added["cost_usd"] == Decimal("0.00002")
    flags = ["images: left out of the cost, no price", "web_searches: left out of the cost, no price"]
    assert added["usage_flags"] == flags
    told = price(None, "info", {AT: AT_NOON, **event, "usage_flags": ["odd"]})
    assert told["usage_flags"] == ["odd", *flags]
    assert "usage_flags" not in through(price, {**event, "reported_cost_usd": Decimal(1)})


def test_what_has_a_price_is_not_named(price: Pricing) -> None:
    """Searches that the table knows are in the cost."""
    added = through(price, {"provider": "openai", "model": "gpt-4.1", "input_tokens": 10, "web_searches": 1})
    assert added["cost_by_type"]["request"] > 0
    assert "usage_flags" not in added


def test_a_link_that_fails_itself(price: Pricing, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer whose pricing fails is unpriced, not free; what used nothing stays as it is."""

    def broken(pricer: Pricer, event: dict[str, Any], at: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Pricer, "price", broken)
    assert through(price, {"model": "m", "input_tokens": 10}) == {"cost_source": "unpriced"}
    assert through(price, {"provider": "gpu", "model": "llama", "duration_seconds": 0.5}) == {}
    assert failures()["price"] == 2


def test_audio_without_a_rate_is_named(price: Pricing) -> None:
    """Sound that is charged as text for want of a rate is flagged; text is not."""
    event = {"model": "m", "input_tokens": 10, "output_tokens": 5, "audio_input_tokens": 3, "audio_output_tokens": 2}
    assert through(price, event)["usage_flags"] == [
        "audio_input_tokens: charged as text, no price",
        "audio_output_tokens: charged as text, no price",
    ]
    assert "usage_flags" not in through(price, {**event, "audio_input_tokens": 0, "audio_output_tokens": 0})


def test_pictures_of_a_model_that_makes_nothing_else() -> None:
    """Its price of output is that of pictures; a model that writes has none for them, and is flagged."""
    event = {"provider": "openai", "model": "gpt-image-1", "input_tokens": 1, "output_tokens": 9}
    drawn = {**event, "image_output_tokens": 9}
    assert through(Pricing(), drawn) == through(Pricing(), event)
    assert through(Pricing(), {**drawn, "model": "gpt-4o"})["usage_flags"] == [
        "image_output_tokens: charged as text, no price"
    ]


def test_sound_that_costs_what_text_does() -> None:
    """Google's price of all input is one of sound, too, where it has no other."""
    event = {"provider": "google", "model": "gemini-2.5-pro", "input_tokens": 10, "audio_input_tokens": 9}
    assert "usage_flags" not in through(Pricing(), event)
    made = {"output_tokens": 10, "audio_output_tokens": 10}
    assert "usage_flags" not in through(Pricing(), {**event, "model": "gemini-2.5-flash-preview-tts", **made})


@pytest.mark.parametrize(
    "event, flags",
    [
        ({"service_tier": "default"}, None),
        ({"service_tier": "flex"}, None),
        ({"service_tier": "scale"}, ["service_tier: scale charged as standard, no price"]),
        (
            {"usage_entries": [{"input_tokens": 1, "service_tier": tier} for tier in ("scale", "flex", "scale")]},
            ["service_tier: scale charged as standard, no price"],
        ),
        ({"service_tier": "scale", "reported_cost_usd": Decimal(1)}, None),
    ],
)
def test_a_tier_without_a_price_is_named(event: dict[str, Any], flags: list[str] | None) -> None:
    """A tier that the table cannot price is flagged, also in one of several requests; the provider's word is not."""
    answer = {"provider": "openai", "model": "gpt-5", "input_tokens": 10, **event}
    assert through(Pricing(), answer).get("usage_flags") == flags
