"""Streams written in the shapes of the providers, each with the usage that it means when read to its end."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from pepperpy_obs import usage

__all__ = ["ANTHROPIC", "CHAT_USAGE", "STREAMS", "Items", "chat", "gemini", "merged"]

Items = list[Any]


def chat(finish: str | None, **more: Any) -> dict[str, Any]:
    """Return a chunk of a chat."""
    choice = {"index": 0, "delta": {"content": "Hello."}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "model": "gpt-4o", "choices": [choice], **more}


def gemini(written: int, finish: str | None = None) -> dict[str, Any]:
    """Return a chunk of a Gemini stream, each of which carries usage."""
    counts = {"promptTokenCount": 9, "candidatesTokenCount": written, "totalTokenCount": 9 + written}
    candidate = {"content": {}, **({"finishReason": finish} if finish else {})}
    return {"candidates": [candidate], "usageMetadata": counts, "modelVersion": "gemini-2.5-flash", "responseId": "g1"}


CHAT_USAGE: Final = {"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24}
ANTHROPIC: Final[Items] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "model": "claude-sonnet-4-5",
            "usage": {"input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello."}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 30}},
    {"type": "message_stop"},
]

STREAMS: Final[dict[str, tuple[Items, usage.Usage]]] = {
    "openai chat: a last chunk without choices": (
        [chat(None), chat(None), chat("stop"), {**chat(None), "choices": [], "usage": CHAT_USAGE}],
        usage.Usage(
            input_tokens=20,
            output_tokens=4,
            provider="openai",
            model="gpt-4o",
            response_model="gpt-4o",
            response_id="c1",
        ),
    ),
    "deepseek: usage on every chunk, the last counts": (
        [
            chat(None, usage={"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21}),
            chat("stop", usage=CHAT_USAGE),
        ],
        usage.Usage(
            input_tokens=20,
            output_tokens=4,
            provider="openai",
            model="gpt-4o",
            response_model="gpt-4o",
            response_id="c1",
        ),
    ),
    "openrouter: with an empty choice after the finish": (
        [
            chat(None),
            chat("stop"),
            chat(None, usage={**CHAT_USAGE, "cost": 0.0000775, "is_byok": False}),
        ],
        usage.Usage(
            input_tokens=20,
            output_tokens=4,
            provider="openrouter",
            model="gpt-4o",
            response_model="gpt-4o",
            response_id="c1",
            reported_cost_usd=Decimal("0.0000775"),
        ),
    ),
    "groq: in its own corner": (
        [chat(None, x_groq={"id": "r"}), chat("stop", x_groq={"id": "r", "usage": {**CHAT_USAGE, "queue_time": 0.1}})],
        usage.Usage(
            input_tokens=20,
            output_tokens=4,
            provider="groq",
            model="gpt-4o",
            response_model="gpt-4o",
            response_id="c1",
        ),
    ),
    "openai responses: with the final event": (
        [
            {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5", "usage": None}},
            {"type": "response.output_text.delta", "item_id": "i", "delta": "Hello."},
            {
                "type": "response.incomplete",
                "response": {
                    "id": "resp_1",
                    "model": "gpt-5",
                    "service_tier": "flex",
                    "usage": {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10},
                },
            },
        ],
        usage.Usage(
            input_tokens=7,
            output_tokens=3,
            provider="openai",
            model="gpt-5",
            response_model="gpt-5",
            response_id="resp_1",
            service_tier="flex",
        ),
    ),
    "openai assistants: the run's total, not its steps": (
        [
            {"id": "run_1", "object": "thread.run", "model": "gpt-4o-mini", "usage": None},
            {
                "id": "step_1",
                "object": "thread.run.step",
                "run_id": "run_1",
                "usage": {**CHAT_USAGE, "prompt_token_details": {"cached_tokens": 0}},
            },
            {
                "id": "run_1",
                "object": "thread.run",
                "model": "gpt-4o-mini",
                "usage": {
                    "prompt_tokens": 50,
                    "completion_tokens": 9,
                    "total_tokens": 59,
                    "prompt_token_details": {"cached_tokens": 0},
                },
            },
        ],
        usage.Usage(
            input_tokens=50,
            output_tokens=9,
            cache_read_tokens=0,
            provider="openai",
            model="gpt-4o-mini",
            response_model="gpt-4o-mini",
            response_id="run_1",
        ),
    ),
    "openai assistants: as its SDK wraps them": (
        [
            {"event": "thread.run.created", "data": {"id": "run_1", "object": "thread.run", "model": "gpt-4o-mini"}},
            {
                "event": "thread.run.step.completed",
                "data": {
                    "id": "step_1",
                    "object": "thread.run.step",
                    "run_id": "run_1",
                    "usage": {**CHAT_USAGE, "prompt_token_details": {"cached_tokens": 0}},
                },
            },
            {
                "event": "thread.run.completed",
                "data": {
                    "id": "run_1",
                    "object": "thread.run",
                    "model": "gpt-4o-mini",
                    "usage": {
                        "prompt_tokens": 50,
                        "completion_tokens": 9,
                        "total_tokens": 59,
                        "prompt_token_details": {"cached_tokens": 0},
                    },
                },
            },
        ],
        usage.Usage(
            input_tokens=50,
            output_tokens=9,
            cache_read_tokens=0,
            provider="openai",
            model="gpt-4o-mini",
            response_model="gpt-4o-mini",
            response_id="run_1",
        ),
    ),
    "anthropic: cumulative, field by field": (
        ANTHROPIC,
        usage.Usage(
            input_tokens=105,
            output_tokens=30,
            cache_read_tokens=100,
            provider="anthropic",
            model="claude-sonnet-4-5",
            response_model="claude-sonnet-4-5",
            response_id="msg_1",
        ),
    ),
    "gemini: the last of many": (
        [gemini(2), gemini(9), gemini(7, "STOP")],
        usage.Usage(
            input_tokens=9,
            output_tokens=7,
            provider="google",
            model="gemini-2.5-flash",
            response_model="gemini-2.5-flash",
            response_id="g1",
        ),
    ),
    "gemini interactions: when completed": (
        [
            {"event_type": "interaction.created", "interaction": {"id": "v1", "model": "gemini-3-flash-preview"}},
            {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "Hello."}},
            {
                "event_type": "interaction.completed",
                "interaction": {
                    "id": "v1",
                    "model": "gemini-3-flash-preview",
                    "usage": {
                        "total_input_tokens": 10,
                        "total_output_tokens": 4,
                        "total_thought_tokens": 2,
                        "total_tokens": 16,
                    },
                },
            },
        ],
        usage.Usage(
            input_tokens=10,
            output_tokens=6,
            reasoning_tokens=2,
            provider="google",
            model="gemini-3-flash-preview",
            response_model="gemini-3-flash-preview",
            response_id="v1",
        ),
    ),
    "mistral's sdk: the chunk within the event": (
        [
            {"data": {"id": "m", "model": "mistral-small-latest", "choices": [{"delta": {"content": "a"}}]}},
            {
                "data": {
                    "id": "m",
                    "model": "mistral-small-latest",
                    "choices": [{"finish_reason": "stop"}],
                    "usage": CHAT_USAGE,
                }
            },
        ],
        usage.Usage(
            input_tokens=20,
            output_tokens=4,
            provider="mistral",
            model="mistral-small-latest",
            response_model="mistral-small-latest",
            response_id="m",
        ),
    ),
    "langgraph: messages with their metadata": (
        [
            ({"id": "run", "content": "Hello."}, {"langgraph_node": "agent"}),
            (
                {"id": "run", "usage_metadata": {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}},
                {"langgraph_node": "agent"},
            ),
        ],
        usage.Usage(input_tokens=100, output_tokens=20, response_id="run"),
    ),
    "mistral: with the finish": (
        [
            {"id": "m", "model": "mistral-small-latest", "choices": [{"delta": {"content": "a"}}]},
            {
                "id": "m",
                "model": "mistral-small-latest",
                "choices": [{"finish_reason": "stop"}],
                "usage": CHAT_USAGE,
            },
        ],
        usage.Usage(
            input_tokens=20,
            output_tokens=4,
            provider="mistral",
            model="mistral-small-latest",
            response_model="mistral-small-latest",
            response_id="m",
        ),
    ),
    "bedrock converse: in the metadata": (
        [
            {"messageStart": {"role": "assistant"}},
            {"contentBlockDelta": {"delta": {"text": "Hello."}}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}, "metrics": {}}},
        ],
        usage.Usage(input_tokens=3, output_tokens=2, provider="aws"),
    ),
    "bedrock invoke: what it bills, in the last chunk": (
        [
            *({"chunk": {"bytes": json.dumps(event).encode()}} for event in ANTHROPIC[:-1]),
            {
                "chunk": {
                    "bytes": json.dumps(
                        {
                            "type": "message_stop",
                            "amazon-bedrock-invocationMetrics": {"inputTokenCount": 5, "outputTokenCount": 28},
                        }
                    ).encode()
                }
            },
        ],
        usage.Usage(
            input_tokens=105,
            output_tokens=28,
            cache_read_tokens=100,
            provider="anthropic",
            model="claude-sonnet-4-5",
            response_model="claude-sonnet-4-5",
            response_id="msg_1",
            flags=("output_tokens: 30 said, 28 billed",),
        ),
    ),
    "bedrock titan: each count once": (
        [
            ["chunk", {"outputText": "a", "inputTextTokenCount": 28.0}],
            ["chunk", {"outputText": "b", "totalOutputTextTokenCount": 188.0, "completionReason": "FINISH"}],
        ],
        usage.Usage(input_tokens=28, output_tokens=188, provider="aws"),
    ),
    "bedrock agent: a trace for each call of a model": (
        [
            {"trace": {"trace": {"orchestrationTrace": {"modelInvocationOutput": {"metadata": {"usage": used}}}}}}
            for used in ({"inputTokens": 10, "outputTokens": 2}, {"inputTokens": 20, "outputTokens": 3})
        ],
        usage.Usage(input_tokens=30, output_tokens=5, provider="aws"),
    ),
    "cohere v2: at the end of the message": (
        [
            {"type": "message-start", "id": "co1"},
            {"type": "content-delta", "delta": {"message": {"content": {"text": "Hello."}}}},
            {"type": "message-end", "delta": {"usage": {"billed_units": {"input_tokens": 7, "output_tokens": 9}}}},
        ],
        usage.Usage(input_tokens=7, output_tokens=9, provider="cohere", response_id="co1"),
    ),
    "cohere v1: in the response": (
        [
            {"event_type": "text-generation", "text": "Hello."},
            {
                "event_type": "stream-end",
                "response": {"generation_id": "g", "meta": {"billed_units": {"input_tokens": 7, "output_tokens": 9}}},
            },
        ],
        usage.Usage(input_tokens=7, output_tokens=9, provider="cohere", response_id="g"),
    ),
    "ollama: when done": (
        [
            {"model": "llama3", "message": {"content": "a"}, "done": False},
            {"model": "llama3", "done": True, "prompt_eval_count": 17, "eval_count": 63},
        ],
        usage.Usage(input_tokens=17, output_tokens=63, provider="ollama", model="llama3", response_model="llama3"),
    ),
    "langchain: chunks add up": (
        [
            {"id": "run", "usage_metadata": {"input_tokens": 100, "output_tokens": 0, "total_tokens": 100}},
            {"id": "run", "usage_metadata": None},
            {"id": "run", "usage_metadata": {"input_tokens": 0, "output_tokens": 20, "total_tokens": 20}},
        ],
        usage.Usage(input_tokens=100, output_tokens=20, response_id="run"),
    ),
    "watsonx: growing counts, the input once": (
        [
            {"model_id": "ibm/granite", "results": [{"input_token_count": 8, "generated_token_count": 0}]},
            {"model_id": "ibm/granite", "results": [{"input_token_count": 0, "generated_token_count": 11}]},
        ],
        usage.Usage(
            input_tokens=8, output_tokens=11, provider="watsonx", model="ibm/granite", response_model="ibm/granite"
        ),
    ),
}


def merged(items: Items) -> usage.Usage | None:
    """Return what a stream of these items is read as."""
    stream = usage.Stream()
    for item in items:
        stream.feed(item)
    captured = stream.captured()
    return None if captured is None else usage.read(captured)
