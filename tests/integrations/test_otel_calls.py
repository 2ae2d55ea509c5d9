"""Our calls and the application's spans are one tree, in its own pipeline."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from pepperpy_obs import Config, agent, attributes, configure, costed, current_call, flush, measure, measured, shutdown
from pepperpy_obs._guard import failures
from pepperpy_obs.context import CURRENT
from pepperpy_obs.errors import SetupError
from pepperpy_obs.integrations.opentelemetry import connect, disconnect
from pepperpy_obs.integrations.web import AsgiMiddleware
from pepperpy_obs.testing import captured
from tests.integrations.spans import CHAT, finish


class Pipeline:
    """An application's tracing, and what it has exported."""

    def __init__(self, provider: TracerProvider) -> None:
        self.provider = provider
        self.exporter = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer: Tracer = provider.get_tracer("shop")

    def spans(self) -> dict[str, ReadableSpan]:
        """Return all spans so far by name."""
        flush()
        return {str(span.name): span for span in self.exporter.get_finished_spans()}

    def tree(self) -> dict[str, str | None]:
        """Return the name of the parent of each."""
        spans = self.spans()
        names = {span.context.span_id: name for name, span in spans.items() if span.context}
        return {name: None if span.parent is None else names.get(span.parent.span_id) for name, span in spans.items()}


@pytest.fixture
def pipeline(no_thread_left: None, tmp_path: Path) -> Iterator[Pipeline]:
    """Return an application's tracing that we are connected with."""
    made = Pipeline(TracerProvider())
    connect(made.provider)
    configure(Config(config_file=None, log_file=tmp_path / "app.log"))
    yield made
    disconnect()
    shutdown()
    made.provider.shutdown()


def answer(number: int) -> dict[str, Any]:
    """Return an answer of a provider."""
    return {"id": f"c{number}", "model": "gpt-4o-mini", "usage": {"prompt_tokens": 1000, "completion_tokens": 200}}


def test_calls_are_spans_by_the_conventions(pipeline: Pipeline) -> None:
    """With the ids of their events; names, kinds, attributes and status say what they were."""

    @costed(provider="openai", attributes={"customer": "acme"})
    def ask() -> dict[str, Any]:
        return answer(1)

    @measured(kind="tool", operation="search")
    def search() -> None:
        raise LookupError

    with measure("plan", kind="agent") as run:
        ask()
        with pytest.raises(LookupError):
            search()
    spans = pipeline.spans()
    chat, tool, plan = spans["chat gpt-4o-mini"], spans["execute_tool search"], spans["invoke_agent plan"]
    assert plan.context is not None
    assert f"{plan.context.span_id:016x}" == run.span_id
    assert pipeline.tree() == {chat.name: plan.name, tool.name: plan.name, plan.name: None}
    assert (chat.kind, tool.kind, plan.kind) == (SpanKind.CLIENT, SpanKind.INTERNAL, SpanKind.INTERNAL)
    assert (chat.status.status_code, tool.status.status_code) == (StatusCode.UNSET, StatusCode.ERROR)
    said = dict(chat.attributes or {})
    assert float(str(said.pop("pepperpy.cost_usd"))) > 0
    for ours in ("event_id", "cost_by_type", "price_version", "cost_source", "operation", "outcome"):
        said.pop(f"pepperpy.{ours}")
    assert said == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini",
        "gen_ai.response.id": "c1",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 200,
        "gen_ai.agent.name": "plan",
        "customer": "acme",
    }
    assert dict(tool.attributes or {})["error.type"] == "LookupError"


def test_the_tree_alternates_between_both(pipeline: Pipeline) -> None:
    """A span is the caller of our call, which is the parent of the next span, and so on; one trace."""

    @measured(operation="inner")
    def inner() -> None:
        finish(pipeline.tracer, "leaf", {})

    start = pipeline.tracer.start_as_current_span
    with start("request"), measure("outer"), agent("planner"), start("middle"), attributes(customer="acme"):
        inner()
    assert pipeline.tree() == {
        "leaf": "inner",
        "inner": "middle",
        "middle": "outer",
        "outer": "request",
        "request": None,
    }
    spans = pipeline.spans().values()
    assert len({span.context.trace_id for span in spans if span.context}) == 1
    inner_span = pipeline.spans()["inner"]
    assert dict(inner_span.attributes or {})["gen_ai.agent.name"] == "planner"
    assert dict(inner_span.attributes or {})["customer"] == "acme"
    assert CURRENT.get() is None


def test_headers_that_are_sent_name_the_running_call(pipeline: Pipeline) -> None:
    """Whatever propagates OpenTelemetry's context sends our ids."""
    with measure("outer") as call:
        headers: dict[str, str] = {}
        propagate.inject(headers)
        assert headers == {"traceparent": call.traceparent}


def test_a_received_context_is_the_caller(pipeline: Pipeline) -> None:
    """So a server's or a worker's instrumentation makes our calls children of what called."""
    header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    token = context.attach(propagate.extract({"traceparent": header}))
    with captured() as seen, measure("run"):
        pass
    context.detach(token)
    assert (seen.event["trace_id"], seen.event["parent_span_id"]) == (header[3:35], header[36:52])


def test_middleware_of_opentelemetry_s_own_is_the_caller_of_a_request(pipeline: Pipeline) -> None:
    """It has read the headers; the same header says nothing more to ours."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def nothing(_: Any = None) -> None:
        return None

    header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"traceparent", header.encode())]}
    token = context.attach(propagate.extract({"traceparent": header}))
    with pipeline.tracer.start_as_current_span("GET"):
        asyncio.run(AsgiMiddleware(answer)(scope, nothing, nothing))
    context.detach(token)
    assert pipeline.tree()["GET (no route)"] == "GET"
    assert pipeline.spans()["GET (no route)"].kind is SpanKind.SERVER


def test_the_current_span_stays_the_application_s_own(pipeline: Pipeline) -> None:
    """Code that decorates the current span finds its own, and our call keeps being the running one."""

    @measured(operation="ask")
    def ask() -> None:
        span = trace.get_current_span()
        assert span.is_recording()
        span.set_attribute("cart", 3)
        with pipeline.tracer.start_as_current_span("inner"):
            current_call().add(found=7)
            assert current_call().operation == "ask"

    with pipeline.tracer.start_as_current_span("request"):
        ask()
    spans = pipeline.spans()
    assert (dict(spans["request"].attributes or {}), dict(spans["ask"].attributes or {})["found"]) == ({"cart": 3}, 7)


def test_baggage_and_foreign_contexts_pass(pipeline: Pipeline) -> None:
    """What is put into the context within a call is there, and the call stays the parent."""
    with measure("outer"):
        token = context.attach(baggage.set_baggage("customer", "acme"))
        finish(pipeline.tracer, "leaf", {})
        assert baggage.get_baggage("customer") == "acme"
        context.detach(token)
    assert baggage.get_baggage("customer") is None
    assert pipeline.tree()["leaf"] == "outer"


def _in_thread(step: Callable[[], object]) -> None:
    thread = threading.Thread(target=step)
    thread.start()
    thread.join()


def test_a_context_is_carried_into_threads_and_tasks(pipeline: Pipeline) -> None:
    """Copied with the variables, or by OpenTelemetry's own attach: calls and spans there are children of ours."""

    @measured(operation="there")
    def there() -> None:
        finish(pipeline.tracer, "leaf", {})

    with measure("outer"):
        carried = context.get_current()

        def attached() -> None:
            token = context.attach(carried)
            there()
            context.detach(token)
            assert CURRENT.get() is None

        _in_thread(attached)
    assert pipeline.tree() == {"leaf": "there", "there": "outer", "outer": None}
    pipeline.exporter.clear()
    with measure("outer"):
        _in_thread(lambda: copy_context().run(there))
        copied = copy_context()
        _in_thread(lambda: copied.run(there))

    async def tasks() -> None:
        with measure("outer"):
            await asyncio.create_task(asyncio.to_thread(there))

    asyncio.run(tasks())
    assert pipeline.tree()["there"] == "outer"


def test_streams_hold_their_spans_between_the_steps(pipeline: Pipeline) -> None:
    """A span that a generator has open is no caller of its consumer's calls, and is of its own."""

    @measured(operation="stream")
    def stream() -> Iterator[int]:
        with pipeline.tracer.start_as_current_span("inside"):
            yield 1
            with measure("below"):
                yield 2

    for item in stream():
        with measure(f"consumer {item}"):
            pass
    tree = pipeline.tree()
    assert (tree["below"], tree["inside"]) == ("inside", "stream")
    assert (tree["consumer 1"], tree["consumer 2"]) == (None, None)
    assert CURRENT.get() is None


def test_spans_that_came_in_do_not_go_out_again(pipeline: Pipeline) -> None:
    """A request of another instrumentation is one span and one event, and counts below our call."""
    with measure("outer") as run:
        finish(pipeline.provider.get_tracer("opentelemetry.instrumentation.genai.openai"), "chat gpt-4o-mini", CHAT)
    assert [span.name for span in pipeline.exporter.get_finished_spans()] == ["chat gpt-4o-mini"]
    assert pipeline.tree() == {"chat gpt-4o-mini": "outer", "outer": None}
    assert run.spending().tokens == 1200


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_the_application_s_sampler_decides_for_both(no_thread_left: None, tmp_path: Path, *, ratio: float) -> None:
    """A trace that begins with our call is sampled as one that begins with a span; our counts are whole."""
    made = Pipeline(TracerProvider(sampler=TraceIdRatioBased(ratio)))
    connect(made.provider)
    configure(Config(config_file=None, log_file=tmp_path / "app.log"))
    try:
        with measure("outer"), made.tracer.start_as_current_span("middle"), measure("inner"):
            pass
        with made.tracer.start_as_current_span("request"), measure("below"):
            pass
        assert set(made.spans()) == (set() if ratio == 0 else {"outer", "middle", "inner", "request", "below"})
    finally:
        disconnect()
        shutdown()
        made.provider.shutdown()


def test_the_newest_conventions_by_a_switch(no_thread_left: None, tmp_path: Path) -> None:
    """They call tokens written to a cache otherwise, and leave the provider to the requests."""
    made = Pipeline(TracerProvider())
    connect(made.provider, conventions="genai-0.1")
    configure(Config(config_file=None, log_file=tmp_path / "app.log"))
    try:
        with measure("ask", provider="anthropic", kind="llm") as call:
            call.record_usage({
                "model": "claude-sonnet-4-5",
                "usage": {"input_tokens": 5, "output_tokens": 1, "cache_creation_input_tokens": 7},
            })  # fmt: skip
        (span,) = made.spans().values()
        assert dict(span.attributes or {})["gen_ai.usage.cache_write.input_tokens"] == 7
    finally:
        disconnect()
        shutdown()
        made.provider.shutdown()


def test_a_pipeline_that_raises_costs_spans_and_nothing_else(pipeline: Pipeline) -> None:
    """Our calls are counted all the same, and so are the failures."""

    class Raises(SimpleSpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            raise RuntimeError

    pipeline.provider.add_span_processor(Raises(InMemorySpanExporter()))
    with measure("outer"):
        pass
    flush()
    assert failures()["opentelemetry"] == 1


def test_wrong_conventions_are_refused() -> None:
    """It says which there are."""
    wrong: Any = "1.36"
    with pytest.raises(SetupError, match=r"semconv-1\.41, genai-0\.1"):
        connect(TracerProvider(), conventions=wrong)
