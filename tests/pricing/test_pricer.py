from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.pricing import Cost, Pricer
from pepperpy_obs.pricing.genai import GenaiPrices
from pepperpy_obs.pricing.price_file import read_table
from pepperpy_obs.pricing.source import PriceQuery, PriceResult

NOW = int(datetime(2026, 11, 23, 20, tzinfo=UTC).timestamp()) * 1_000_000_000
GPT = {"provider": "openai", "model": "gpt-4o", "input_tokens": 1_000_000, "output_tokens": 0}


@pytest.fixture(scope="module")
def pricer() -> Pricer:
    """Return a pricer without a table of the user's."""
    return Pricer()


class TestPrecedence:
    @pytest.fixture
    def with_table(self, tmp_path: Path) -> Pricer:
        """Return a pricer with a table that has prices of its own for known models."""
        path = tmp_path / "prices.toml"
        path.write_text(
            '[[price]]\nmodel = ["gpt-4o", "mistral-large-latest"]\ninput = 1\noutput = 1\n', encoding="utf-8"
        )
        return Pricer(path)

    def test_the_providers_own_word_is_first(self, with_table: Pricer) -> None:
        """What the provider says that it cost is the cost, whatever tables say; the split is ours only if it agrees."""
        said = with_table.price({**GPT, "reported_cost_usd": Decimal("0.7")}, NOW)
        assert said == Cost(Decimal("0.7"), {"request": Decimal("0.7")}, Decimal(0), "provider")
        agreed = with_table.price({**GPT, "reported_cost_usd": Decimal(1)}, NOW)
        assert agreed == Cost(Decimal(1), {"input": Decimal(1), "output": Decimal(0)}, Decimal(0), "provider")

    def test_a_sum_of_floats_is_the_same_price(self, pricer: Pricer) -> None:
        """Litellm adds floats up: what differs from our price by their noise alone is that price, with its split."""
        event = {**GPT, "input_tokens": 65, "output_tokens": 1}
        ours = pricer.price(event, NOW)
        told = pricer.price({**event, "reported_cost_usd": Decimal("0.00017250000000000002")}, NOW)
        assert ours is not None
        assert told == Cost(Decimal("0.0001725"), ours.by_type, ours.saved, "provider")

    def test_as_a_log_says_it(self, pricer: Pricer) -> None:
        """Money that was read back from a log line, where it is text, is the same money."""
        event = {"model": "whisper-1", "provider": "openai", "usage_units": {"audio_seconds": Decimal(60)}}
        assert pricer.price({**event, "usage_units": {"audio_seconds": "60"}}, NOW) == pricer.price(event, NOW)
        said = pricer.price({**GPT, "reported_cost_usd": "2.5"}, NOW)
        assert said == pricer.price({**GPT, "reported_cost_usd": Decimal("2.5")}, NOW)

    def test_a_reported_zero_is_a_price(self, pricer: Pricer) -> None:
        """Free is known to be free."""
        cost = pricer.price({"provider": "acme", "input_tokens": 1, "reported_cost_usd": Decimal(0)}, NOW)
        assert cost == Cost(Decimal(0), {"request": Decimal(0)}, Decimal(0), "provider")

    def test_the_users_table_is_next(self, with_table: Pricer) -> None:
        """It wins over our overrides and over genai-prices."""
        for model in ("gpt-4o", "mistral-large-latest"):
            cost = with_table.price({**GPT, "provider": None, "model": model}, NOW)
            assert cost is not None
            assert (cost.total, cost.source) == (Decimal(1), "custom")

    def test_our_overrides_are_before_genai_prices(self, pricer: Pricer) -> None:
        """Aliases that genai-prices has wrong cost what they do since their date, and its price before."""
        mistral = {
            "provider": "mistral",
            "model": "mistral-large-latest",
            "input_tokens": 1_000_000,
            "output_tokens": 0,
        }
        then = int(datetime(2025, 12, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
        now, before = pricer.price(mistral, NOW), pricer.price(mistral, then)
        assert now is not None
        assert before is not None
        assert (now.total, now.source) == (Decimal("0.5"), "custom")
        assert now.version.startswith("pepperpy_obs overrides ")
        assert (before.total, before.source) == (Decimal(2), "genai-prices")

    @pytest.mark.parametrize(
        "model, when, price",
        [
            ("deepseek-v4-flash", "2026-08-14T02:00", "0.14"),  # a Friday before peak hours had a price of their own
            ("deepseek-v4-flash", "2026-08-18T02:00", "0.44"),
            ("deepseek-v4-flash", "2026-08-22T02:00", "0.44"),  # the last Saturday with peak hours
            ("deepseek-v4-flash", "2026-08-23T02:00", "0.22"),
            ("deepseek-v4-flash", "2026-08-24T05:00", "0.22"),
            ("deepseek-v4-flash", "2026-09-11T02:00", "0.3"),
            ("deepseek-v4-flash", "2026-09-12T02:00", "0.15"),
            ("deepseek-flash", "2026-11-28T07:00", "0.15"),
            ("deepseek-flash", "2026-11-27T07:00", "0.3"),
            ("deepseek-v4-pro", "2026-08-14T09:59", "0.435"),
            ("deepseek-v4-pro", "2026-08-18T09:59", "1.32"),
            ("deepseek-v4-pro", "2026-08-18T10:00", "0.66"),
            ("deepseek-v4-pro", "2026-11-29T09:00", "0.66"),
            ("deepseek-v4-pro", "2026-11-30T09:00", "1.32"),
        ],
    )
    def test_peak_hours_are_those_of_working_days(self, model: str, when: str, price: str, pricer: Pricer) -> None:
        """DeepSeek's peaks began on a day, and since another have left out the weekends."""
        at = int(datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()) * 1_000_000_000
        cost = pricer.price({"provider": "deepseek", "model": model, "input_tokens": 1_000_000}, at)
        assert cost is not None
        assert cost.total == Decimal(price)

    def test_inference_within_a_country(self, pricer: Pricer) -> None:
        """Every token costs a tenth more, in the fast mode, too, and a search what it always does."""
        event = {
            "provider": "anthropic",
            "model": "claude-opus-4-8",
            "input_tokens": 1_000_000,
            "cache_read_tokens": 100_000,
            "output_tokens": 1000,
            "web_searches": 1,
        }
        for tier in ({}, {"service_tier": "fast"}):
            anywhere, there = pricer.price(event | tier, NOW), pricer.price(event | tier | {"inference_geo": "us"}, NOW)
            assert anywhere is not None
            assert there is not None
            fee = {"request": Decimal("0.01")}
            tokens = {kind: amount * Decimal("1.1") for kind, amount in anywhere.by_type.items() if kind != "request"}
            assert there.by_type == tokens | fee
            assert (there.source, anywhere.source) == ("custom", "genai-prices")

    def test_writes_that_are_kept_for_half_a_day(self, pricer: Pricer) -> None:
        """They cost twice the others, also in a tier for long requests."""
        event = {"provider": "openai", "model": "gpt-5.6-sol", "cache_write_tokens": 100_000}
        for read, rate in ((200_000, 5), (300_000, 10)):
            half_hour = pricer.price({**event, "input_tokens": read}, NOW)
            half_day = pricer.price({**event, "input_tokens": read, "cache_write_12h_tokens": 40_000}, NOW)
            assert half_hour is not None
            assert half_day is not None
            assert half_hour.by_type["cache_write"] == Decimal(rate) / 10
            assert half_day.by_type["cache_write"] == Decimal(rate) * 14 / 100

    def test_the_answering_model_is_before_the_one_asked_for(self, pricer: Pricer) -> None:
        """An alias is priced as the model that it led to."""
        cost = pricer.price({**GPT, "model": "gpt-4o-mini", "response_model": "gpt-4o-2024-08-06"}, NOW)
        assert cost is not None
        assert cost.total == Decimal("2.5")

    def test_the_model_asked_for_is_better_than_none(self, pricer: Pricer) -> None:
        """Where nobody knows the answering model, the one asked for counts."""
        cost = pricer.price({**GPT, "response_model": "/opt/ml/model"}, NOW)
        assert cost is not None
        assert cost.total == Decimal("2.5")

    @pytest.mark.parametrize(
        "event",
        [
            {},
            {"provider": "openai"},
            {"provider": "openai", "model": "no-such-model", "input_tokens": 1},
            {"provider": "no-such-provider", "model": "gpt-4o", "input_tokens": 1},
            {"provider": "ollama", "model": "llama3", "input_tokens": 1},
            {"provider": "openai", "model": "gpt-4o"},
        ],
    )
    def test_unknown_is_none(self, event: dict[str, Any], pricer: Pricer) -> None:
        """What nobody knows has no price, asked once or again; it is never 0."""
        assert [pricer.price(event, NOW), pricer.price(event, NOW)] == [None, None]

    def test_overrides_all_say_from_when_and_by_whom(self) -> None:
        """Every row of ours has its date and its source."""
        import tomllib
        from importlib.resources import files

        source = files("pepperpy_obs.pricing") / "overrides.toml"
        rows = tomllib.loads(source.read_text(encoding="utf-8"))["price"]
        assert all("from" in row and row["source"].startswith("https://") for row in rows)
        assert read_table(Path(str(source))).find(PriceQuery("mistral", "mistral-large-latest"), NOW).rates is not None


class TestNames:
    @pytest.mark.parametrize(
        "provider, model, price",
        [
            ("openai", "gpt-4o", "2.5"),
            ("OpenAI", "GPT-4o", "2.5"),
            (None, "gpt-4o", "2.5"),
            (None, "openai/gpt-4o", "2.5"),
            ("litellm", "openai/gpt-4o", "2.5"),
            ("portkey", "gpt-4o", "2.5"),
            ("openai", "openai/gpt-4o", "2.5"),
            ("azure.ai.openai", "gpt-4o", "2.5"),
            ("azure_openai", "gpt-4o", "2.5"),
            ("azure", "azure/gpt-4o", "2.5"),
            ("gcp.gemini", "models/gemini-2.5-flash", "0.3"),
            ("google-vertex", "publishers/google/models/gemini-2.5-flash", "0.3"),
            ("vertex_ai", "projects/p/locations/eu/publishers/google/models/gemini-2.5-flash", "0.3"),
            ("google", "claude-sonnet-4-5@20250929", "3"),
            ("x_ai", "grok-4-0709", "3"),
            ("aws.bedrock", "us.amazon.nova-pro-v1:0", "0.8"),
            ("bedrock", "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-pro-v1:0", "0.8"),
            (None, "bedrock/us-east-1/amazon.nova-pro-v1:0", "0.8"),
            ("mistral_ai", "mistral-small-latest", "0.15"),
            ("openrouter", "anthropic/claude-sonnet-4.5:nitro", "3"),
            ("openrouter", "meta-llama/any-model:free", "0"),
            (None, "openai:gpt-4o", "2.5"),
            (None, "gateway/openai:gpt-4o", "2.5"),
            (None, "azure_openai:gpt-4o", "2.5"),
            ("azure", "openai:gpt-4o", "2.5"),
            (None, "anthropic:claude-haiku-4-5", "1"),
            (None, "google_genai:gemini-2.5-flash", "0.3"),
            ("google", "google-gla:gemini-2.5-flash", "0.3"),
            (None, "google-vertex:gemini-2.5-flash", "0.3"),
            (None, "bedrock:us.anthropic.claude-haiku-4-5-20251001-v1:0", "1.1"),
            (None, "bedrock/converse/global.anthropic.claude-haiku-4-5-20251001-v1:0", "1"),
            ("aws", "bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0", "1.1"),
            (None, "bedrock/arn:aws:bedrock:us-east-1:1:foundation-model/amazon.nova-pro-v1:0", "0.8"),
            ("aws", "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.nova-pro-v1:0", "0.8"),
            (None, "vertex_ai/claude-haiku-4-5@20251001", "1"),
            ("google", "publishers/anthropic/models/claude-haiku-4-5@20251001", "1"),
            ("google", "google/gemini-2.5-flash", "0.3"),
            (None, "gemini/gemini-2.5-flash", "0.3"),
            (None, "models/gemini-2.5-flash", "0.3"),
            ("google", "gemini-2.5-flash@001", "0.3"),
            ("azure", "azureml://registries/azure-openai/models/gpt-4o/versions/2024-08-06", "2.5"),
            (None, "litellm_proxy/openrouter/anthropic/claude-sonnet-4.5", "3"),
            (None, "mistral-large-latest", "0.5"),
            (None, "us.anthropic.claude-haiku-4-5-20251001-v1:0", "1.1"),
            (None, "eu.amazon.nova-lite-v1:0", "0.078"),
            (None, "openai/responses/gpt-5", "1.25"),
        ],
    )
    def test_spellings(self, provider: str | None, model: str, price: str, pricer: Pricer) -> None:
        """A model costs the same under every name that providers, gateways and conventions give it."""
        cost = pricer.price({"provider": provider, "model": model, "input_tokens": 100_000, "output_tokens": 0}, NOW)
        assert cost is not None
        assert cost.total * 10 == Decimal(price)

    @pytest.mark.parametrize(
        "provider, model",
        [
            ("ollama", "llama3:8b"),
            (None, "mistral:7b"),
            ("aws", "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc123"),
            ("aws", "arn:aws:bedrock:us-east-1:1:provisioned-model/xyz"),
            ("google", "projects/p/locations/l/endpoints/123"),
            (None, "our:gpt-4o"),
        ],
    )
    def test_names_that_say_nothing_of_a_price(self, provider: str | None, model: str, pricer: Pricer) -> None:
        """A tag, a profile of one's own and an endpoint name no model of a table."""
        assert pricer.price({"provider": provider, "model": model, "input_tokens": 1}, NOW) is None

    def test_a_makers_name_is_no_price_of_another_provider(self, pricer: Pricer) -> None:
        """Who serves another's model has prices of his own: the maker's is not taken for it."""
        event = {"provider": "acme", "model": "openai/gpt-4o", "input_tokens": 1}
        assert pricer.price(event, NOW) is None


class TestEntries:
    def test_each_has_its_own_tier(self, pricer: Pricer) -> None:
        """Two requests below a tier's limit do not reach it together."""
        entry = {"input_tokens": 150_000, "output_tokens": 0}
        run = {
            "provider": "google",
            "model": "gemini-2.5-pro",
            "usage_aggregate": True,
            "input_tokens": 300_000,
            "output_tokens": 0,
        }
        together, apart = pricer.price(run, NOW), pricer.price({**run, "usage_entries": [entry, entry]}, NOW)
        assert together is not None
        assert apart is not None
        assert (together.total, apart.total) == (Decimal("0.75"), Decimal("0.375"))

    def test_each_has_its_own_model(self, pricer: Pricer) -> None:
        """What another model advised is priced as that model's; where one has no price, the whole has none."""
        entries = [{"input_tokens": 1_000_000}, {"input_tokens": 1_000_000, "model": "gpt-4o-mini"}]
        cost = pricer.price({**GPT, "usage_entries": entries}, NOW)
        assert cost is not None
        assert (cost.total, cost.by_type) == (Decimal("2.65"), {"input": Decimal("2.65")})
        assert pricer.price({**GPT, "usage_entries": [*entries, {"input_tokens": 1, "model": "none"}]}, NOW) is None


class TestExactness:
    @given(
        st.integers(0, 10**9),
        st.integers(0, 10**9),
        st.integers(0, 10**6),
        st.sampled_from(["gpt-4o", "gpt-5.4", "gpt-5-mini", "o3"]),
    )
    def test_parts_add_up(self, plain: int, cached: int, written: int, model: str) -> None:
        """The parts of a cost sum to it exactly, and what was saved is what the cached part would have cost more."""
        event = {"provider": "openai", "model": model, "input_tokens": plain + cached, "output_tokens": written}
        cost = PRICER.price({**event, "cache_read_tokens": cached}, NOW)
        full = PRICER.price(event, NOW)
        assert cost is not None
        assert full is not None
        assert sum(cost.by_type.values()) == cost.total
        assert cost.total + cost.saved == full.total

    def test_whatever_precision_the_thread_has(self, pricer: Pricer) -> None:
        """A thread that computes with few digits gets the same price."""
        event = {**GPT, "input_tokens": 123_456_789, "output_tokens": 987_654_321}
        exact = pricer.price(event, NOW)
        with localcontext() as context:
            context.prec = 3
            assert pricer.price(event, NOW) == exact

    def test_a_million_small_ones(self, pricer: Pricer) -> None:
        """Sums of prices do not drift, as floats would."""
        cost = pricer.price({**GPT, "input_tokens": 1400}, NOW)
        assert cost is not None
        assert sum((cost.total for _ in range(1000)), Decimal(0)) == Decimal("3.5")


PRICER = Pricer()


class TestLookups:
    def test_are_made_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Rates are looked up once a model, and that there are none is remembered too."""
        pricer = Pricer()
        asked: list[str] = []
        find = GenaiPrices.find

        def watched(source: GenaiPrices, wanted: PriceQuery, at: int) -> PriceResult:
            asked.append(wanted.model)
            return find(source, wanted, at)

        monkeypatch.setattr(GenaiPrices, "find", watched)
        for _ in range(50):
            pricer.price(GPT, NOW)
            pricer.price({**GPT, "model": "no-such-model"}, NOW)
        assert asked == ["gpt-4o", "no-such-model"]

    def test_leave_nothing_behind_in_the_library(self) -> None:
        """Names that are unknown, and those that only resemble known ones, are not kept for ever by anything."""
        snapshot = get_snapshot()
        pricer = Pricer()
        pricer.price(GPT, NOW)
        before = len(snapshot._provider_misses), len(snapshot._provider_cache), len(snapshot._lookup_cache)
        for number in range(300):
            pricer.price({**GPT, "model": f"gpt-4o-2024-08-06-{number}"}, NOW)
            pricer.price({**GPT, "provider": f"acme-{number}", "model": f"own-{number}"}, NOW)
            pricer.price({**GPT, "provider": None, "model": f"own-{number}"}, NOW)
        assert (len(snapshot._provider_misses), len(snapshot._provider_cache), len(snapshot._lookup_cache)) == before

    def test_are_not_hoarded(self) -> None:
        """Names without end do not fill the memory."""
        pricer = Pricer()
        for number in range(5000):
            pricer.price({"provider": "acme", "model": f"made-up-{number}", "input_tokens": 1}, NOW)
        assert len(pricer._plans) <= 4096
