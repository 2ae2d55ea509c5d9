"""What is billed by other measures than plain tokens, and prices that stand beside them, are read as documented."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from pepperpy_obs import usage
from tests.usage.billed import ALL, CHAT, COST, COUNTED, TOKENS, UNITS, gemini, of_google
from tests.usage.test_answers import as_objects

FORMS: dict[str, Callable[[Any], object]] = {
    "dict": lambda answer: answer,
    "JSON": json.dumps,
    "objects": lambda answer: as_objects(answer, SimpleNamespace),
}


def told(answer: object, **asked: str) -> dict[str, Any] | None:
    """Return the event fields that an answer gives."""
    captured = usage.capture(answer)
    return None if captured is None else usage.usage_fields(captured, **asked)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ALL)
def test_all_that_is_billed_is_read(name: str, form: str) -> None:
    """Parts, units, searches and prices are what the documentation says, and nothing else is."""
    answer, expected = ALL[name]
    assert told(FORMS[form](answer)) == expected


def test_a_method_beside_the_usage_is_no_price() -> None:
    """A message of pydantic-ai can be asked for its `cost`; what the usage itself says of it stays."""

    class Message:
        def __init__(self) -> None:
            self.usage = SimpleNamespace(input_tokens=20, output_tokens=5, cost="0.0123")

        def cost(self) -> int:
            raise NotImplementedError

    assert told(Message()) == {**COUNTED, **COST}


def test_a_video_that_failed_is_not_billed() -> None:
    """A job that ended with an error made no seconds."""
    answer, _ = UNITS["openai: a video"]
    assert told({**answer, "status": "failed", "error": {"code": "moderation"}}) is None


def test_a_video_that_is_being_made_is_not_billed_yet() -> None:
    """It is asked for again and again, and has its seconds from the first time on."""
    answer, done = UNITS["openai: a video"]
    for status in ("queued", "in_progress"):
        found = told({**answer, "status": status})
        assert found is None or "usage_units" not in found
    assert told({**answer, "status": "completed"}) == done


def test_the_model_asked_for_decides_how_searches_are_billed() -> None:
    """Where the answer does not name its model, the caller's word is enough."""
    answer = gemini("", ["a", "b"])
    for model, searches in (("gemini-2.0-flash", 1), ("models/gemini-3-flash", 2), ("my-deployment", 2)):
        found = told(answer, model=model)
        assert found is not None
        assert found["web_searches"] == searches, model


def test_calls_of_functions_that_an_sdk_answered_itself() -> None:
    """The answer tells the usage of the last request alone: its history tells that there were others."""
    answer = gemini("gemini-2.5-flash", [], snake=True)
    history = [{"role": "user", "parts": []}, {"role": "model", "parts": []}, {"role": "user", "parts": []}]
    for form in FORMS.values():
        assert told(form({**answer, "automatic_function_calling_history": []})) == of_google("gemini-2.5-flash")
        assert told(form({**answer, "automatic_function_calling_history": history})) == {
            **of_google("gemini-2.5-flash"),
            "usage_incomplete": True,
        }


def test_a_stream_tells_all_requests_of_such_calls() -> None:
    """Its items are those of every request, so nothing is missing, though the later ones tell of the earlier."""
    called = {**gemini("gemini-2.5-flash", []), "responseId": "r1"}
    answered = {**called, "responseId": "r2", "automaticFunctionCallingHistory": [{"role": "user"}, {"role": "model"}]}
    stream = usage.Stream()
    for item in (called, answered):
        item["candidates"] = [{"finishReason": "STOP"}]
        stream.feed(item)
    captured = stream.captured()
    assert captured is not None
    found = usage.usage_fields(captured)
    assert found is not None
    assert (found["input_tokens"], found["requests"], found.get("usage_incomplete")) == (40, 2, None)
    assert [entry.get("usage_incomplete") for entry in found["usage_entries"]] == [None, None]


def test_entries_that_repeat_the_total_are_one_request() -> None:
    """Four requests that each used what all used together did not: one is taken, by its model's price, and flagged."""
    counts = {**CHAT, "queue_time": 0.1}
    models = [{"model": "openai/gpt-oss-120b", "usage": counts}] * 4
    found = told({"model": "groq/compound", "usage": counts, "usage_breakdown": {"models": models}})
    assert found == {
        **COUNTED,
        "provider": "groq",
        "model": "groq/compound",
        "response_model": "groq/compound",
        "usage_flags": ["entries: 4, each of them the total"],
        "usage_entries": [
            {**COUNTED, "provider": "groq", "model": "openai/gpt-oss-120b", "response_model": "openai/gpt-oss-120b"}
        ],
    }


def test_searches_that_came_with_an_earlier_item_of_a_stream() -> None:
    """Each chunk of Gemini's has usage, the last one counts; what was searched is told once, in any of them."""
    stream = usage.Stream()
    first, last = gemini("gemini-3-flash", ["a", "b"]), gemini("gemini-3-flash", [])
    last["candidates"][0]["finishReason"] = "STOP"
    for chunk in (first, last):
        stream.feed({**chunk, "responseId": "r1"})
    captured = stream.captured()
    assert captured is not None
    assert usage.usage_fields(captured) == {**of_google("gemini-3-flash"), "web_searches": 2, "response_id": "r1"}


def test_an_id_that_is_none_is_left_out() -> None:
    """openai-agents gives all answers of a chat the same one: by it, all but the first would be repetitions."""
    found = told({"id": "__fake_id__", "object": "response", "usage": TOKENS})
    assert found == COUNTED


def test_a_stream_of_moonshot() -> None:
    """The last choice has the usage, and the chunk that has it is the last."""
    chunk: dict[str, Any] = {"id": "c1", "object": "chat.completion.chunk", "model": "kimi-k2-0905-preview"}
    chunks = [
        {**chunk, "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]},
        {
            **chunk,
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": {**CHAT, "cached_tokens": 7}}],
        },
    ]
    for make in (FORMS["dict"], FORMS["objects"]):
        stream = usage.Stream()
        for each in chunks:
            stream.feed(make(each))
        captured = stream.captured()
        assert captured is not None
        assert usage.usage_fields(captured) == {
            **COUNTED,
            "cache_read_tokens": 7,
            "provider": "moonshotai",
            "model": "kimi-k2-0905-preview",
            "response_model": "kimi-k2-0905-preview",
            "response_id": "c1",
        }


def test_who_serves_models_of_these_names() -> None:
    """Names that one maker or host alone gives tell the provider."""
    names = {
        "kimi-k2": "moonshotai",
        "accounts/fireworks/models/deepseek-v3": "fireworks",
        "jina-embeddings-v3": "jina",
        "qwen3-max": "alibaba",
        "qwen3-8b": None,
    }
    for model, provider in names.items():
        found = told({"model": model, "usage": CHAT})
        assert found is not None
        assert found.get("provider") == provider, model


@pytest.mark.parametrize("said", ["0.0123", "None"])
def test_the_header_of_a_response_that_was_read(said: str) -> None:
    """The proxy of litellm tells the price of an answer in a header; where it knows none, it says so."""
    body = json.dumps({"usage": CHAT}).encode()
    for headers in ({"x-litellm-response-cost": said}, MappingProxyType({"x-litellm-response-cost": said})):
        response = SimpleNamespace(_content=body, headers=headers)
        for answer in (response, SimpleNamespace(http_response=response)):
            assert told(answer) == (COUNTED if said == "None" else {**COUNTED, **COST})
