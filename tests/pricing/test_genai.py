from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any, Final

import genai_prices
import pytest
from genai_prices.data_snapshot import DataSnapshot, get_snapshot, set_custom_snapshot

from pepperpy_obs import usage
from pepperpy_obs.pricing import Pricer
from pepperpy_obs.pricing.genai import GenaiPrices
from pepperpy_obs.pricing.names import canonical_provider
from pepperpy_obs.pricing.source import PriceQuery

THEIR_NAMES: Final = {
    "reasoning_tokens": "output_reasoning_tokens",
    "audio_input_tokens": "input_audio_tokens",
    "audio_output_tokens": "output_audio_tokens",
    "audio_cache_read_tokens": "cache_audio_read_tokens",
    "image_input_tokens": "input_image_tokens",
    "image_output_tokens": "output_image_tokens",
    "image_cache_read_tokens": "cache_image_read_tokens",
    "video_input_tokens": "input_video_tokens",
    "video_output_tokens": "output_video_tokens",
    "video_cache_read_tokens": "cache_video_read_tokens",
}
COUNTED: Final = (*(name for name in usage.Usage.__dataclass_fields__ if name.endswith("_tokens")), "web_searches")
MOMENTS: Final = [
    datetime(2024, 3, 1, 3, tzinfo=UTC),
    *(datetime(2026, 11, 23, hour, 30, tzinfo=UTC) for hour in (2, 20)),
]
TIERS: Final = (None, "flex", "priority", "batch", "fast", "default")


def ns(moment: datetime) -> int:
    """Return a moment as events carry it."""
    return int(moment.timestamp()) * 1_000_000_000


def theirs(event: Mapping[str, Any], model: str, provider: str | None, tier: str | None, moment: datetime) -> Decimal:
    """Return the library's own price, by its own arithmetic."""
    context = {"batch": {"processing": "batch"}}.get(
        tier or "", {"service_tier": tier, "speed": tier} if tier else None
    )
    counts = {THEIR_NAMES.get(name, name): event[name] for name in COUNTED if name in event} | event.get(
        "usage_units", {}
    )
    if model.startswith(("gemini-1", "gemini-2")) and "web_searches" in counts:
        counts["web_searches"] = min(
            1, counts["web_searches"]
        )  # Google bills these by the prompt; the library does not
    return genai_prices.calc_price(
        genai_prices.Usage(**counts),
        model,
        provider_id=provider,
        genai_request_timestamp=moment,
        price_context=context,
    ).total_price


def some_usage(chance: random.Random) -> dict[str, Any]:
    """Return a usage in which every part may or may not be told, and none is larger than its whole."""
    event = {"input_tokens": chance.choice([0, 1, 1000, chance.randrange(500_000)])}
    left = event["input_tokens"]

    def part(name: str, most: int, likely: float) -> int:
        if chance.random() > likely:
            return 0
        event[name] = chance.randrange(most + 1)
        return event[name]

    cached = part("cache_read_tokens", left, 0.6)
    stored = part("cache_write_tokens", left - cached, 0.5)
    part("cache_write_1h_tokens", stored, 0.5)
    left -= cached + stored
    for modality in ("audio", "image", "video"):
        if chance.random() < 0.4:
            again = event[f"{modality}_cache_read_tokens"] = chance.randrange(cached + 1)
            new = chance.randrange(left + 1)
            event[f"{modality}_input_tokens"] = again + new
            cached -= again
            left -= new
    answer = event["output_tokens"] = chance.randrange(10_000)
    for name in ("reasoning_tokens", "audio_output_tokens", "image_output_tokens", "video_output_tokens"):
        answer -= part(name, answer, 0.4)
    part("web_searches", 5, 0.3)
    return event | {"usage_units": {"storage_searches": chance.randrange(3), "audio_seconds": chance.randrange(5000)}}


def test_every_model_of_the_table_costs_what_the_library_says() -> None:
    """Whatever the model, the tier and the time, our arithmetic gives the library's price to the last digit."""
    source, chance, compared = GenaiPrices(), random.Random("prices"), 0
    for provider in get_snapshot().providers:
        for model in provider.models:
            for tier, moment in chance.sample(list(product(TIERS, MOMENTS)), 2):
                try:
                    price = theirs(event := some_usage(chance), model.id, provider.id, tier, moment)
                except LookupError:
                    assert source.find(PriceQuery(provider.id, model.id, tier), ns(moment)).rates is None
                    continue
                rates = source.find(PriceQuery(provider.id, model.id, tier), ns(moment)).rates
                bill = None if rates is None else rates.bill(event)
                assert (bill[0] if bill else Decimal(0)) == price, (provider.id, model.id, tier, moment, event)
                compared += 1
    assert compared > 3000


def test_no_price_is_remembered_beyond_its_time() -> None:
    """One pricer, asked for days and hours in any order, answers each time what the library says for that time."""
    chance, pricer, compared = random.Random("times"), Pricer(), 0
    changing = [
        (provider.id, model.id)
        for provider in get_snapshot().providers
        for model in provider.models
        if isinstance(model.prices, list) and provider.id not in {"mistral", "deepseek"}
    ] + [("deepseek", "deepseek-v4-flash"), ("deepseek", "deepseek-v4-pro"), ("mistral", "mistral-medium-latest")]
    event = {"input_tokens": 1000, "output_tokens": 1000, "cache_read_tokens": 10}
    for provider, model in chance.sample(changing, 40) + changing[-3:]:
        for _ in range(12):
            moment = datetime.fromtimestamp(chance.randrange(1_735_689_600, 1_798_761_600), UTC)
            cost = pricer.price({"provider": provider, "model": model, **event}, ns(moment))
            assert cost is not None
            if cost.source == "custom":
                continue  # an override of ours, at some times
            assert cost.total == theirs(event, model, provider, None, moment), (provider, model, moment)
            compared += 1
    assert compared > 480


def test_time_of_day_ends_at_the_next_turn() -> None:
    """A price by the hour is remembered for these hours only."""
    at = ns(datetime(2026, 11, 23, 2, 0, tzinfo=UTC))
    quote = GenaiPrices().find(PriceQuery("deepseek", "deepseek-v4-flash"), at)
    hour = 3600 * 1_000_000_000
    assert quote.span == (at - hour, at + 2 * hour)


def test_a_newer_table_is_used() -> None:
    """When the application has the library update itself, prices follow, remembered ones too."""
    pricer, moment = Pricer(), ns(MOMENTS[1])
    event = {"provider": "openai", "model": "gpt-4o", "input_tokens": 1_000_000, "output_tokens": 0}
    before = pricer.price(event, moment)
    openai = next(provider for provider in get_snapshot().providers if provider.id == "openai")
    model = next(model for model in openai.models if model.id == "gpt-4o")
    dearer = type(openai)(
        id="openai",
        name="",
        api_pattern="",
        models=[
            type(model)(id="gpt-4o", match=model.match, prices=genai_prices.types.ModelPrice(input_mtok=Decimal(7)))
        ],
    )
    set_custom_snapshot(DataSnapshot(providers=[dearer], from_auto_update=False))
    try:
        after = [pricer.price(event, moment) for _ in range(300)][-1]
    finally:
        set_custom_snapshot(None)
    assert before is not None
    assert after is not None
    assert (before.total, after.total) == (Decimal("2.5"), Decimal(7))


@pytest.fixture(scope="module")
def rows(shared: Callable[[str], Path]) -> list[dict[str, Any]]:
    """Return the recorded answers of providers."""
    with gzip.open(shared("data/provider_responses/responses.jsonl.gz"), "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def by_the_library(found: usage.Usage, moment: datetime) -> Decimal | None:
    """Ask for what answered, then for what was asked for, without what stands around a model's name."""
    event = usage.fields(found)
    for name in (found.response_model or "", found.model or ""):
        for spelling in (name, name.removeprefix("models/"), name.rpartition("/models/")[2]):
            maker, _, rest = spelling.partition("/")
            for who, what in ((canonical_provider(found.provider), spelling), (maker, rest)):
                try:
                    return theirs(event, what, who, found.service_tier, moment)
                except LookupError:
                    continue
    return None


def test_recorded_answers_cost_what_the_library_says(rows: list[dict[str, Any]]) -> None:
    """Every recorded answer without an override or a reported price costs the library's price to the last digit."""
    pricer, compared = Pricer(), 0
    for row in rows:
        captured = usage.capture(row.get("body") or [{kind: event} for kind, event in row["events"]])
        found = None if captured is None else usage.read(captured, model=row["request_model"])
        if found is None or found.entries:
            continue
        event = usage.fields(found)
        event.pop("reported_cost_usd", None)
        cost = pricer.price(event, ns(MOMENTS[2]))
        if cost is None or cost.source != "genai-prices":
            continue
        assert sum(cost.by_type.values()) == cost.total
        assert cost.total == by_the_library(found, MOMENTS[2]), row["id"]
        compared += 1
    assert compared > 2000


def test_units() -> None:
    """What is not a token of the normal form has its price where the table knows one."""
    moment = 1_795_000_000 * 1_000_000_000
    for provider, model, units, total in (
        ("mistral", "mistral-ocr-2512", {"document_pages": 3, "annotated_pages": 1}, "0.007"),
        ("perplexity", "sonar-deep-research", {"citation_tokens": 20_016}, "0.040032"),
        ("groq", "canopylabs/orpheus-v1-english", {"characters": 1000}, "0.022"),
        ("groq", "whisper-large-v3", {"audio_seconds": 3}, str(Decimal("0.111") / 360)),
    ):
        cost = Pricer().price({"provider": provider, "model": model, "usage_units": units}, moment)
        assert cost is not None, model
        assert cost.total.normalize() == Decimal(total).normalize(), model


def test_pages() -> None:
    """Pages that were read are charged by the thousand."""
    event = {"provider": "mistral", "model": "mistral-ocr-2512", "usage_units": {"document_pages": Decimal(3)}}
    cost = Pricer().price(event, 1_795_000_000 * 1_000_000_000)
    assert cost is not None
    assert (cost.total, cost.by_type) == (Decimal("0.006"), {"request": Decimal("0.006")})
