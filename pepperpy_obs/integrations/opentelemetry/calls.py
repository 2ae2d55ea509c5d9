"""Our calls as real spans in the application's own pipeline, made in the drain with the ids of their events."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping
from contextvars import Context as Variables
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from pepperpy_obs._guard import failed
from pepperpy_obs.formats.genai import Conventions, as_span, is_span

if TYPE_CHECKING:
    from pepperpy_obs.typing import Batch, EventDict

__all__ = ["Sampling", "SpanOutput"]

_TRACES: Final = 16_384
_SCOPE: Final = InstrumentationScope("pepperpy_obs")
_KINDS: Final = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT, "server": SpanKind.SERVER}
_PIPELINE: Final = "_active_span_processor"
"""Where the SDK keeps the processors of a provider."""


class Sampling:
    """Which traces are sampled: as the application's spans say, else as its sampler decides of a new trace."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._traces: OrderedDict[str, bool] = OrderedDict()

    def seen(self, trace: str, sampled: bool) -> None:  # noqa: FBT001 - a callback
        """Note what a span of the application says of its trace."""
        if self._sampler is ALWAYS_ON and sampled:
            return
        self._traces[trace] = sampled
        if len(self._traces) > _TRACES:
            self._traces.popitem(last=False)

    def of(self, trace: str) -> bool:
        """Tell whether a trace is sampled; the same of all of its calls."""
        known = self._traces.get(trace)
        if known is None:
            known = self._sampler is ALWAYS_ON or self._decide(trace)
            self.seen(trace, known)
        return known

    def _decide(self, trace: str) -> bool:
        return self._sampler.should_sample(None, int(trace, 16), "pepperpy_obs").decision is Decision.RECORD_AND_SAMPLE


class SpanOutput:
    """An output that hands each call to the span processors of a tracer provider."""

    name = "opentelemetry"
    format = None

    def __init__(self, provider: TracerProvider, sampling: Sampling, conventions: Conventions) -> None:
        self._provider = provider
        self._sampling = sampling
        self._conventions: Conventions = conventions

    def write(self, batch: Batch) -> None:
        """Give the calls away. In an empty context: what an exporter does belongs to no call."""
        Variables().run(self._hand_over, batch.events)

    def close(self) -> None:
        """Hold nothing: the provider is the application's."""

    def _hand_over(self, events: Any) -> None:
        processor: Any = getattr(self._provider, _PIPELINE)
        for event in events:
            # What was a span of another instrumentation is in the pipeline already.
            if is_span(event) and "instrumentation" not in event:
                try:
                    processor.on_end(self._span(event))
                except Exception as error:
                    failed("opentelemetry", error)

    def _span(self, event: EventDict) -> ReadableSpan:
        told = as_span(event, self._conventions)
        own, parent = str(event["trace_id"]), event.get("parent_span_id")
        end = _epoch_ns(str(event["timestamp"]))
        flags = TraceFlags(TraceFlags.SAMPLED if self._sampling.of(own) else TraceFlags.DEFAULT)

        def context(span: str) -> SpanContext:
            return SpanContext(int(own, 16), int(span, 16), is_remote=False, trace_flags=flags)

        return ReadableSpan(
            told.name,
            context=context(str(event["span_id"])),
            parent=None if parent is None else context(str(parent)),
            resource=self._provider.resource,
            attributes={name: _plain(value) for name, value in told.attributes.items()},
            kind=_KINDS[told.kind],
            status=Status(StatusCode.ERROR) if told.failed else Status(StatusCode.UNSET),
            start_time=end - round(float(event["duration_seconds"]) * 1e9),
            end_time=end,
            instrumentation_scope=_SCOPE,
        )


def _epoch_ns(timestamp: str) -> int:
    return round(datetime.fromisoformat(timestamp).timestamp() * 1e6) * 1000


def _plain(value: Any) -> Any:
    """Return a value as an attribute may be: lists of texts, and other structures as JSON."""
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return list(value)
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, default=str)
    return str(value)
