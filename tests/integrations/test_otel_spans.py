"""Spans of other instrumentations become our events: read in every dialect, counted once, and nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import Status, StatusCode, Tracer

from pepperpy_obs import agent, costed, measure
from pepperpy_obs._guard import failures
from pepperpy_obs.errors import SetupError
from pepperpy_obs.integrations.opentelemetry import ObsSpanProcessor, attach, post_instrument
from pepperpy_obs.testing import Captured, captured

CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 200,
}
NAMED = {"provider": "openai", "model": "gpt-4o-mini", "response_model": "gpt-4o-mini-2024-07-18"}
COUNTED = {"input_tokens": 1000, "output_tokens": 200}
SPOKEN = (
    "outcome", "error_type", "kind", "agent", "provider", "model", "response_model", "response_id", "service_tier",
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens",
    "reasoning_tokens", "usage_flags", "usage_incomplete", "usage_aggregate", "usage_duplicate",
)  # fmt: skip


@pytest.fixture
def provider() -> Iterator[TracerProvider]:
    """Return a tracer provider whose spans are read."""
    made = TracerProvider()
    attach(made)
    yield made
    made.shutdown()


def told(event: dict[str, Any]) -> dict[str, Any]:
    """Return what an event says of a request."""
    return {name: event[name] for name in SPOKEN if name in event}


def finish(tracer: Tracer, name: str, attributes: dict[str, Any], status: Status | None = None) -> None:
    """Make a span as a child of the current one."""
    with tracer.start_as_current_span(name, attributes=attributes) as span:
        if status is not None:
            span.set_status(status)


DIALECTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "conventions up to 1.36": (
        "some.scope",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.prompt_tokens": 10,
            "gen_ai.usage.completion_tokens": 2,
        },
        {"provider": "anthropic", "model": "claude-sonnet-4-5", "input_tokens": 10, "output_tokens": 2},
    ),
    "conventions up to 1.41": (
        "opentelemetry.instrumentation.genai.openai",
        CHAT | {"gen_ai.usage.cache_read.input_tokens": 512, "gen_ai.usage.reasoning.output_tokens": 64},
        NAMED | COUNTED | {"response_id": "chatcmpl-1", "cache_read_tokens": 512, "reasoning_tokens": 64},
    ),
    "conventions of their own": (
        "com.anthropic.sdk.python",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 3900,
            "gen_ai.usage.output_tokens": 250,
            "gen_ai.usage.cache_read.input_tokens": 3000,
            "gen_ai.usage.cache_write.input_tokens": 500,
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 200,
        },
        {
            "provider": "anthropic", "model": "claude-sonnet-4-5", "input_tokens": 3900, "output_tokens": 250,
            "cache_read_tokens": 3000, "cache_write_tokens": 500, "cache_write_1h_tokens": 200,
        },
    ),
    "OpenInference": (
        "openinference.instrumentation.openai",
        {
            "openinference.span.kind": "LLM",
            "llm.system": "openai",
            "llm.invocation_parameters": '{"model": "gpt-4o-mini", "stream": false}',
            "llm.model_name": "gpt-4o-mini-2024-07-18",
            "llm.token_count.prompt": 1000,
            "llm.token_count.completion": 200,
            "llm.token_count.prompt_details.cache_read": 512,
        },
        NAMED | COUNTED | {"cache_read_tokens": 512},
    ),
    "Langfuse, the provider's words": (
        "langfuse-sdk",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o-mini-2024-07-18",
            "langfuse.observation.usage_details": json.dumps({
                "prompt_tokens": 1000, "completion_tokens": 200, "prompt_tokens_details": {"cached_tokens": 512},
            }),
        },
        {"provider": "openai", "response_model": "gpt-4o-mini-2024-07-18", "cache_read_tokens": 512} | COUNTED,
    ),
    "Langfuse, its own parts": (
        "langfuse-sdk",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o-mini",
            "langfuse.observation.usage_details": json.dumps({
                "input": 488, "input_cache_read": 512, "output": 136, "output_reasoning": 64, "total": 1200,
            }),
        },
        {
            "provider": "openai", "response_model": "gpt-4o-mini", "cache_read_tokens": 512, "reasoning_tokens": 64,
        } | COUNTED,
    ),
    "litellm": (
        "litellm",
        CHAT | {"metadata.usage_object": "{'prompt_tokens': 1000, 'completion_tokens': 200, 'prompt_tokens_details': "
                "{'cached_tokens': 512}, 'cost': 0.1}"},
        NAMED | COUNTED | {"response_id": "chatcmpl-1", "cache_read_tokens": 512},
    ),
    "litellm, that has counted words": (
        "litellm",
        CHAT | {"llm.is_streaming": True, "metadata.usage_object": "{'prompt_tokens_details': None}"},
        NAMED | COUNTED | {"response_id": "chatcmpl-1", "usage_flags": ["estimated"]},
    ),
    "pydantic-ai": (
        "pydantic-ai",
        CHAT | {"gen_ai.usage.details.reasoning_tokens": 64, "operation.cost": 9.0},
        NAMED | COUNTED | {"response_id": "chatcmpl-1", "reasoning_tokens": 64},
    ),
    "a cache told apart from the input": (
        "some.scope",
        CHAT | {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.cache_read.input_tokens": 900},
        NAMED | COUNTED | {"response_id": "chatcmpl-1", "cache_read_tokens": 900},
    ),
    "no usage": (
        "some.scope",
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"},
        {"provider": "openai", "model": "gpt-4o-mini", "usage_flags": ["missing"]},
    ),
    "half of it": (
        "some.scope",
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 5},
        {"provider": "openai", "model": "gpt-4o-mini", "input_tokens": 5, "usage_incomplete": True},
    ),
}  # fmt: skip


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_span_is_read_in_every_dialect(dialect: str, provider: TracerProvider) -> None:
    """Tokens, cached tokens, models and provider are those that the span tells, under whatever names."""
    scope, attributes, expected = DIALECTS[dialect]
    with captured() as seen:
        finish(provider.get_tracer(scope), "chat gpt-4o-mini", attributes)
    assert told(seen.event) == {"outcome": "ok", "kind": "llm"} | expected


NO_REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "an answer that is fetched again": ("any", "fetch", {"gen_ai.operation.name": "fetch_response"}),
    "fetched, as OpenLLMetry tells it": (
        "opentelemetry.instrumentation.openai.v1",
        "openai.response",
        {name: value for name, value in CHAT.items() if name != "gen_ai.request.model"},
    ),
    "fetched, as OpenInference tells it": (
        "openinference.instrumentation.openai",
        "Response",
        {"openinference.span.kind": "LLM", "llm.invocation_parameters": "{}", "llm.token_count.prompt": 5},
    ),
    "fetched, as logfire tells it": (
        "logfire.openai", "OpenAI API call", {"gen_ai.system": "openai", "gen_ai.usage.input_tokens": 5},
    ),
    "tokens that are counted beforehand": ("any", "messages.count_tokens", CHAT),
    "what litellm has sent": ("litellm", "raw_gen_ai_request", {"llm.openai.usage": "{'prompt_tokens': 5}"}),
    "a tool": ("any", "execute_tool search", {"gen_ai.operation.name": "execute_tool"}),
    "the sum of a run": (
        "pydantic-ai", "invoke_agent",
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.aggregated_usage.input_tokens": 5},
    ),
    "an HTTP request": ("opentelemetry.instrumentation.httpx", "POST", {"gen_ai.operation.name": "chat"}),
    "our own calls": ("pepperpy_obs", "ask", CHAT),
    "anything else": ("shop", "checkout", {"cart": 3}),
}  # fmt: skip


@pytest.mark.parametrize("what", NO_REQUESTS)
def test_what_is_no_request_is_not_counted(what: str, provider: TracerProvider) -> None:
    """No request and no token comes of it."""
    scope, name, attributes = NO_REQUESTS[what]
    with captured() as seen:
        finish(provider.get_tracer(scope), name, attributes)
    assert (seen.stats.usage.total_calls, seen.stats.usage.total_tokens) == (0, 0)


def _with_usage(attributes: dict[str, Any], read: int, written: int) -> dict[str, Any]:
    return attributes | {"gen_ai.usage.input_tokens": read, "gen_ai.usage.output_tokens": written}


def requests_and_tokens(seen: Captured) -> tuple[int, int]:
    """Return what was counted."""
    return seen.stats.usage.total_calls, seen.stats.usage.total_tokens


def test_two_instrumentations_of_one_client_count_once_by_the_id(provider: TracerProvider) -> None:
    """They lie in different traces, and one has added up the output of a stream's events."""
    with captured() as seen:
        finish(provider.get_tracer("com.anthropic.sdk.python"), "messages", CHAT)
        finish(provider.get_tracer("opentelemetry.instrumentation.anthropic"), "chat", _with_usage(CHAT, 1000, 203))
    assert requests_and_tokens(seen) == (1, 1200)


def test_a_request_within_another_instrumentation_s_is_counted_once(provider: TracerProvider) -> None:
    """The outer one tells no id, and the parent tells that it is the same."""
    outer = DIALECTS["OpenInference"][1]
    with captured() as seen, provider.get_tracer("openinference.x").start_as_current_span("m", attributes=outer):
        finish(provider.get_tracer("com.openai.sdk"), "chat", CHAT)
    assert requests_and_tokens(seen) == (1, 1200)


def test_the_sum_of_a_run_counts_only_where_no_request_was_seen(provider: TracerProvider) -> None:
    """Strands repeats on the agent's span what the requests used; where they make no spans, it is all there is."""
    tracer = provider.get_tracer("strands.telemetry.tracer")
    whole = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a", "gen_ai.request.model": "gpt-4o-mini"}
    with captured() as seen:
        with tracer.start_as_current_span("invoke_agent a", attributes=_with_usage(whole, 2000, 400)):
            finish(tracer, "chat", CHAT)
            finish(tracer, "chat", CHAT | {"gen_ai.response.id": "chatcmpl-2"})
        assert requests_and_tokens(seen) == (2, 2400)
        finish(tracer, "invoke_agent b", _with_usage(whole, 20, 4))
    assert requests_and_tokens(seen) == (2, 2424)


@pytest.mark.parametrize("outer_first", [False, True])
def test_spans_that_nothing_ties_together_are_one_request_by_their_times(
    provider: TracerProvider, *, outer_first: bool
) -> None:
    """LangChain's span is not made current, and neither tells an id; whichever ends first is counted."""
    inner, outer = provider.get_tracer("openinference.instrumentation.openai"), provider.get_tracer("openinference.lc")
    attributes = DIALECTS["OpenInference"][1]
    with captured() as seen:
        around = outer.start_span("ChatOpenAI", attributes=attributes, start_time=1_000_000_000)
        within = inner.start_span("ChatCompletion", attributes=attributes, start_time=1_001_000_000)
        (around if outer_first else within).end(1_100_000_000)
        (within if outer_first else around).end(1_100_500_000)
        finish(inner, "ChatCompletion", attributes)  # at another time it is another request
    assert requests_and_tokens(seen) == (2, 2400)


def test_a_stream_of_logfire_is_one_request_with_its_usage(provider: TracerProvider) -> None:
    """The request's span ends before the stream, and another one tells the usage."""
    tracer = provider.get_tracer("logfire.openai")
    begun = {name: value for name, value in CHAT.items() if ".usage." not in name and ".response." not in name}
    with captured() as seen:
        finish(tracer, "Chat Completion", begun)
        finish(tracer, "streaming response from {model}", CHAT | {"duration": 1.5})
    assert requests_and_tokens(seen) == (1, 1200)
    assert seen.stats.cost.unpriced_calls == 0


def test_gemini_s_own_tool_calls_are_flagged(provider: TracerProvider) -> None:
    """The SDK asked at least twice, and the span tells the last request only."""
    tracer = provider.get_tracer("opentelemetry.instrumentation.google_genai")
    attributes = CHAT | {"gen_ai.operation.name": "generate_content", "gen_ai.provider.name": "gemini"}
    with captured() as seen, tracer.start_as_current_span("generate_content", attributes=attributes):
        finish(tracer, "execute_tool t", {"gen_ai.operation.name": "execute_tool"})
    event = seen.events[-1]
    assert (event["provider"], event["usage_flags"], event["usage_incomplete"]) == (
        "google", ["requests_unseen"], True,
    )  # fmt: skip


def test_our_own_function_around_an_instrumented_client_counts_once(provider: TracerProvider) -> None:
    """The span's usage is counted; the answer that the function returns has the same id. The tree holds both."""

    @costed
    def ask() -> dict[str, Any]:
        finish(provider.get_tracer("opentelemetry.instrumentation.genai.openai"), "chat gpt-4o-mini", CHAT)
        usage = {"prompt_tokens": 1000, "completion_tokens": 200}
        return {"id": "chatcmpl-1", "model": "gpt-4o-mini-2024-07-18", "usage": usage}

    with captured() as seen, agent("planner"), measure("run") as run:
        ask()
    span, own, block = seen.events
    assert requests_and_tokens(seen) == (1, 1200)
    assert (span["parent_span_id"], own["parent_span_id"]) == (own["span_id"], block["span_id"])
    assert {event["trace_id"] for event in seen.events} == {block["trace_id"]}
    assert {event["agent"] for event in seen.events} == {"planner"}
    assert run.spending().tokens == 1200


def test_requests_are_credited_to_the_agent_of_the_spans_around(provider: TracerProvider) -> None:
    """Each span of an agent names it for all below; without one it is nobody's."""
    tracer = provider.get_tracer("pydantic-ai")
    finish(tracer, "chat", CHAT)  # from here on the scope is known
    named = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "weather"}
    with captured() as seen:
        with (
            tracer.start_as_current_span("invoke_agent weather", attributes=named),
            tracer.start_as_current_span("execute_tool x", attributes={"gen_ai.operation.name": "execute_tool"}),
        ):
            finish(tracer, "chat", CHAT)
        finish(tracer, "chat", CHAT)
    assert [(event["kind"], event.get("agent")) for event in seen.events] == [
        ("llm", "weather"), ("tool", "weather"), ("agent", "weather"), ("llm", None),
    ]  # fmt: skip


FAILURES: dict[str, tuple[dict[str, Any], Status, dict[str, Any]]] = {
    "by its type": (
        {"error.type": "openai.RateLimitError"},
        Status(StatusCode.ERROR),
        {"error_type": "RateLimitError"},
    ),
    "by its type alone": ({"error.type": "429"}, Status(StatusCode.UNSET), {"error_type": "429"}),
    "a stream that was closed": ({}, Status(StatusCode.ERROR, "GeneratorExit: "), {"outcome": "abandoned"}),
    "a stream that was collected": ({}, Status(StatusCode.ERROR, "abandoned stream"), {"outcome": "abandoned"}),
    "a task that was cancelled": ({"error.type": "CancelledError"}, Status(StatusCode.ERROR), {"outcome": "cancelled"}),
}


@pytest.mark.parametrize("how", FAILURES)
def test_a_failed_request_says_how_it_ended(how: str, provider: TracerProvider) -> None:
    """The outcome and the class of the error, wherever the span tells them."""
    attributes, status, expected = FAILURES[how]
    asked = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini"}
    with captured() as seen:
        finish(provider.get_tracer("some.scope"), "chat", asked | attributes, status)
    common = {"outcome": "error", "kind": "llm", "provider": "openai", "model": "gpt-4o-mini"}
    assert told(seen.event) == common | {"usage_flags": ["missing"]} | expected


def test_a_recorded_exception_tells_its_class(provider: TracerProvider) -> None:
    """OpenInference and others set no error.type."""
    tracer = provider.get_tracer("some.scope")
    with captured() as seen, pytest.raises(TimeoutError), tracer.start_as_current_span("chat", attributes=CHAT):
        raise TimeoutError
    assert (seen.event["outcome"], seen.event["error_type"]) == ("error", "TimeoutError")


def test_the_time_to_the_first_chunk_and_the_duration_are_the_span_s(provider: TracerProvider) -> None:
    """In seconds, whoever tells it: by an attribute, an event, a time or in milliseconds."""
    with captured() as seen:
        for scope, more in (
            ("some.scope", {"gen_ai.response.time_to_first_chunk": 0.25}),
            ("strands.telemetry.tracer", {"gen_ai.server.time_to_first_token": 250}),
            ("langfuse-sdk", {"langfuse.observation.completion_start_time": '"1970-01-01T00:00:01.250000Z"'}),
            ("openinference.x", {}),
        ):
            attributes = CHAT | more | {"gen_ai.response.id": scope}
            span = provider.get_tracer(scope).start_span("chat", attributes=attributes, start_time=1_000_000_000)
            if not more:
                span.add_event("First Token Stream Event", timestamp=1_250_000_000)
            span.end(3_000_000_000)
    assert [(event["duration_seconds"], event["time_to_first_item_seconds"]) for event in seen.events] == [
        (2.0, 0.25)
    ] * 4


class Broken(ReadableSpan):
    """A span that raises when it is looked at."""

    @property
    def instrumentation_scope(self) -> Any:
        """Raise."""
        raise RuntimeError


def test_nothing_reaches_the_caller_of_end() -> None:
    """What fails in the processor is counted; the span ends all the same."""
    processor = ObsSpanProcessor()
    processor.on_end(Broken("chat"))
    assert failures()["opentelemetry"] == 1
    assert processor.force_flush()


def test_a_provider_is_attached_to_once_and_sampling_is_said_to_undercount() -> None:
    """A second time nothing is added; a sampler that leaves spans out is named."""
    provider = TracerProvider(sampler=TraceIdRatioBased(0.5))
    assert attach(provider) is attach(provider)
    assert failures()["opentelemetry.sampling"] == 1
    provider.shutdown()


def test_without_an_sdk_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """`attach` raises; the entry point, which may find any application, is silent."""
    monkeypatch.setattr(trace, "get_tracer_provider", trace.NoOpTracerProvider)
    with pytest.raises(SetupError, match="set one first"):
        attach()
    post_instrument()
    assert not failures()


def test_the_entry_point_attaches_unless_it_is_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users of `opentelemetry-instrument` disable any instrumentation."""
    provider = TracerProvider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "redis, pepperpy_obs")
    with captured() as seen:
        post_instrument()
        finish(provider.get_tracer("some.scope"), "chat", CHAT)
        assert not seen.events
        monkeypatch.delenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS")
        post_instrument()
        finish(provider.get_tracer("some.scope"), "chat", CHAT)
    assert told(seen.event)["input_tokens"] == 1000
    provider.shutdown()
