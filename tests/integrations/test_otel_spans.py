"""Spans of other instrumentations become our events: each request once, in its place in the trace."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import Status, StatusCode

from pepperpy_obs import agent, costed, measure
from pepperpy_obs._guard import failures
from pepperpy_obs.errors import SetupError
from pepperpy_obs.integrations.opentelemetry import ObsSpanProcessor, attach, post_instrument
from pepperpy_obs.testing import Captured, captured
from tests.integrations.spans import CHAT, OPENINFERENCE, finish, told


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
    outer = OPENINFERENCE
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


def test_spans_in_between_that_make_no_event_are_passed_over(provider: TracerProvider) -> None:
    """An application's own spans stand between an agent and its requests: the sum is known, and the agent."""
    tracer, own = provider.get_tracer("strands.telemetry.tracer"), provider.get_tracer("shop")
    whole = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a", "gen_ai.request.model": "gpt-4o-mini"}
    start = own.start_as_current_span
    with captured() as seen:
        with (
            tracer.start_as_current_span("invoke_agent a", attributes=_with_usage(whole, 1000, 200)) as outer,
            start("step"),
            start("inner step") as inner,
        ):
            finish(tracer, "chat", CHAT)
        ids = [f"{span.get_span_context().span_id:016x}" for span in (inner, outer)]
    assert requests_and_tokens(seen) == (1, 1200)
    assert [(event["agent"], event.get("parent_span_id")) for event in seen.events] == [("a", ids[0]), ("a", None)]
    assert seen.events[1]["span_id"] == ids[1]


@pytest.mark.parametrize("outer_first", [False, True])
def test_spans_that_nothing_ties_together_are_one_request_by_their_times(
    provider: TracerProvider, *, outer_first: bool
) -> None:
    """LangChain's span is not made current, and neither tells an id; whichever ends first is counted."""
    inner, outer = provider.get_tracer("openinference.instrumentation.openai"), provider.get_tracer("openinference.lc")
    attributes = OPENINFERENCE
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
