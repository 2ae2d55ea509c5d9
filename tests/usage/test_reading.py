from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs import usage
from pepperpy_obs.usage.normal import COUNTS, INPUT_PARTS, OUTPUT_PARTS


def read(answer: object) -> usage.Usage:
    """Return the usage of an answer that has some."""
    captured = usage.capture(answer)
    assert captured is not None
    found = usage.read(captured)
    assert found is not None
    return found


class TestWhatIsOddIsFlagged:
    @pytest.mark.parametrize(
        "said, flags, counts",
        [
            (
                {"prompt_tokens": True, "completion_tokens": 2},
                ["input_tokens: bool", "input_tokens: missing"],
                {"output_tokens": 2},
            ),
            (
                {"prompt_tokens": -1, "completion_tokens": 2},
                ["input_tokens: negative", "input_tokens: missing"],
                {"output_tokens": 2},
            ),
            (
                {"prompt_tokens": "12", "completion_tokens": 2},
                ["input_tokens: not a number", "input_tokens: missing"],
                {"output_tokens": 2},
            ),
            ({"prompt_tokens": 3, "completion_tokens": 1.5}, ["output_tokens: not whole"], {"input_tokens": 3}),
            (
                {"prompt_tokens": 3, "completion_tokens": float("nan")},
                ["output_tokens: not whole"],
                {"input_tokens": 3},
            ),
            (
                {"prompt_tokens": 3, "completion_tokens": float("inf")},
                ["output_tokens: not whole"],
                {"input_tokens": 3},
            ),
            ({"prompt_tokens": 3, "completion_tokens": 10**30}, ["output_tokens: too large"], {"input_tokens": 3}),
            ({"prompt_tokens": 3, "completion_tokens": [1]}, [], {"input_tokens": 3, "output_tokens": 1}),
            ({"prompt_tokens": 3, "completion_tokens": {"a": 1}}, ["output_tokens: not a number"], {"input_tokens": 3}),
            ({"completion_tokens": 2}, ["input_tokens: missing"], {"output_tokens": 2}),
            (
                {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 4},
                ["total: 4 said, 5 found"],
                {"input_tokens": 3, "output_tokens": 2},
            ),
            (
                {"prompt_tokens": 10, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 20}},
                ["cache_read_tokens: 20 cut to 10, all that is left of input_tokens"],
                {"input_tokens": 10, "output_tokens": 2, "cache_read_tokens": 10},
            ),
            (
                {
                    "prompt_tokens": 10,
                    "completion_tokens": 2,
                    "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 5},
                },
                ["cache_write_tokens: 5 cut to 2, all that is left of input_tokens"],
                {"input_tokens": 10, "output_tokens": 2, "cache_read_tokens": 8, "cache_write_tokens": 2},
            ),
            (
                {"prompt_tokens": 10, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 3}},
                ["reasoning_tokens: 3 cut to 2, all that is left of output_tokens"],
                {"input_tokens": 10, "output_tokens": 2, "reasoning_tokens": 2},
            ),
            (
                {"prompt_tokens": 10, "total_tokens": 10, "completion_tokens_details": {"reasoning_tokens": 3}},
                ["reasoning_tokens: 3 of an unknown output_tokens"],
                {"input_tokens": 10},
            ),
        ],
    )
    def test_in_openais_words(self, said: dict[str, Any], flags: list[str], counts: dict[str, int]) -> None:
        """What is no number is left out, a part above its whole is cut to it: with a flag, never in silence."""
        found = read({"usage": said})
        assert list(found.flags) == flags
        assert {name: value for name in COUNTS if (value := getattr(found, name)) is not None} == counts

    def test_a_price_that_is_none(self) -> None:
        """A reported price has to be one."""
        for said, flag in ((-1, "negative"), ("free", "not a number"), (True, "bool"), (float("inf"), "not finite")):
            found = read({"usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": said}})
            assert (found.reported_cost_usd, found.flags) == (None, (f"cost: {flag}",))

    def test_an_unset_number_of_an_sdk_is_just_not_there(self) -> None:
        """What SDKs put in place of nothing is not odd."""

        class Unset:
            pass

        found = read({"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": Unset()}})
        assert found.flags == ()

    def test_a_key_of_ones_own_without_the_upstreams_price(self) -> None:
        """OpenRouter's fee alone is not the price."""
        found = read({"usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0, "is_byok": True}})
        assert found.reported_cost_usd is None


class TestEntries:
    def test_what_anthropic_leaves_out_of_its_total(self) -> None:
        """What is billed beside the total becomes entries, with a flag; the counts stay the total's."""
        message = {"type": "message", "input_tokens": 100, "output_tokens": 10, "cache_read_input_tokens": 0}
        advice = {**message, "type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 900}
        found = read(
            {
                "type": "message",
                "model": "claude-sonnet-5",
                "usage": {**message, "iterations": [message, advice], "server_tool_use": {"web_search_requests": 1}},
            }
        )
        assert (found.input_tokens, found.output_tokens) == (100, 10)
        assert found.flags == ("entries: +900 input, +10 output tokens beyond the total",)
        assert [(entry.model, entry.input_tokens, entry.web_searches) for entry in found.entries] == [
            ("claude-sonnet-5", 100, 1),
            ("claude-opus-4-8", 900, None),
        ]

    def test_iterations_that_add_up(self) -> None:
        """Where the total is all, there are no entries."""
        step = {"type": "message", "input_tokens": 100, "output_tokens": 10, "cache_read_input_tokens": 0}
        found = read(
            {"type": "message", "usage": {**step, "input_tokens": 200, "output_tokens": 20, "iterations": [step, step]}}
        )
        assert (found.entries, found.flags) == ((), ())

    def test_a_framework_whose_entries_do_not_add_up(self) -> None:
        """Then the total is all that can be believed."""
        entry = {"input_tokens": 1, "output_tokens": 1}
        found = read({"requests": 2, "input_tokens": 9, "output_tokens": 2, "request_usage_entries": [entry, entry]})
        assert (found.entries, found.flags) == ((), ("entries: -7 input, +0 output tokens beyond the total",))


class TestFromTheUser:
    def test_it_is_checked_like_any_other(self) -> None:
        """A Usage of the user's goes through the same rules."""
        found = read(usage.Usage(input_tokens=5, output_tokens=1, cache_read_tokens=9, model="gpt-4o"))
        assert found == usage.Usage(
            input_tokens=5,
            output_tokens=1,
            cache_read_tokens=5,
            model="gpt-4o",
            provider="openai",
            flags=("cache_read_tokens: 9 cut to 5, all that is left of input_tokens",),
        )


WORDS = """
    usage prompt_tokens completion_tokens total_tokens input_tokens output_tokens prompt_tokens_details
    cached_tokens cache_read_input_tokens cache_creation_input_tokens cache_creation iterations type
    output_tokens_details reasoning_tokens input_token_details usageMetadata promptTokenCount
    candidatesTokenCount thoughtsTokenCount toolUsePromptTokenCount totalTokenCount
    cachedContentTokenCount promptTokensDetails modality tokenCount inputTokens outputTokens
    cacheReadInputTokens cacheDetails billed_units tokens meta results eval_count requests
    request_usage_entries cost is_byok cost_details response message delta metadata choices candidates
    model id service_tier
"""
json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**20) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS.split()), inner, max_size=6),
    max_leaves=30,
)


class TestLaws:
    @given(json_like)
    def test_whatever_comes(self, answer: Any) -> None:
        """Whatever JSON may hold, nothing is raised and the normal form holds: parts within their wholes."""
        captured = usage.capture(answer)
        found = None if captured is None else usage.read(captured)
        if found is None:
            return
        for one in (found, *found.entries):
            for name in COUNTS:
                value = getattr(one, name)
                assert value is None or (type(value) is int and value >= 0), name
            read_in, written = one.input_tokens or 0, one.output_tokens or 0
            assert sum(getattr(one, name) or 0 for name in INPUT_PARTS[:2]) <= read_in
            assert sum(getattr(one, name) or 0 for name in INPUT_PARTS[2:]) <= read_in
            assert (one.reasoning_tokens or 0) <= written
            assert sum(getattr(one, name) or 0 for name in OUTPUT_PARTS[1:]) <= written
            assert (one.cache_write_1h_tokens or 0) <= (one.cache_write_tokens or 0)
            assert one.reported_cost_usd is None or one.reported_cost_usd >= 0
            assert isinstance(usage.fields(one), dict)

    @given(st.lists(json_like, max_size=5))
    def test_whatever_streams(self, items: list[Any]) -> None:
        """Nor does a stream of anything raise."""
        stream = usage.Stream()
        for item in items:
            stream.feed(item)
        captured = stream.captured()
        if captured is not None:
            usage.read(captured)

    @given(st.binary(max_size=200) | st.text(max_size=200))
    def test_whatever_bytes(self, body: bytes | str) -> None:
        """Nor does a body of anything."""
        assert usage.capture(body) is None or isinstance(usage.capture(body), usage.Captured)


def test_fields_are_plain_values() -> None:
    """The event gets known facts only, as values that JSON can say."""
    found = usage.fields(
        usage.Usage(
            input_tokens=1,
            cache_read_tokens=0,
            units={"audio_seconds": Decimal(3)},
            reported_cost_usd=Decimal("0.1"),
            incomplete=True,
            flags=("total: 1 said, 2 found",),
            entries=(usage.Usage(input_tokens=1),),
        )
    )
    assert found == {
        "input_tokens": 1,
        "cache_read_tokens": 0,
        "usage_units": {"audio_seconds": Decimal(3)},
        "reported_cost_usd": Decimal("0.1"),
        "usage_incomplete": True,
        "usage_flags": ["total: 1 said, 2 found"],
        "usage_entries": [{"input_tokens": 1}],
    }


ODD: Any = type("Odd", (type,), {"__eq__": lambda *_: True, "__hash__": None})


@pytest.mark.parametrize("modality", [["TEXT"], {"name": "TEXT"}, None, 7.5])
def test_an_odd_modality_costs_its_own_count_only(modality: Any) -> None:
    """The tokens around it are counted all the same."""
    details = [{"modality": modality, "tokenCount": 10}]
    found = read({"usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 1, "promptTokensDetails": details}})
    assert (found.input_tokens, found.output_tokens, found.audio_input_tokens) == (10, 1, None)


def test_a_class_that_cannot_be_remembered_is_no_answer() -> None:
    """A metaclass may take away what a dictionary needs."""
    assert usage.capture(ODD("Class", (), {})()) is None


@pytest.mark.parametrize("also", [{}, {"input_tokens": None}])
def test_what_a_message_calls_its_type_says_what_it_lacks(also: dict[str, Any]) -> None:
    """Anthropic's message without counts of its own has no usage, whether they are missing or null."""
    assert usage.capture({"type": "message", "usage": {"cache_read_input_tokens": 5} | also}) is None


def test_flags_do_not_depend_on_the_form() -> None:
    """An object's fields are found in another order than a dict's."""
    said: dict[str, Any] = {"total_tokens": "x", "prompt_tokens": 5, "completion_tokens": True, "cost": "y"}
    assert read({"usage": said}).flags == read(SimpleNamespace(usage=SimpleNamespace(**said))).flags
    assert read({"usage": said}).flags == read({"usage": dict(reversed(said.items()))}).flags
