from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pepperpy_obs.pricing import Pricer
from pepperpy_obs.pricing.makers import is_same_model, maker_of

NOW = int(datetime(2026, 11, 23, 20, tzinfo=UTC).timestamp()) * 1_000_000_000


@pytest.fixture(scope="module")
def pricer() -> Pricer:
    """Return a pricer without a table of the user's."""
    return Pricer()


def per_million(pricer: Pricer, provider: str | None, answered: str | None, asked: str | None) -> Decimal | None:
    """Return what a million input tokens cost."""
    event = {"provider": provider, "response_model": answered, "model": asked, "input_tokens": 100_000}
    cost = pricer.price(event, NOW)
    return None if cost is None else cost.total * 10


@pytest.mark.parametrize(
    "model, maker",
    [
        ("gpt-4o-mini", "openai"),
        ("openai/o3", "openai"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic"),
        ("publishers/google/models/gemini-2.5-flash", "google"),
        ("meta-llama/Llama-3.3-70B-Instruct", "meta"),
        ("accounts/fireworks/models/qwen3-235b", "alibaba"),
        ("GROK-4", "x-ai"),
        ("our-chat-deployment", None),
        ("/opt/ml/model", None),
        ("o1-o2-router", "openai"),
        ("foo1", None),
        ("my-gpt-4o", None),
    ],
)
def test_the_maker_is_known_by_the_name(model: str, maker: str | None) -> None:
    """Families of models are known by how their names begin, behind hosts and regions; deployments have no maker."""
    assert maker_of(model) == maker


@pytest.mark.parametrize(
    "answered, asked",
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-4-0613", "gpt-4"),
        ("gpt-4o-eu-prod", "gpt-4o"),
        ("gpt-4o-2027-01-01", "our-deployment"),
        ("our-deployment", "gpt-4o"),
        ("anthropic/claude-4.5-sonnet-20250929", "anthropic/claude-sonnet-4.5"),
        ("claude-sonnet-4-5-20250929", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("mistral-large-2602", "mistral-large-latest"),
        ("gemini-9-flash", "gemini-flash-latest"),
        ("deepseek-v9", "deepseek-chat"),
        ("gemini-2.5-flash-preview-09-2025", "gemini-2.5-flash"),
        ("davinci:2023-07-21-v2", "davinci-002"),
        ("claude-3-sonnet-28k-20240229", "anthropic.claude-3-sonnet-20240229-v1:0"),
        ("llama-3.3-70b-versatile", "meta-llama/Llama-3.3-70B-Instruct:groq"),
    ],
)
def test_aliases_deployments_and_snapshots(answered: str, asked: str) -> None:
    """They are the model asked for under another name."""
    assert is_same_model(answered, asked)


@pytest.mark.parametrize(
    "answered, asked",
    [
        ("claude-sonnet-4-5", "gpt-4o"),
        ("gpt-4o-mini", "gpt-4o"),
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-9", "gpt-4o"),
        ("claude-sonnet-4-9", "claude-sonnet-4"),
        ("grok-4-fast", "grok-4"),
        ("x-ai/grok-4", "meta-llama/llama-3.3-70b-instruct:free"),
        ("gpt-5-ultra", "gpt-5"),
        ("claude-mythos-5", "claude-fable-5"),
        ("deepseek/deepseek-r1", "deepseek/deepseek-r1:free"),
        ("llama-3.1-8b-instant", "meta-llama/Llama-3.3-70B-Instruct:groq"),
        ("gpt-4o", "mistral-large-latest"),
    ],
)
def test_another_model(answered: str, asked: str) -> None:
    """Another maker's model, another generation and another size are not the one asked for."""
    assert not is_same_model(answered, asked)


class TestFallbacks:
    @pytest.mark.parametrize(
        "provider, answered, asked, price",
        [
            ("openai", "claude-sonnet-4-5-20250929", "gpt-4o", "3"),
            ("anthropic", "gpt-4o-2024-08-06", "claude-sonnet-4-5", "2.5"),
            ("google", "claude-sonnet-4-5", "gemini-2.5-pro", "3"),
            ("openai", "deepseek-chat", "deepseek-chat", "0.28"),
            (None, "gemini-2.5-flash", "gpt-4o", "0.3"),
            ("openai", "gpt-4o-mini", "gpt-4o", "0.15"),
        ],
    )
    def test_the_answering_makers_price(
        self, provider: str, answered: str, asked: str, price: str, pricer: Pricer
    ) -> None:
        """Where another maker's model answered, its own price is charged."""
        assert per_million(pricer, provider, answered, asked) == Decimal(price)

    @pytest.mark.parametrize(
        "provider, answered, asked",
        [
            ("openai", "claude-sonnet-99", "gpt-4o"),
            ("openai", "llama-3.3-70b-versatile", "gpt-4o"),
            ("openai", "gpt-99", "gpt-4o"),
            ("openrouter", "x-ai/grok-99", "meta-llama/llama-3.3-70b-instruct:free"),
            ("openrouter", "x-ai/grok-99", "deepseek/deepseek-r1:free"),
            ("acme", "claude-sonnet-4-5", "gpt-4o"),
            ("azure", "mistral-unheard-of", "gpt-4o"),
        ],
    )
    def test_never_the_price_of_the_model_asked_for(
        self, provider: str, answered: str, asked: str, pricer: Pricer
    ) -> None:
        """Where the answering model has no price, the answer has none."""
        assert per_million(pricer, provider, answered, asked) is None

    @pytest.mark.parametrize(
        "provider, answered, asked, price",
        [
            ("azure", "gpt-4o-2024-08-06", "our-chat", "2.5"),
            ("azure", "our-chat", "gpt-4o", "2.5"),
            ("openai", "gpt-4o-prod", "gpt-4o", "2.5"),
            ("aws", "claude-haiku-4-5-20251001", "us.anthropic.claude-haiku-4-5-20251001-v1:0", "1.1"),
            ("mistral", "mistral-large-2602", "mistral-large-latest", "0.5"),
        ],
    )
    def test_deployments_and_aliases_go_on_working(
        self, provider: str, answered: str, asked: str, price: str, pricer: Pricer
    ) -> None:
        """One model under two names is priced by whichever is known."""
        assert per_million(pricer, provider, answered, asked) == Decimal(price)

    def test_a_users_row_is_for_the_model_that_answered(self, tmp_path: Path) -> None:
        """A negotiated price of the model asked for is not that of another one; one of a deployment is."""
        path = tmp_path / "prices.toml"
        path.write_text('[[price]]\nmodel = ["gpt-4o", "our-chat"]\ninput = 1\n', encoding="utf-8")
        mine = Pricer(path)
        assert per_million(mine, "openai", "claude-sonnet-4-5", "gpt-4o") == 3
        assert per_million(mine, "openai", "gpt-4o-2024-08-06", "gpt-4o") == 1
        assert per_million(mine, "azure", "gpt-4o-2024-08-06", "our-chat") == 1
