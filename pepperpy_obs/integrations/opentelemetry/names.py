"""Under which names instrumentations tell what we want to know: the first that is there holds.

Three generations of OpenTelemetry's GenAI conventions (to 1.36, to 1.41, and the conventions of their own since), and
the dialects of OpenLLMetry, OpenInference, Langfuse, litellm, Strands and pydantic-ai.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "AGENT",
    "COUNTS",
    "FIRST_CHUNK",
    "GENAI",
    "ID",
    "KINDS",
    "OPERATIONS",
    "PROVIDER",
    "REQUEST_MODEL",
    "RESPONSE_MODEL",
    "TIER",
    "TOLD_MODEL",
]

_USAGE: Final = "gen_ai.usage."
_LLM: Final = "llm.token_count."

COUNTS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("input_tokens", (f"{_USAGE}input_tokens", f"{_USAGE}prompt_tokens", f"{_LLM}prompt")),
    ("output_tokens", (f"{_USAGE}output_tokens", f"{_USAGE}completion_tokens", f"{_LLM}completion")),
    (
        "cache_read_tokens",
        (
            f"{_USAGE}cache_read.input_tokens",
            f"{_USAGE}cache_read_input_tokens",
            f"{_LLM}prompt_details.cache_read",
            f"{_USAGE}details.cache_read_tokens",
        ),
    ),
    (
        "cache_write_tokens",
        (
            f"{_USAGE}cache_write.input_tokens",
            f"{_USAGE}cache_creation.input_tokens",
            f"{_USAGE}cache_creation_input_tokens",
            f"{_USAGE}cache_write_input_tokens",
            f"{_LLM}prompt_details.cache_write",
            f"{_USAGE}details.cache_write_tokens",
        ),
    ),
    ("cache_write_1h_tokens", ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens",)),
    (
        "reasoning_tokens",
        (
            f"{_USAGE}reasoning.output_tokens",
            f"{_USAGE}reasoning_tokens",
            f"{_USAGE}details.reasoning_tokens",
            f"{_LLM}completion_details.reasoning",
        ),
    ),
    ("audio_input_tokens", (f"{_USAGE}audio.input_tokens", f"{_LLM}prompt_details.audio")),
    ("audio_output_tokens", (f"{_USAGE}audio.output_tokens", f"{_LLM}completion_details.audio")),
)
"""`gen_ai.aggregated_usage.*` is not among them: it repeats what spans below tell."""

REQUEST_MODEL: Final = ("gen_ai.request.model", "llm.request.model_name", "embedding.model_name")
RESPONSE_MODEL: Final = ("gen_ai.response.model", "llm.response.model_name")
TOLD_MODEL: Final = ("llm.model_name", "langfuse.observation.model.name")
"""The model that answered where there was an answer, else the one that was asked."""
PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
ID: Final = ("gen_ai.response.id",)
TIER: Final = ("openai.response.service_tier", "gen_ai.openai.response.service_tier", "anthropic.response.service_tier")
AGENT: Final = ("gen_ai.agent.name", "agent.name", "graph.node.name")
FIRST_CHUNK: Final = ("gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk")

OPERATIONS: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            *("chat", "text_completion", "generate_content", "embeddings", "completion", "acompletion", "embedding"),
            *("aembedding", "responses", "aresponses", "image_generation", "speech", "transcription", "rerank"),
        ),
        "llm",
    ),
    "execute_tool": "tool",
    "invoke_agent": "agent",
    **dict.fromkeys(
        (
            *("create_agent", "invoke_workflow", "execute_task", "execute_event_loop_cycle", "retrieval", "plan"),
            *("fetch_response", "create_memory", "search_memory", "update_memory", "upsert_memory", "delete_memory"),
            *("create_memory_store", "delete_memory_store"),
        ),
        "task",
    ),
}
"""Which kind of operation `gen_ai.operation.name` speaks of."""

KINDS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("gen_ai.operation.name", OPERATIONS),
    (
        "openinference.span.kind",
        {
            **dict.fromkeys(("LLM", "EMBEDDING"), "llm"),
            "TOOL": "tool",
            "AGENT": "agent",
            **dict.fromkeys(("CHAIN", "PROMPT", "RETRIEVER", "RERANKER", "GUARDRAIL", "EVALUATOR"), "task"),
        },
    ),
    ("traceloop.span.kind", {"workflow": "task", "task": "task", "agent": "agent", "tool": "tool"}),
    (
        "langfuse.observation.type",
        {
            **dict.fromkeys(("generation", "embedding"), "llm"),
            "tool": "tool",
            "agent": "agent",
            **dict.fromkeys(("span", "chain", "retriever", "evaluator", "guardrail"), "task"),
        },
    ),
)
"""What says of which kind a span is, the first that is there and known."""

GENAI: Final = (*(name for name, _ in KINDS), "gen_ai.request.model", "llm.request.type")
"""A span that has none of these is none of ours."""
