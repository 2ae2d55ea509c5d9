from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs.pricing import Cost, Pricer

EXAMPLE = Path(__file__).parents[2] / "config" / "prices.example.toml"


def at(day: str) -> int:
    """Return a day, or a moment of it, as events carry it."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def priced(table: str, event: dict[str, Any], tmp_path: Path, day: str = "2026-11-23") -> Cost | None:
    """Return what an event costs by a table."""
    path = tmp_path / "prices.toml"
    path.write_text(table, encoding="utf-8")
    return Pricer(path).price(event, at(day))


ONE = '[[price]]\nmodel = "m"\n'


class TestRates:
    @pytest.mark.parametrize(
        "row, event, by_type",
        [
            (
                "input = 2\noutput = 8",
                {"input_tokens": 10, "output_tokens": 1},
                {"input": "0.00002", "output": "0.000008"},
            ),
            ("input = 0.002\nper = 1000", {"input_tokens": 10}, {"input": "0.00002"}),
            ("input = 0.0000001234567890123\nper = 1", {"input_tokens": 3}, {"input": "0.0000003703703670369"}),
            (
                "input = 2\ncache_read = 0.5",
                {"input_tokens": 10, "cache_read_tokens": 4},
                {"input": "0.000012", "cache_read": "0.000002"},
            ),
            (
                "input = 2",
                {"input_tokens": 10, "cache_read_tokens": 4, "cache_write_tokens": 5},
                {"input": "0.000002", "cache_read": "0.000008", "cache_write": "0.00001"},
            ),
            (
                "input = 2\ncache_write = 3\ncache_write_1h = 4",
                {"input_tokens": 10, "cache_write_tokens": 5, "cache_write_1h_tokens": 2},
                {"input": "0.00001", "cache_write": "0.000017"},
            ),
            (
                "input = 2\naudio_input = 40\naudio_cache_read = 1\nimage_input = 4",
                {
                    "input_tokens": 20,
                    "audio_input_tokens": 8,
                    "image_input_tokens": 5,
                    "cache_read_tokens": 3,
                    "audio_cache_read_tokens": 2,
                },
                {"input": "0.000032", "audio_input": "0.00024", "cache_read": "0.000004"},
            ),
            (
                "output = 8\nreasoning = 10\naudio_output = 80\nimage_output = 30",
                {
                    "output_tokens": 20,
                    "reasoning_tokens": 5,
                    "audio_output_tokens": 4,
                    "image_output_tokens": 1,
                },
                {"reasoning": "0.00005", "audio_output": "0.00032", "output": "0.00011"},
            ),
            (
                "input = 1\ncache_write = 2\ncache_write_1h = 3\ncache_write_12h = 4",
                {
                    "input_tokens": 10,
                    "cache_write_tokens": 9,
                    "cache_write_1h_tokens": 2,
                    "cache_write_12h_tokens": 3,
                },
                {"input": "0.000001", "cache_write": "0.000026"},
            ),
            (
                "input = 2\nvideo_input = 12\nvideo_cache_read = 1\noutput = 8\nvideo_output = 20",
                {
                    "input_tokens": 20,
                    "video_input_tokens": 8,
                    "cache_read_tokens": 3,
                    "video_cache_read_tokens": 3,
                    "output_tokens": 4,
                    "video_output_tokens": 3,
                },
                {"input": "0.000084", "cache_read": "0.000003", "output": "0.000068"},
            ),
            ("request = 0.005", {"input_tokens": 1}, {"request": "0.005"}),
            ("request = 0.005", {"input_tokens": 1, "requests": 3}, {"request": "0.015"}),
            ("web_search = 0.01", {"web_searches": 2}, {"request": "0.02"}),
            ("second = 0.0007", {"duration_seconds": 2.5}, {"request": "0.00175"}),
            ("audio_hour = 0.36", {"usage_units": {"audio_seconds": Decimal(30)}}, {"request": "0.003"}),
            ("units = { pages = 0.02 }", {"usage_units": {"pages": 3, "seconds": 4}}, {"request": "0.06"}),
            ("input = 0", {"input_tokens": 10}, {"input": "0"}),
        ],
    )
    def test_of_every_kind(self, row: str, event: dict[str, Any], by_type: dict[str, str], tmp_path: Path) -> None:
        """Each kind of rate is charged for what it is for, and nothing is charged twice."""
        cost = priced(ONE + row, {"model": "m", **event}, tmp_path)
        assert cost is not None
        assert cost.by_type == {kind: Decimal(amount) for kind, amount in by_type.items()}
        assert cost.total == sum(cost.by_type.values())
        assert cost.source == "custom"

    def test_what_cache_reads_saved(self, tmp_path: Path) -> None:
        """Saved is the difference to the plain price of each token read from the cache."""
        cost = priced(
            ONE + "input = 2\ncache_read = 0.5", {"model": "m", "input_tokens": 10, "cache_read_tokens": 4}, tmp_path
        )
        assert cost is not None
        assert cost.saved == Decimal("0.000006")

    @pytest.mark.parametrize("tokens, total", [(99, "0.000198"), (100, "0.0002"), (101, "0.000303"), (201, "0.000804")])
    def test_tiers(self, tokens: int, total: str, tmp_path: Path) -> None:
        """Above a tier's limit, all tokens of the request cost the tier's price."""
        table = ONE + "input = 2\ntiers = [{ above = 100, input = 3 }, { above = 200, input = 4 }]"
        cost = priced(table, {"model": "m", "input_tokens": tokens}, tmp_path)
        assert cost is not None
        assert cost.total == Decimal(total)

    def test_nothing_to_charge_for(self, tmp_path: Path) -> None:
        """A model whose price is by the second has none for an event that has no duration."""
        assert priced(ONE + "second = 1", {"model": "m", "input_tokens": 1}, tmp_path) is None


class TestWhichRow:
    HISTORY = "".join(
        f'[[price]]\nmodel = "m"\n{line}\n'
        for line in (
            "input = 1",
            "from = 2026-01-01\ninput = 2",
            "from = 2026-06-01T12:00:00Z\nuntil = 2026-09-01\ninput = 3",
        )
    )

    @pytest.mark.parametrize(
        "day, price",
        [
            ("2025-12-31T23:59:59", 1),
            ("2026-01-01", 2),
            ("2026-06-01T11:59:59", 2),
            ("2026-06-01T12:00:00", 3),
            ("2026-08-31T23:59:59", 3),
            ("2026-09-01", 2),
        ],
    )
    def test_history(self, day: str, price: int, tmp_path: Path) -> None:
        """The latest row that holds at the event's time, in UTC."""
        cost = priced(self.HISTORY, {"model": "m", "input_tokens": 1_000_000}, tmp_path, day)
        assert cost is not None
        assert cost.total == price

    def test_history_with_one_pricer(self, tmp_path: Path) -> None:
        """What is remembered of a model, or of its having no price, does not outlive its row."""
        path = tmp_path / "prices.toml"
        path.write_text('[[price]]\nmodel = "m"\nfrom = 2026-01-01\nuntil = 2026-02-01\ninput = 1\n', encoding="utf-8")
        pricer = Pricer(path)
        found = [
            pricer.price({"provider": "acme", "model": "m", "input_tokens": 1_000_000}, at(day))
            for day in ("2025-12-31", "2026-01-01", "2026-01-31", "2026-02-01", "2026-01-15")
        ]
        assert [None if cost is None else cost.total for cost in found] == [None, 1, 1, None, 1]

    @pytest.mark.parametrize(
        "event, price",
        [
            ({"model": "llama-3.1-8b"}, 1),
            ({"model": "llama-3.1-70b"}, 2),
            ({"model": "LLaMA-3.1-70B"}, 2),
            ({"model": "llama-3.1-70b", "provider": "vllm"}, 3),
            ({"model": "llama-3.1-70b", "provider": "other"}, 2),
            ({"model": "llama-3.1-70b", "provider": "vllm", "service_tier": "batch"}, 4),
            ({"model": "our-name", "response_model": "llama-3.1-70b"}, 2),
            ({"model": "b"}, 5),
        ],
    )
    def test_the_most_telling(self, event: dict[str, Any], price: int, tmp_path: Path) -> None:
        """A name wins over a pattern, a row for a provider or a tier over one for all."""
        table = """
            [[price]]
            model = "llama-*"
            input = 1
            [[price]]
            model = "llama-3.1-70b"
            input = 2
            [[price]]
            model = "llama-3.1-70b"
            provider = "vllm"
            input = 3
            [[price]]
            model = "llama-3.1-70b"
            provider = "vllm"
            service_tier = "batch"
            input = 4
            [[price]]
            model = ["a", "b"]
            input = 5
        """
        cost = priced(table, {**event, "input_tokens": 1_000_000}, tmp_path)
        assert cost is not None
        assert cost.total == price

    def test_same_as(self, tmp_path: Path) -> None:
        """A deployment costs what the model that it runs costs, wherever that price is from."""
        table = '[[price]]\nprovider = "azure"\nmodel = "chat"\nsame_as = "gpt-4o"\n'
        event = {"provider": "azure", "model": "chat", "input_tokens": 1_000_000}
        cost = priced(table, event, tmp_path)
        assert cost is not None
        assert (cost.total, cost.source) == (Decimal("2.5"), "genai-prices")

    @pytest.mark.parametrize(
        "when, total",
        [
            ("2026-11-23T15:59", "4"),  # a Monday
            ("2026-11-23T16:00", "2"),
            ("2026-11-24T01:59", "2"),
            ("2026-11-24T02:00", "4"),
            ("2026-11-27T23:00", "2"),  # a Friday
            ("2026-11-28T01:00", "2"),  # its night
            ("2026-11-28T15:00", "1"),
            ("2026-11-30T00:00", "4"),
        ],
    )
    def test_hours_and_days(self, when: str, total: str, tmp_path: Path) -> None:
        """A row for some hours or days wins over one for all while it holds; a night is its first day's."""
        table = (
            ONE
            + "input = 4\n"
            + ONE
            + 'input = 2\nhours = "16:00-02:00"\ndays = ["monday", "tuesday", "wednesday", "thursday", "friday"]\n'
            + ONE
            + 'input = 1\ndays = ["saturday", "sunday"]'
        )
        path = tmp_path / "prices.toml"
        path.write_text(table, encoding="utf-8")
        event = {"model": "m", "input_tokens": 10**6}
        pricer = Pricer(path)
        for moment in ("2026-11-23T12:00", "2026-11-26T20:00", when, "2026-11-29T08:00"):  # nothing lasts too long
            cost = pricer.price(event, at(moment))
            if moment == when:
                assert cost is not None
                # In the small hours of Saturday both rows hold, and the later one wins.
                assert cost.total == Decimal("1" if when == "2026-11-28T01:00" else total)

    def test_a_factor_on_what_others_say(self, tmp_path: Path) -> None:
        """A discount is on the tokens of whatever table has the price, once, and says so; fees stay."""
        table = '[[price]]\nprovider = "openai"\nmodel = "*"\ntimes = 0.85\n'
        event = {"provider": "openai", "model": "gpt-4.1", "input_tokens": 10**6, "cache_read_tokens": 10**5}
        plain, less = Pricer().price(event, at("2026-11-23")), priced(table, event, tmp_path)
        assert plain is not None
        assert less is not None
        assert {kind: amount * Decimal("0.85") for kind, amount in plain.by_type.items()} == less.by_type
        assert (less.total, less.saved) == (plain.total * Decimal("0.85"), plain.saved * Decimal("0.85"))
        assert less.source == "custom"
        assert less.version.endswith(f": 0.85 times {plain.version}")
        assert priced(table, {**event, "model": "no-such-model"}, tmp_path) is None
        searched = {**event, "web_searches": 1}
        dearer = priced(table, searched, tmp_path)
        assert dearer is not None
        assert dearer.by_type.get("request") == (Pricer().price(searched, at("2026-11-23")) or less).by_type.get(
            "request"
        )

    def test_a_part_of_the_standard_price(self, tmp_path: Path) -> None:
        """A tier for which no table has prices costs a part of the standard price; one that has them costs these."""
        table = '[[price]]\nmodel = "*"\nservice_tier = "batch"\nof_standard = 0.4\n' + ONE + "input = 2\n"
        event = {"provider": "acme", "model": "m", "input_tokens": 10**6, "service_tier": "batch"}
        cost = priced(table, event, tmp_path)
        assert cost is not None
        assert (cost.total, cost.version.count(": 0.4 times ")) == (Decimal("0.8"), 1)
        plain = priced(table, {**event, "service_tier": "default"}, tmp_path)
        assert plain is not None
        assert plain.total == 2
        known = priced(table, {**event, "provider": "openai", "model": "gpt-4.1"}, tmp_path)
        assert known is not None
        assert (known.total, known.source) == (Decimal(1), "genai-prices")
        of_its_own = table + ONE + 'input = 1.5\nservice_tier = "batch"\n'
        cost = priced(of_its_own, event, tmp_path)
        assert cost is not None
        assert cost.total == Decimal("1.5")

    def test_a_factor_on_what_a_deployment_runs(self, tmp_path: Path) -> None:
        """A row may say both whose price it is and how much of it."""
        table = '[[price]]\nprovider = "azure"\nmodel = "ours"\nsame_as = "gpt-4o"\ntimes = 1.1\n'
        cost = priced(table, {"provider": "azure", "model": "ours", "input_tokens": 10**6}, tmp_path)
        assert cost is not None
        assert (cost.total, cost.source) == (Decimal("2.75"), "custom")

    def test_a_factor_on_an_override_of_ours(self, tmp_path: Path) -> None:
        """Factors of several tables multiply: a discount on what is dearer because it stays in one country."""
        table = '[[price]]\nprovider = "anthropic"\nmodel = "claude-*"\ntimes = 0.5\n'
        event = {"provider": "anthropic", "model": "claude-sonnet-4-6", "input_tokens": 10**6, "inference_geo": "us"}
        cost = priced(table, event, tmp_path)
        assert cost is not None
        assert cost.total == Decimal("1.65")

    def test_the_version_names_the_file_and_its_content(self, tmp_path: Path) -> None:
        """Two tables of one name are told apart."""
        first = priced(ONE + "input = 1", {"model": "m", "input_tokens": 1}, tmp_path)
        second = priced(ONE + "input = 2", {"model": "m", "input_tokens": 1}, tmp_path)
        assert first is not None
        assert second is not None
        assert first.version.startswith("prices.toml ")
        assert first.version != second.version


def test_the_sample_works() -> None:
    """Every kind of row in config/prices.example.toml is accepted and priced as its comment says."""
    pricer = Pricer(EXAMPLE)
    expected: list[tuple[dict[str, Any], str]] = [
        ({"provider": "vllm", "model": "llama-3.1-70b-instruct", "input_tokens": 10**6, "output_tokens": 10**6}, "1.2"),
        ({"provider": "ollama", "model": "qwen3", "duration_seconds": 3600.0}, "2.52"),
        ({"provider": "openai", "model": "gpt-4.1", "input_tokens": 100_000}, "0.16"),
        ({"provider": "openai", "model": "gpt-4.1", "input_tokens": 300_000}, "0.96"),
        ({"provider": "openai", "model": "gpt-4.1", "input_tokens": 10**6, "service_tier": "batch"}, "0.9"),
        ({"provider": "azure", "model": "our-chat-deployment", "input_tokens": 10**6}, "2.5"),
        ({"provider": "cohere", "model": "rerank-v3.5", "usage_units": {"search_units": Decimal(3)}}, "0.006"),
        ({"provider": "acme-search", "model": "web", "usage_units": {"search_units": 1}}, "0.005"),
        ({"provider": "groq", "model": "llama-3.3-70b-versatile", "input_tokens": 10**6}, "0.4425"),
        ({"provider": "night-host", "model": "glm", "input_tokens": 10**6}, "0.4"),
    ]
    costs = [pricer.price(event, at("2026-11-23T12:00")) for event, _ in expected]
    assert [cost and cost.total for cost in costs] == [Decimal(total) for _, total in expected]
