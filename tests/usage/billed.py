"""Answers that are billed by more than their tokens, or whose price stands beside them: each as it is documented."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

__all__ = ["ALL", "CHAT", "COST", "COUNTED", "TOKENS", "UNITS", "gemini", "of_google"]

CHAT: Final = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
COUNTED: Final = {"input_tokens": 20, "output_tokens": 5}
TOKENS: Final = {"input_tokens": 20, "output_tokens": 5, "total_tokens": 25}
COST: Final = {"reported_cost_usd": Decimal("0.0123")}


def gemini(model: str, *queries: list[str], snake: bool = False) -> dict[str, Any]:
    """Return an answer of Gemini grounded by these searches, in a candidate each."""
    if snake:
        candidates: list[Any] = [{"grounding_metadata": {"web_search_queries": each}} for each in queries]
        counts = {"prompt_token_count": 20, "candidates_token_count": 5, "total_token_count": 25}
        return {"candidates": candidates, "usage_metadata": counts, "model_version": model}
    candidates = [{"groundingMetadata": {"webSearchQueries": each}} for each in queries]
    counts = {"promptTokenCount": 20, "candidatesTokenCount": 5, "totalTokenCount": 25}
    return {"candidates": candidates, "usageMetadata": counts, "modelVersion": model}


def of_google(model: str) -> dict[str, Any]:
    """Return the fields of such an answer without its searches."""
    return {**COUNTED, "provider": "google", "model": model, "response_model": model}


SEARCHES: dict[str, tuple[Any, dict[str, Any]]] = {
    "gemini 2: by the prompt": (
        gemini("gemini-2.5-flash", ["a", "b", "c"]),
        {**of_google("gemini-2.5-flash"), "web_searches": 1},
    ),
    "gemini 3: by the different query": (
        gemini("gemini-3-pro-preview", ["a", "b", "a", " "], snake=True),
        {**of_google("gemini-3-pro-preview"), "web_searches": 2},
    ),
    "gemini: nothing was searched": (gemini("gemini-3-flash", []), of_google("gemini-3-flash")),
    "interactions": (
        {
            "model": "gemini-3-flash",
            "usage": {
                "total_input_tokens": 20,
                "total_output_tokens": 5,
                "total_tokens": 25,
                "total_cached_tokens": 9,
                "cached_tokens_by_modality": [{"modality": "text", "tokens": 2}, {"modality": "audio", "tokens": 7}],
                "input_tokens_by_modality": [{"modality": "audio", "tokens": 10}],
                "grounding_tool_count": [{"type": "google_search", "count": 2}, {"type": "google_maps", "count": 1}],
            },
        },
        {
            **of_google("gemini-3-flash"),
            "cache_read_tokens": 9,
            "audio_input_tokens": 10,
            "audio_cache_read_tokens": 7,
            "web_searches": 2,
            "usage_units": {"map_queries": Decimal(1)},
        },
    ),
    "langchain: gemini": (
        {
            "usage_metadata": {**TOKENS, "input_token_details": {"cache_read": 0}},
            "response_metadata": {
                "model_name": "gemini-2.5-flash",
                "grounding_metadata": {"web_search_queries": ["a", "b"]},
            },
        },
        {**of_google("gemini-2.5-flash"), "cache_read_tokens": 0, "web_searches": 1},
    ),
    "perplexity's agent": (
        {
            "id": "resp_1",
            "object": "response",
            "model": "openai/gpt-5.1",
            "usage": {
                **TOKENS,
                "input_tokens_details": {"cache_creation_input_tokens": 4, "cache_read_input_tokens": 6},
                "tool_calls_details": {"search_web": {"invocation": 1}},
                "cost": {"currency": "USD", "tool_calls_cost": 0.005, "total_cost": 0.0123},
            },
        },
        {
            **COUNTED,
            **COST,
            "cache_read_tokens": 6,
            "cache_write_tokens": 4,
            "web_searches": 1,
            "provider": "perplexity",
            "model": "openai/gpt-5.1",
            "response_model": "openai/gpt-5.1",
            "response_id": "resp_1",
        },
    ),
}
DASHSCOPE: dict[str, tuple[Any, dict[str, Any]]] = {
    "chat, explicit cache": (
        {
            "model": "qwen3-max",
            "usage": {
                **CHAT,
                "prompt_tokens_details": {
                    "cached_tokens": 0,
                    "cache_type": "ephemeral",
                    "cache_creation": {"ephemeral_5m_input_tokens": 12},
                    "cache_creation_input_tokens": 12,
                },
            },
        },
        {
            **COUNTED,
            "cache_read_tokens": 0,
            "cache_write_tokens": 12,
            "provider": "alibaba",
            "model": "qwen3-max",
            "response_model": "qwen3-max",
        },
    ),
    "its own API": (
        {"usage": {**TOKENS, "prompt_tokens_details": {"cached_tokens": 3, "cache_creation_input_tokens": 12}}},
        {**COUNTED, "cache_read_tokens": 3, "cache_write_tokens": 12},
    ),
    "responses, session cache": (
        {
            "object": "response",
            "usage": {
                **TOKENS,
                "output_tokens_details": {"reasoning_tokens": 2},
                "x_details": [
                    {
                        "x_billing_type": "response_api",
                        "prompt_tokens_details": {"cached_tokens": 6, "cache_creation_input_tokens": 8},
                    }
                ],
            },
        },
        {
            **COUNTED,
            "cache_read_tokens": 6,
            "cache_write_tokens": 8,
            "reasoning_tokens": 2,
            "provider": "alibaba",
        },
    ),
}
UNITS: dict[str, tuple[Any, dict[str, Any]]] = {
    "xai: a voice": (
        {
            "type": "response.done",
            "response": {
                "id": "r1",
                "usage": {
                    **TOKENS,
                    "output_token_details": {"audio_tokens": 4},
                    "output_audio_seconds": 5.134,
                    "billable_audio_seconds": 3,
                },
            },
        },
        {
            **COUNTED,
            "audio_output_tokens": 4,
            "provider": "x-ai",
            "response_id": "r1",
            "usage_units": {"output_audio_seconds": Decimal("5.134"), "billable_audio_seconds": Decimal(3)},
        },
    ),
    "openai: a video": (
        {
            "id": "video_1",
            "object": "video",
            "model": "sora-2",
            "status": "completed",
            "progress": 100,
            "seconds": "8",
            "size": "1280x720",
            "error": None,
        },
        {
            "provider": "openai",
            "model": "sora-2",
            "response_model": "sora-2",
            "response_id": "video_1",
            "usage_units": {"video_seconds": Decimal(8)},
        },
    ),
    "voyage: texts and images": (
        {"model": "voyage-multimodal-3", "usage": {"text_tokens": 5, "image_pixels": 2000000, "total_tokens": 3576}},
        {
            "input_tokens": 3576,
            "provider": "voyageai",
            "model": "voyage-multimodal-3",
            "response_model": "voyage-multimodal-3",
            "usage_units": {"image_pixels": Decimal(2000000)},
        },
    ),
    "anthropic: code that was run": (
        {
            "type": "message",
            "usage": {
                "input_tokens": 20,
                "output_tokens": 5,
                "server_tool_use": {"web_search_requests": 1, "code_execution_requests": 2},
            },
        },
        {**COUNTED, "provider": "anthropic", "web_searches": 1, "usage_units": {"code_executions": Decimal(2)}},
    ),
    "nova sonic: speech and text": (
        {
            "event": {
                "usageEvent": {
                    "totalInputTokens": 30,
                    "totalOutputTokens": 10,
                    "totalTokens": 40,
                    "details": {
                        "delta": {"input": {"speechTokens": 1, "textTokens": 0}},
                        "total": {
                            "input": {"speechTokens": 20, "textTokens": 10},
                            "output": {"speechTokens": 8, "textTokens": 2},
                        },
                    },
                }
            }
        },
        {
            "input_tokens": 30,
            "output_tokens": 10,
            "audio_input_tokens": 20,
            "audio_output_tokens": 8,
            "provider": "aws",
        },
    ),
    "nova sonic: without wholes": (
        {"usageEvent": {"details": {"total": {"input": {"speechTokens": 20, "textTokens": 10}}}}},
        {"input_tokens": 30, "audio_input_tokens": 20, "provider": "aws"},
    ),
}
COSTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "xai: an image by its price alone": (
        {"data": [{"url": ""}], "usage": {"cost_in_usd_ticks": 200000000}},
        {"reported_cost_usd": Decimal("0.02"), "provider": "x-ai"},
    ),
    "xai: a video by its price alone": (
        {"model": "grok-imagine-video", "status": "done", "usage": {"cost_in_usd_ticks": 500000000}},
        {
            "reported_cost_usd": Decimal("0.05"),
            "provider": "x-ai",
            "model": "grok-imagine-video",
            "response_model": "grok-imagine-video",
        },
    ),
    "vercel: beside a chat": (
        {"usage": CHAT, "choices": [{"message": {"provider_metadata": {"gateway": {"cost": "0.0123"}}}}]},
        {**COUNTED, **COST},
    ),
    "vercel: beside the answer": (
        {"usage": TOKENS, "providerMetadata": {"gateway": {"cost": "0.0123", "marketCost": "0.02"}}},
        {**COUNTED, **COST},
    ),
    "vercel: an account of the caller's own": (
        {"usage": TOKENS, "provider_metadata": {"gateway": {"cost": "0", "marketCost": "0.0123"}}},
        {**COUNTED, **COST},
    ),
    "vercel: without usage": ({"provider_metadata": {"gateway": {"cost": "0.0123"}}}, COST),
    "infron: beside the usage": (
        {"usage": CHAT, "choices": [], "cost": 0.0123, "cost_details": {"prompt_cost": 0.01, "is_byok": False}},
        {**COUNTED, **COST},
    ),
    "a price within the usage, and another beside it": (
        {"usage": {**CHAT, "cost": 0.0123}, "cost": 7},
        {**COUNTED, **COST},
    ),
    "a cost that is none": ({"usage": CHAT, "cost": "high"}, COUNTED),
    "infron: a key of the caller's own": (
        {"usage": CHAT, "choices": [], "cost": 0.0001, "cost_details": {"is_byok": True}},
        COUNTED,
    ),
    "litellm: a header of its proxy": (
        {"usage": CHAT, "_hidden_params": {"additional_headers": {"llm_provider-x-litellm-response-cost": "0.0123"}}},
        {**COUNTED, **COST},
    ),
    "litellm: a header that LangChain keeps": (
        {
            "usage_metadata": {**TOKENS, "input_token_details": {}},
            "response_metadata": {"headers": {"x-litellm-response-cost": "0.0123"}},
        },
        {**COUNTED, **COST},
    ),
    "pydantic's gateway: Gemini": (
        {
            "candidates": [],
            "usageMetadata": {
                "promptTokenCount": 20,
                "candidatesTokenCount": 5,
                "totalTokenCount": 25,
                "pydantic_ai_gateway": {"cost_estimate": 0.0123},
            },
        },
        {**COUNTED, **COST, "provider": "google"},
    ),
    "pydantic's gateway: Converse": (
        {
            "metrics": {"latencyMs": 1},
            "usage": {"inputTokens": 20, "outputTokens": 5, "pydantic_ai_gateway": {"cost_estimate": 0.0123}},
        },
        {**COUNTED, **COST, "provider": "aws"},
    ),
}
CAMELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "nobody says whose": ({"usage": {"inputTokens": 20, "outputTokens": 5, "totalTokens": 25}}, COUNTED),
    "the price beside it": ({"usage": {"inputTokens": 20, "outputTokens": 5}, "cost": 0.0123}, {**COUNTED, **COST}),
    "cached within": (
        {"usage": {"inputTokens": 20, "outputTokens": 5, "cachedInputTokens": 8, "reasoningTokens": 2}},
        {**COUNTED, "cache_read_tokens": 8, "reasoning_tokens": 2},
    ),
    "details apart": (
        {
            "usage": {
                "inputTokens": 20,
                "inputTokenDetails": {"cacheReadTokens": 8, "cacheWriteTokens": 1},
                "outputTokens": 5,
                "outputTokenDetails": {"reasoningTokens": 2},
            }
        },
        {**COUNTED, "cache_read_tokens": 8, "cache_write_tokens": 1, "reasoning_tokens": 2},
    ),
    "nested": (
        {
            "usage": {
                "inputTokens": {"total": 20, "cacheRead": 8, "cacheWrite": 1},
                "outputTokens": {"total": 5, "reasoning": 2},
            }
        },
        {**COUNTED, "cache_read_tokens": 8, "cache_write_tokens": 1, "reasoning_tokens": 2},
    ),
    "older": ({"usage": {"promptTokens": 20, "completionTokens": 5, "totalTokens": 25}}, COUNTED),
    "all steps": (
        {"usage": {"inputTokens": 2, "outputTokens": 1}, "totalUsage": {"inputTokens": 20, "outputTokens": 5}},
        COUNTED,
    ),
    "Converse": (
        {"output": {}, "stopReason": "end_turn", "usage": {"inputTokens": 20, "outputTokens": 5}},
        {**COUNTED, "provider": "aws"},
    ),
    "Converse, cached": (
        {"usage": {"inputTokens": 12, "cacheReadInputTokens": 8, "outputTokens": 5}},
        {**COUNTED, "cache_read_tokens": 8, "provider": "aws"},
    ),
    "Converse, streamed": (
        {"metadata": {"usage": {"inputTokens": 20, "outputTokens": 5}, "metrics": {"latencyMs": 5}}},
        {**COUNTED, "provider": "aws"},
    ),
}
ALL: Final = {
    f"{group}: {name}": case
    for group, cases in (
        ("searches", SEARCHES),
        ("dashscope", DASHSCOPE),
        ("units", UNITS),
        ("costs", COSTS),
        ("camels", CAMELS),
    )
    for name, case in cases.items()
}
