from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs.pricing import Cost, Pricer

PRICER = Pricer()


def priced(event: dict[str, Any], day: str = "2026-11-23") -> Cost:
    """Return what an event costs on a day."""
    at = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000_000
    cost = PRICER.price(event, at)
    assert cost is not None
    return cost


@pytest.mark.parametrize(
    "provider, model, day, heard, spoken",
    [
        ("openai", "gpt-4o-audio-preview", "2026-11-23", "40", "80"),
        (None, "gpt-4o-audio-preview-2025-06-03", "2026-11-23", "40", "80"),
        ("azure", "gpt-4o-audio-preview-2024-12-17", "2026-11-23", "40", "80"),
        ("openai", "gpt-4o-audio-preview", "2024-11-01", "100", "200"),
        ("openai", "gpt-4o-audio-preview-2024-10-01", "2026-11-23", "100", "200"),
        ("openai", "gpt-4o-mini-audio-preview", "2026-11-23", "10", "20"),
        ("azure", "gpt-4o-mini-audio-preview-2024-12-17", "2026-11-23", "10", "20"),
    ],
)
def test_sound_of_the_audio_previews(provider: str | None, model: str, day: str, heard: str, spoken: str) -> None:
    """Sound costs many times what text does."""
    event = {"provider": provider, "model": model, "input_tokens": 2000, "output_tokens": 1500}
    cost = priced({**event, "audio_input_tokens": 1000, "audio_output_tokens": 1000}, day)
    assert (cost.by_type["audio_input"] * 1000, cost.by_type["audio_output"] * 1000) == (
        Decimal(heard),
        Decimal(spoken),
    )
    assert PRICER.flags({**event, "audio_input_tokens": 1000}, 1_795_000_000 * 1_000_000_000) == []


@pytest.mark.parametrize(
    "provider, model, tier, part",
    [
        ("google", "gemini-2.5-flash", "flex", "0.5"),
        ("google", "gemini-2.5-flash", "priority", "1.8"),
        ("google", "gemini-3.5-flash", "flex", "0.5"),
        ("google", "gemini-3.5-flash", "priority", "1.8"),
        ("google", "claude-haiku-4-5", "batch", "0.5"),
        ("aws", "amazon.nova-pro-v1:0", "batch", "0.5"),
        ("aws", "amazon.nova-pro-v1:0", "flex", "0.5"),
        ("aws", "us.anthropic.claude-haiku-4-5-20251001-v1:0", "priority", "1.75"),
        ("azure", "gpt-4o", "batch", "0.5"),
        ("azure", "gpt-4.1", "priority", "1.75"),
        ("azure", "gpt-5", "priority", "2"),
        ("azure", "gpt-5-mini", "priority", "1.8"),
        ("openai", "gpt-5", "flex", "0.5"),
        ("openai", "gpt-4o", "batch", "0.5"),
        ("anthropic", "claude-haiku-4-5", "batch", "0.5"),
        ("anthropic", "claude-3-haiku-20240307", "batch", "0.5"),
        ("mistral", "mistral-small-latest", "batch", "0.5"),
        ("groq", "llama-3.3-70b-versatile", "batch", "0.5"),
        ("groq", "llama-3.3-70b-versatile", "flex", "1"),
        ("x-ai", "grok-4.20", "batch", "0.8"),
    ],
)
def test_tiers(provider: str, model: str, tier: str, part: str) -> None:
    """A tier costs its part of the standard price, from whichever table, and is not flagged."""
    event = {"provider": provider, "model": model, "input_tokens": 1000, "output_tokens": 1000}
    cost = priced({**event, "service_tier": tier})
    assert cost.total == priced(event).total * Decimal(part)
    assert PRICER.flags({**event, "service_tier": tier}, 1_795_392_000 * 1_000_000_000) == []


def test_tiers_of_which_no_price_is_known() -> None:
    """They are charged as standard, and flagged."""
    at = 1_795_392_000 * 1_000_000_000
    for provider, model, tier in (
        ("google", "gemini-2.5-flash", "provisioned_throughput"),
        ("anthropic", "claude-haiku-4-5", "priority"),
        ("mistral", "mistral-large-latest", "flex"),
        ("deepseek", "deepseek-chat", "batch"),
    ):
        event = {"provider": provider, "model": model, "input_tokens": 1000, "service_tier": tier}
        assert PRICER.flags(event, at) == [f"service_tier: {tier} charged as standard, no price"]
        assert priced(event).total == priced({**event, "service_tier": "default"}).total


@pytest.mark.parametrize(
    "provider, model, price",
    [
        (None, "azure/eu/gpt-4o", "2.75"),
        ("azure", "eu/gpt-6-luna", "0.12"),
        ("azure", "deepseek-r1", "1.35"),
        ("aws", "eu.amazon.nova-pro-v1:0", "1.05"),
        ("aws", "us-gov.openai.gpt-oss-120b-1:0", "0.18"),
        (None, "bedrock/us-gov-west-1/amazon.nova-pro-v1:0", "0.96"),
        ("bedrock", "bedrock/claude_platform/claude-haiku-4-5", "1"),
        ("openai", "ft:gpt-4o-2024-08-06:ours::abc", "3.75"),
    ],
)
def test_regions_and_hosts(provider: str | None, model: str, price: str) -> None:
    """What a name says of the region or the host is in the price."""
    assert priced({"provider": provider, "model": model, "input_tokens": 100_000}).total * 10 == Decimal(price)


@pytest.mark.parametrize(
    "model, searches, requests, fee",
    [
        ("gemini-2.5-flash", 3, None, "0.035"),
        ("gemini-2.5-flash", 3, 2, "0.07"),
        ("gemini-2.5-flash", 1, 4, "0.035"),
        ("gemini-3-flash-preview", 3, None, "0.042"),
    ],
)
def test_searches_of_google(model: str, searches: int, requests: int | None, fee: str) -> None:
    """Up to 2.5 a grounded prompt is charged once, later each query is."""
    event: dict[str, Any] = {"provider": "google", "model": model, "input_tokens": 1, "web_searches": searches}
    assert priced(event | ({"requests": requests} if requests else {})).by_type["request"] == Decimal(fee)


def test_models_that_search_for_every_answer() -> None:
    """Their fee is by the request, whatever the answer counts."""
    for model, fee in (("gpt-4o-mini-search-preview-2025-03-11", "0.025"), ("gpt-5-search-api", "0.01")):
        event = {"provider": "openai", "model": model, "input_tokens": 1000, "output_tokens": 10}
        assert priced(event).by_type["request"] == Decimal(fee)
