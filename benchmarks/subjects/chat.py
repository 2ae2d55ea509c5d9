"""Ways to observe the OpenAI SDK: each takes a client and gives the `create` that is observed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from benchmarks.subjects import load, nothing

__all__ = ["PEERS", "Observed"]

Counted = Mapping[str, Any]


def _none() -> Counted:
    return {}


@dataclass(frozen=True)
class Observed:
    """`create` as it is observed; `counted` tells what was counted of the latest call, `quiet` stops keeping that."""

    create: Callable[..., Any]
    flush: Callable[[], object] = nothing
    counted: Callable[[], Counted] = _none
    quiet: Callable[[], object] = nothing


def _bare(client: Any) -> Observed:
    return Observed(client.chat.completions.create)


def _ours(client: Any) -> Observed:
    """Decorate it with @costed, and have JSON lines on disk."""
    ours = load("pepperpy_obs")
    log = Path(mkdtemp(prefix="pepperpy_obs-bench-")) / "calls.jsonl"
    ours.configure(ours.Config(config_file=None, log_format="json", log_file=log, log_max_bytes=0))
    create = ours.costed(provider="openai")(client.chat.completions.create)

    def counted() -> Counted:
        event = load("json").loads(log.read_text().splitlines()[-1])
        return {"input": event.get("input_tokens"), "output": event.get("output_tokens"),
                "cached": event.get("cache_read_tokens"), "cost": event.get("cost_usd")}  # fmt: skip

    return Observed(create, ours.flush, counted)


class _Spans:
    """A tracer provider whose spans are kept until it is told to throw them away."""

    def __init__(self) -> None:
        export = load("opentelemetry.sdk.trace.export")
        spans = self.spans = list[Any]()
        self.is_kept = True

        def take(_: Any, batch: Any) -> Any:
            if self.is_kept:
                spans.extend(batch)
            return export.SpanExportResult.SUCCESS

        self.exporter = type("Nowhere", (export.SpanExporter,), {"export": take})()
        self.processor = export.BatchSpanProcessor(self.exporter)
        self.provider = load("opentelemetry.sdk.trace").TracerProvider()
        self.provider.add_span_processor(self.processor)

    def quiet(self) -> None:
        """Throw away what comes from now on."""
        self.is_kept = False
        self.spans.clear()

    def observed(self, create: Callable[..., Any], flush: Callable[[], object] | None = None) -> Observed:
        """Return a `create` whose spans come here."""
        return Observed(create, flush or self.processor.force_flush, self.counted, self.quiet)

    def counted(self) -> Counted:
        """Return what the latest spans say of usage."""
        told: dict[str, Any] = {}
        for span in self.spans:
            told |= dict(span.attributes or {})
        self.spans.clear()
        return {name: next((told[key] for key in keys if key in told), None) for name, keys in _ATTRIBUTES.items()}


_ATTRIBUTES: Final = {
    "input": ("gen_ai.usage.input_tokens", "llm.token_count.prompt", "gen_ai.usage.prompt_tokens"),
    "output": ("gen_ai.usage.output_tokens", "llm.token_count.completion", "gen_ai.usage.completion_tokens"),
    "cached": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
        "gen_ai.usage.details.cached_tokens",
    ),
    "cost": ("operation.cost", "gen_ai.usage.cost", "llm.cost.total"),
}


def _instrumented(module: str, name: str) -> Callable[[Any], Observed]:
    """Return what instruments the SDK by an instrumentor of OpenTelemetry's kind."""

    def observe(client: Any) -> Observed:
        spans = _Spans()
        getattr(load(module), name)().instrument(tracer_provider=spans.provider)
        return spans.observed(client.chat.completions.create)

    return observe


def _logfire(client: Any) -> Observed:
    logfire, spans = load("logfire"), _Spans()
    logfire.configure(
        send_to_logfire=False, console=False, additional_span_processors=[spans.processor], inspect_arguments=False
    )
    logfire.instrument_openai(client)
    return spans.observed(client.chat.completions.create)


def _langfuse(client: Any) -> Observed:
    os.environ["LANGFUSE_HOST"] = "http://127.0.0.1:9"
    spans = _Spans()
    made = load("langfuse").Langfuse(
        public_key="nobody",
        secret_key="nobody",  # noqa: S106 - it wants some
        tracer_provider=spans.provider,
        span_exporter=spans.exporter,
    )
    load("langfuse.openai")  # changes the SDK's own classes

    def counted() -> Counted:
        told: dict[str, Any] = {}
        for span in spans.spans:
            told |= dict(span.attributes or {})
        spans.spans.clear()
        usage = load("json").loads(told.get("langfuse.observation.usage_details") or "{}")
        cost = told.get("langfuse.observation.cost_details")
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
        return {"input": usage.get("prompt_tokens"), "output": usage.get("completion_tokens"),
                "cached": cached, "cost": cost}  # fmt: skip

    return Observed(client.chat.completions.create, made.flush, counted, spans.quiet)


def _litellm(client: Any) -> Observed:
    """Ask through litellm, with a callback that is told the cost; it runs in a thread of litellm's."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    litellm = load("litellm")
    told: dict[str, Any] = {}
    made, heard = [0], [0]
    lock = threading.Lock()

    def note(kwargs: Any, answer: Any, _start: Any, _end: Any) -> None:
        usage = getattr(answer, "usage", None)
        details = getattr(usage, "prompt_tokens_details", None)
        if kwargs.get("stream") and kwargs.get("complete_streaming_response") is None:
            return  # of one chunk
        with lock:
            heard[0] += 1
            told.update(
                input=getattr(usage, "prompt_tokens", None), output=getattr(usage, "completion_tokens", None),
                cached=getattr(details, "cached_tokens", None), cost=kwargs.get("response_cost"),
            )  # fmt: skip

    litellm.success_callback = [note]

    def create(**asked: Any) -> Any:
        made[0] += 1
        return litellm.completion(client=client, **asked)

    def flush() -> None:
        until = time.monotonic() + 30
        while heard[0] < made[0] and time.monotonic() < until:
            time.sleep(0.002)

    return Observed(create, flush, lambda: dict(told))


PEERS: Final[dict[str, Callable[[Any], Observed]]] = {
    "nothing": _bare,
    "ours: costed, JSON file": _ours,
    "logfire": _logfire,
    "OpenTelemetry genai": _instrumented("opentelemetry.instrumentation.openai_v2", "OpenAIInstrumentor"),
    "OpenInference": _instrumented("openinference.instrumentation.openai", "OpenAIInstrumentor"),
    "langfuse": _langfuse,
    "OpenLLMetry (traceloop)": _instrumented("opentelemetry.instrumentation.openai", "OpenAIInstrumentor"),
    "litellm, cost callback": _litellm,
}
