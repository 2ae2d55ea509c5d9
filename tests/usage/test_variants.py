"""Shapes that providers document and that recordings seldom have: each with the usage that the documentation means."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from pepperpy_obs import usage
from tests.usage.test_answers import as_objects

CHAT = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
COUNTED = {"input_tokens": 20, "output_tokens": 5}

VARIANTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "chat: no details": (
        {"usage": {**CHAT, "prompt_tokens_details": None, "completion_tokens_details": None}},
        COUNTED,
    ),
    "chat: details without numbers": (
        {"usage": {**CHAT, "prompt_tokens_details": {"cached_tokens": None}, "completion_tokens_details": {}}},
        COUNTED,
    ),
    "chat: no total": ({"usage": {"prompt_tokens": 20, "completion_tokens": 5}}, COUNTED),
    "chat: nothing was written": (
        {"usage": {"prompt_tokens": 20, "completion_tokens": 0, "total_tokens": 20}},
        {"input_tokens": 20, "output_tokens": 0},
    ),
    "chat: reasoning beside the completion, in the total": (
        {"usage": {**CHAT, "total_tokens": 65, "completion_tokens_details": {"reasoning_tokens": 40}}},
        {"input_tokens": 20, "output_tokens": 45, "reasoning_tokens": 40},
    ),
    "chat: predictions are in the completion": (
        {
            "usage": {
                **CHAT,
                "completion_tokens_details": {"accepted_prediction_tokens": 3, "rejected_prediction_tokens": 2},
            }
        },
        COUNTED,
    ),
    "responses: without details": (
        {"object": "response", "usage": {"input_tokens": 20, "output_tokens": 5, "total_tokens": 25}},
        COUNTED,
    ),
    "responses: read back when the background is done": (
        {
            "object": "response",
            "background": True,
            "status": "completed",
            "usage": {
                "input_tokens": 20,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 5,
                "output_tokens_details": {"reasoning_tokens": 2},
                "total_tokens": 25,
            },
        },
        {**COUNTED, "cache_read_tokens": 0, "reasoning_tokens": 2},
    ),
    "openai: an image": (
        {
            "created": 1,
            "data": [{"b64_json": ""}],
            "usage": {
                "input_tokens": 50,
                "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
                "output_tokens": 4160,
                "output_tokens_details": {"image_tokens": 4160, "text_tokens": 0},
                "total_tokens": 4210,
            },
        },
        {"input_tokens": 50, "image_input_tokens": 40, "output_tokens": 4160, "image_output_tokens": 4160},
    ),
    "openai: a transcript by tokens": (
        {
            "text": "",
            "usage": {
                "type": "tokens",
                "input_tokens": 14,
                "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
                "output_tokens": 45,
                "total_tokens": 59,
            },
        },
        {"input_tokens": 14, "audio_input_tokens": 14, "output_tokens": 45},
    ),
    "openai: a transcript by the second": (
        {"text": "", "usage": {"type": "duration", "seconds": 9}},
        {"usage_units": {"audio_seconds": Decimal(9)}},
    ),
    "openai: a line of a batch of responses": (
        {
            "id": "batch_req_1",
            "custom_id": "1",
            "response": {
                "status_code": 200,
                "body": {"id": "resp_7", "usage": {"input_tokens": 20, "output_tokens": 5}},
            },
            "error": None,
        },
        {**COUNTED, "service_tier": "batch", "response_id": "resp_7"},
    ),
    "openai: a batch": (
        {
            "id": "batch_1",
            "object": "batch",
            "model": "gpt-5-mini",
            "status": "completed",
            "request_counts": {"total": 3, "completed": 3, "failed": 0},
            "usage": {
                "input_tokens": 20,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens": 5,
                "output_tokens_details": {"reasoning_tokens": 1},
                "total_tokens": 25,
            },
        },
        {**COUNTED, "cache_read_tokens": 4, "reasoning_tokens": 1, "service_tier": "batch", "provider": "openai"},
    ),
    "anthropic: a line of a batch": (
        {
            "custom_id": "1",
            "result": {
                "type": "succeeded",
                "message": {
                    "type": "message",
                    "model": "claude-sonnet-4-5",
                    "usage": {"input_tokens": 20, "cache_read_input_tokens": 0, "output_tokens": 5},
                },
            },
        },
        {**COUNTED, "cache_read_tokens": 0, "service_tier": "batch", "provider": "anthropic"},
    ),
    "anthropic: nulls": (
        {
            "type": "message",
            "usage": {
                "input_tokens": 20,
                "cache_creation_input_tokens": None,
                "cache_read_input_tokens": None,
                "cache_creation": None,
                "server_tool_use": None,
                "output_tokens": 5,
                "service_tier": None,
            },
        },
        {**COUNTED, "provider": "anthropic"},
    ),
    "anthropic: written for different times, the sum left out": (
        {
            "type": "message",
            "usage": {
                "input_tokens": 20,
                "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 50},
                "output_tokens": 5,
            },
        },
        {"input_tokens": 100, "cache_write_tokens": 80, "cache_write_1h_tokens": 50, "output_tokens": 5},
    ),
    "claude agent sdk: the end of a session": (
        {
            "type": "result",
            "subtype": "success",
            "num_turns": 3,
            "total_cost_usd": 0.0123,
            "usage": {
                "input_tokens": 20,
                "cache_creation_input_tokens": 100,
                "cache_read_input_tokens": 1000,
                "output_tokens": 5,
                "server_tool_use": {"web_search_requests": 0},
            },
        },
        {
            "input_tokens": 1120,
            "cache_write_tokens": 100,
            "cache_read_tokens": 1000,
            "output_tokens": 5,
            "reported_cost_usd": Decimal("0.0123"),
        },
    ),
    "gemini: a prompt that was refused": (
        {
            "promptFeedback": {"blockReason": "SAFETY"},
            "usageMetadata": {"promptTokenCount": 20, "totalTokenCount": 20},
        },
        {"input_tokens": 20, "output_tokens": None, "provider": "google"},
    ),
    "gemini: nothing but thoughts": (
        {"usageMetadata": {"promptTokenCount": 20, "thoughtsTokenCount": 5, "totalTokenCount": 25}},
        {**COUNTED, "reasoning_tokens": 5},
    ),
    "gemini: a line of a batch": (
        {
            "key": "1",
            "response": {"usageMetadata": {"promptTokenCount": 20, "candidatesTokenCount": 5, "totalTokenCount": 25}},
        },
        {**COUNTED, "service_tier": "batch"},
    ),
    "gemini: within an envelope that is no batch": (
        {
            "traceId": "1",
            "response": {"usageMetadata": {"promptTokenCount": 20, "candidatesTokenCount": 5, "totalTokenCount": 25}},
        },
        {**COUNTED, "service_tier": None},
    ),
    "vertex: a tier of traffic": (
        {
            "usageMetadata": {
                "promptTokenCount": 20,
                "candidatesTokenCount": 5,
                "totalTokenCount": 25,
                "trafficType": "ON_DEMAND_PRIORITY",
            }
        },
        {**COUNTED, "service_tier": "priority"},
    ),
    "bedrock: a line of a batch": (
        {
            "recordId": "1",
            "modelInput": {},
            "modelOutput": {
                "type": "message",
                "model": "claude-sonnet-4-5",
                "usage": {"input_tokens": 20, "cache_read_input_tokens": 0, "output_tokens": 5},
            },
        },
        {**COUNTED, "cache_read_tokens": 0, "service_tier": "batch"},
    ),
    "bedrock: a converse without a cache": (
        {"usage": {"inputTokens": 20, "outputTokens": 5, "totalTokens": 25}, "metrics": {"latencyMs": 1}},
        {**COUNTED, "provider": "aws"},
    ),
    "bedrock: nova by invocation": (
        {
            "usage": {
                "inputTokens": 20,
                "outputTokens": 5,
                "totalTokens": 125,
                "cacheReadInputTokenCount": 100,
                "cacheWriteInputTokenCount": 0,
            }
        },
        {"input_tokens": 120, "output_tokens": 5, "cache_read_tokens": 100, "cache_write_tokens": 0},
    ),
    "mistral: a transcript, whose audio is in the total only": (
        {
            "model": "voxtral-mini-2602",
            "usage": {"prompt_audio_seconds": 203, "prompt_tokens": 4, "completion_tokens": 635, "total_tokens": 3264},
        },
        {"input_tokens": 4, "output_tokens": 635, "usage_units": {"audio_seconds": Decimal(203)}, "usage_flags": None},
    ),
    "cohere: only what was read is billed": (
        {
            "usage": {
                "billed_units": {"input_tokens": 20, "output_tokens": 5},
                "tokens": {"input_tokens": 500, "output_tokens": 6},
            }
        },
        COUNTED,
    ),
    "cohere: images": (
        {"meta": {"billed_units": {"images": 2, "input_tokens": 20}}},
        {"input_tokens": 20, "usage_units": {"images": Decimal(2)}},
    ),
    "xai: searched sources": (
        {
            "model": "grok-4",
            "usage": {
                **CHAT,
                "total_tokens": 65,
                "completion_tokens_details": {"reasoning_tokens": 40},
                "prompt_tokens_details": {"text_tokens": 20, "cached_tokens": 6},
                "num_sources_used": 0,
            },
        },
        {"input_tokens": 20, "output_tokens": 45, "reasoning_tokens": 40, "cache_read_tokens": 6, "provider": "x-ai"},
    ),
    "perplexity: its own cost, in parts": (
        {
            "model": "sonar-pro",
            "usage": {**CHAT, "search_context_size": "low", "cost": {"request_cost": 0.006, "total_cost": 0.006135}},
        },
        {**COUNTED, "reported_cost_usd": Decimal("0.006135"), "provider": "perplexity"},
    ),
    "dashscope: cached under the other name": (
        {
            "output": {"text": ""},
            "usage": {
                "input_tokens": 20,
                "output_tokens": 5,
                "total_tokens": 25,
                "prompt_tokens_details": {"cached_tokens": 8},
            },
        },
        {**COUNTED, "cache_read_tokens": 8},
    ),
    "ollama: embeddings": (
        {"model": "nomic-embed-text", "embeddings": [[0.1]], "total_duration": 1, "prompt_eval_count": 20},
        {"input_tokens": 20, "output_tokens": None, "provider": "ollama"},
    ),
    "jina: reranked": (
        {"model": "jina-reranker-v2", "usage": {"total_tokens": 20}, "results": []},
        {"input_tokens": 20},
    ),
    "cloudflare: within a result": ({"result": {"response": "", "usage": CHAT}, "success": True}, COUNTED),
    "replicate: in the metrics": (
        {"metrics": {"predict_time": 1.5, "input_token_count": 20, "output_token_count": 5}},
        COUNTED,
    ),
    "instructor: a model of the user's with the answer behind it": (
        {"name": "x", "_raw_response": {"usage": CHAT}},
        COUNTED,
    ),
    "llamaindex: the answer within its own": (
        {"message": {}, "raw": {"model": "gpt-4o", "usage": CHAT}},
        {**COUNTED, "model": "gpt-4o"},
    ),
    "crewai: the usage of a crew": (
        {"raw": "", "token_usage": {**CHAT, "cached_prompt_tokens": 7, "successful_requests": 2}},
        {**COUNTED, "cache_read_tokens": 7, "usage_aggregate": True},
    ),
}
"""Answers, and what must be read from them; None stands for a field that must not be there."""

NO_USAGE: dict[str, Any] = {
    "openai: a moderation": {"id": "modr-1", "model": "omni-moderation-latest", "results": [{"flagged": False}]},
    "openai: a response that waits": {"id": "resp_1", "object": "response", "status": "queued", "usage": None},
    "openai: an image without usage": {"created": 1, "data": [{"url": "https://example.com"}]},
    "gemini: a count of what would be read": {
        "totalTokens": 20,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
    },
    "mistral: a moderation": {"id": "m1", "model": "mistral-moderation-latest", "results": []},
    "openrouter: the record of an answer": {"data": {"id": "gen-1", "total_cost": 0.01, "usage": 0.01}},
    "vertex: a picture": {"predictions": [{"bytesBase64Encoded": "", "mimeType": "image/png"}]},
    "groq: a transcript": {"text": "", "x_groq": {"id": "req_1"}},
}


def read(answer: Any) -> dict[str, Any] | None:
    """Return the event fields that an answer gives, None if none."""
    captured = usage.capture(answer)
    found = None if captured is None else usage.read(captured)
    return None if found is None else usage.fields(found)


FORMS: dict[str, Callable[[Any], object]] = {
    "dict": lambda answer: answer,
    "JSON": json.dumps,
    "objects": lambda answer: as_objects(answer, SimpleNamespace),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", VARIANTS)
def test_variant(name: str, form: str) -> None:
    """A documented variant of an answer means what its documentation says, whatever its form."""
    answer, expected = VARIANTS[name]
    found = read(FORMS[form](answer))
    assert found is not None
    assert {key: found.get(key) for key in expected} == expected
    counts = {key for key in found if key.endswith("_tokens") or key in ("usage_flags", "reported_cost_usd")}
    assert counts <= expected.keys(), found


def test_what_might_have_any_name_has_only_its_own() -> None:
    """A message that is asked for its fields one by one, as protobuf's are, is taken for no batch."""

    class Message:
        def __getattr__(self, name: str) -> Any:
            if name == "usage":
                return CHAT
            raise AttributeError(name)

    assert read(Message()) == COUNTED


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NO_USAGE)
def test_no_usage(name: str, form: str) -> None:
    """What costs nothing, or tells no usage, is not read as a request."""
    assert read(FORMS[form](NO_USAGE[name])) is None
