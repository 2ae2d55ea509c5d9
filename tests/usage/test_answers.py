from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, PrivateAttr

from pepperpy_obs import usage

FOLDER = Path(__file__).with_name("answers")
ANSWERS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")}
"""An answer in the shape of each provider, written for this test, and the event fields that it means."""


class Model(BaseModel):
    """What most SDKs hand out: known fields, and others that came along."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    id: str | None = None
    model: str | None = None


def as_objects(value: Any, make: Callable[..., Any]) -> Any:
    """Return JSON-like data with an object for every dict whose keys can be attributes."""
    if isinstance(value, list):
        return [as_objects(each, make) for each in value]
    if not isinstance(value, dict):
        return value
    inner = {key: as_objects(each, make) for key, each in value.items()}
    return make(**inner) if all(key.isidentifier() and key[0] != "_" for key in value) else inner


def as_json(value: Any) -> str:
    """Return JSON as a provider sends it: money is a number there."""
    return json.dumps(value, default=float)


def with_money(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields as the package spells them: what is no token is a decimal."""
    exact = {key: Decimal(fields[key]) for key in ("reported_cost_usd",) if key in fields}
    units = {name: Decimal(amount) for name, amount in fields.get("usage_units", {}).items()}
    return fields | exact | ({"usage_units": units} if units else {})


def read(answer: object) -> dict[str, Any]:
    """Return the event fields that an answer gives."""
    captured = usage.capture(answer)
    assert captured is not None
    found = usage.read(captured)
    assert found is not None
    return usage.fields(found)


FORMS: dict[str, Callable[[Any], object]] = {
    "dict": lambda answer: answer,
    "JSON text": as_json,
    "JSON bytes": lambda answer: as_json(answer).encode(),
    "indented JSON": lambda answer: "\n" * 80 + json.dumps(answer, default=float, indent=2),
    "objects": lambda answer: as_objects(answer, SimpleNamespace),
    "pydantic models": lambda answer: as_objects(answer, Model),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_every_shape_in_every_form(name: str, form: str) -> None:
    """An answer means the same fields as a dict, as JSON, and as an SDK's objects."""
    assert read(FORMS[form](ANSWERS[name]["answer"])) == with_money(ANSWERS[name]["fields"])


@pytest.mark.parametrize(
    "answer",
    [
        "Tokens are what usage counts.",
        "",
        b"",
        b"\xff\x00",
        None,
        3,
        True,
        object(),
        int,
        {},
        [],
        (),
        {"a": 1},
        {"usage": None},
        {"usage": {}},
        {"usage": "much"},
        {"usageMetadata": {"trafficType": "ON_DEMAND"}},
        {"error": {"message": "no tokens left", "type": "rate_limit"}},
        '{"error": {"message": "no tokens left"}}',
        '{"usage": {"input_tokens": 1',
        "[1, 2, 3]",
        '{"usage":' * 100_000,
        'data: {"usage":' + "[" * 100_000 + "]" * 100_000 + "}\n\n",
        ["tokens", "tokens"],
        [{"text": "a"}] * 3,
    ],
)
def test_what_states_no_usage_gives_none(answer: object) -> None:
    """Prose, errors, other objects and broken JSON are not taken for answers."""
    assert usage.capture(answer) is None


def test_a_mock_is_no_answer() -> None:
    """An object that has every attribute states nothing by any of them."""
    from unittest.mock import MagicMock

    assert usage.capture(MagicMock()) is None


def test_an_object_that_refuses_is_no_answer() -> None:
    """What a property of the user's raises stays there."""

    class Refusing:
        @property
        def usage(self) -> object:
            raise RuntimeError

    assert usage.capture(Refusing()) is None


class Http:
    """As httpx and requests build theirs: what has been read is kept, what has not is read when asked for."""

    def __init__(self, **kept: object) -> None:
        vars(self).update(kept)

    @property
    def content(self) -> bytes:
        """Read the body: not ours to do."""
        raise AssertionError


@pytest.mark.parametrize("wrap", [lambda response: response, lambda response: SimpleNamespace(http_response=response)])
def test_a_raw_response_is_read_only_where_its_body_has_been(wrap: Callable[[Http], object]) -> None:
    """A raw response, bare or in an SDK's wrapper, is read as the body that it already has, and never made to read."""
    body = json.dumps({"model": "gpt-4o", "usage": {"prompt_tokens": 12, "completion_tokens": 7}}).encode()
    found = usage.capture(wrap(Http(_content=body)))
    plain = usage.capture(body)
    assert found is not None
    assert plain is not None
    assert (found.model, found.raw) == ("gpt-4o", plain.raw)
    for unread in ({}, {"_content": False}, {"_content": None}, {"_content": b"<html>"}):
        assert usage.capture(wrap(Http(**unread))) is None


def test_a_price_in_a_private_attribute() -> None:
    """Litellm's answers are pydantic models that keep the price that it computed to themselves."""

    class Answer(BaseModel):
        model: str
        usage: dict[str, int]
        _hidden_params: dict[str, Any] = PrivateAttr(default_factory=dict[str, Any])

    answer = Answer(model="gpt-4o", usage={"prompt_tokens": 10, "completion_tokens": 1})
    answer._hidden_params = {"response_cost": 0.0000350}
    assert read(answer)["reported_cost_usd"] == Decimal("0.000035")


def test_a_whole_answer_is_complete() -> None:
    """A body that is one answer needs no sign of its end: some providers leave the finish reason empty."""
    answer = {"choices": [{"finish_reason": None}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    assert (
        read(answer)
        == read(json.dumps(answer))
        == read(json.dumps(answer).encode())
        == {
            "input_tokens": 1,
            "output_tokens": 1,
        }
    )


class TestWhatIsKept:
    def test_no_text_of_the_answer(self) -> None:
        """Of an answer, numbers and names are kept and no word of its text."""
        for name, case in ANSWERS.items():
            assert "Hello." not in repr(usage.capture(case["answer"])), name

    def test_long_values_are_not_kept(self) -> None:
        """A text where a number or a name should be is not kept either."""
        secret = "a prompt " * 1000
        captured = usage.capture({"model": secret, "id": secret, "usage": {"input_tokens": secret, "output_tokens": 1}})
        assert captured is not None
        assert "prompt prompt" not in repr(captured)
        assert len(repr(captured)) < 5000

    def test_what_changes_later_does_not_change_it(self) -> None:
        """Frameworks go on counting in the same object: what was captured stays as it was."""
        counted = {"requests": 1, "tool_calls": 0, "input_tokens": 10, "output_tokens": 1}
        captured = usage.capture(counted)
        counted["input_tokens"] = 99
        assert captured is not None
        assert usage.read(captured) == usage.Usage(input_tokens=10, output_tokens=1, requests=1, aggregate=True)


class TestTheCallersWord:
    def test_it_fills_gaps(self) -> None:
        """Bedrock names no model: the caller does."""
        captured = usage.capture({"usage": {"inputTokens": 3, "outputTokens": 1}})
        assert captured is not None
        found = usage.read(captured, model="us.amazon.nova-pro-v1:0")
        assert found == usage.Usage(input_tokens=3, output_tokens=1, provider="aws", model="us.amazon.nova-pro-v1:0")

    def test_it_wins(self) -> None:
        """Who calls a compatible endpoint knows whose it is."""
        captured = usage.capture({"model": "gpt-4o-2024-08-06", "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
        assert captured is not None
        found = usage.read(captured, provider="my-gateway", model="fast")
        assert found == usage.Usage(
            input_tokens=1, output_tokens=2, provider="my-gateway", model="fast", response_model="gpt-4o-2024-08-06"
        )

    @pytest.mark.parametrize(
        "model, provider",
        [
            ("gpt-4o-mini", "openai"),
            ("o4-mini", "openai"),
            ("claude-opus-4-8", "anthropic"),
            ("gemini-3-pro", "google"),
            ("us.anthropic.claude-sonnet-4-6", "aws"),
            ("arn:aws:bedrock:us-east-1::foundation-model/x", "aws"),
            ("openai:gpt-4o", "openai"),
            ("google-gla:gemini-2.5-flash", "google"),
            ("bedrock/us.anthropic.claude-sonnet-4-6", "aws"),
            ("azure/our-chat", "azure"),
            ("publishers/anthropic/models/claude-opus-4-8", "google"),
            ("mistral:mistral-small-latest", "mistral"),
            ("mistral:7b", None),
            ("gpt-oss:20b", None),
            ("openai/gpt-oss-120b", None),
            ("llama3", None),
        ],
    )
    def test_without_it_the_models_name_tells_who_answers_if_anything(self, model: str, provider: str | None) -> None:
        """A bare name that only its maker serves tells the provider; a name that anybody serves does not."""
        captured = usage.capture({"model": model, "input_tokens": 1, "output_tokens": 1})
        assert captured is not None
        found = usage.read(captured)
        assert found is not None
        assert found.provider == provider
