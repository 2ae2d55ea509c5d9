"""OpenTelemetry's SDK by hand, and autometrics, which decorates for it or for prometheus_client."""

from __future__ import annotations

import functools
import inspect
import time
from typing import Any

from benchmarks.subjects import Function, Subject, load

__all__ = ["span_provider", "subjects"]


def span_provider() -> tuple[Any, Any]:
    """Return a tracer provider that exports batches to nowhere, and its processor."""
    export = load("opentelemetry.sdk.trace.export")
    nowhere = type("Nowhere", (export.SpanExporter,), {"export": lambda *_: export.SpanExportResult.SUCCESS})

    provider = load("opentelemetry.sdk.trace").TracerProvider()
    processor = export.BatchSpanProcessor(nowhere())
    provider.add_span_processor(processor)
    return provider, processor


def spans() -> Subject:
    """A span for each call, as a child of one that runs, in batches to an exporter that throws them away."""
    provider, processor = span_provider()
    tracer = provider.get_tracer("benchmark")

    def wrap(function: Function, operation: str) -> Function:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def traced(*args: Any, **kwargs: Any) -> Any:
                with tracer.start_as_current_span(operation, attributes={"operation": operation}):
                    return await function(*args, **kwargs)

            return traced

        @functools.wraps(function)
        def traced_call(*args: Any, **kwargs: Any) -> Any:
            with tracer.start_as_current_span(operation, attributes={"operation": operation}):
                return function(*args, **kwargs)

        return traced_call

    return Subject(
        "OpenTelemetry spans", wrap,
        flush=processor.force_flush, around=lambda: tracer.start_as_current_span("request"),
    )  # fmt: skip


def metrics() -> Subject:
    """A counter and a histogram of OpenTelemetry's SDK, read by nobody."""
    sdk = load("opentelemetry.sdk.metrics")
    reader = load("opentelemetry.sdk.metrics.export").InMemoryMetricReader()
    meter = sdk.MeterProvider(metric_readers=[reader]).get_meter("benchmark")
    calls, seconds = meter.create_counter("calls"), meter.create_histogram("seconds")

    def wrap(function: Function, operation: str) -> Function:
        def report(start: int, outcome: str) -> None:
            attributes = {"operation": operation, "outcome": outcome}
            calls.add(1, attributes)
            seconds.record((time.perf_counter_ns() - start) / 1e9, attributes)

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def counted(*args: Any, **kwargs: Any) -> Any:
                start, outcome = time.perf_counter_ns(), "ok"
                try:
                    return await function(*args, **kwargs)
                except BaseException:
                    outcome = "error"
                    raise
                finally:
                    report(start, outcome)

            return counted

        @functools.wraps(function)
        def counted_call(*args: Any, **kwargs: Any) -> Any:
            start, outcome = time.perf_counter_ns(), "ok"
            try:
                return function(*args, **kwargs)
            except BaseException:
                outcome = "error"
                raise
            finally:
                report(start, outcome)

        return counted_call

    return Subject("OpenTelemetry metrics", wrap)


def both() -> Subject:
    """A span, a counter and a histogram."""
    spanning, counting = spans(), metrics()

    def wrap(function: Function, operation: str) -> Function:
        return spanning.wrap(counting.wrap(function, operation), operation)

    return Subject("OpenTelemetry spans and metrics", wrap, flush=spanning.flush, around=spanning.around)


def autometrics() -> Subject:
    """Its decorator with the prometheus_client tracker, the cheaper one of its two."""
    decorator = load("autometrics")
    decorator.init(tracker="prometheus")

    def wrap(function: Function, operation: str) -> Function:
        function.__qualname__ = function.__name__ = operation
        return decorator.autometrics(function)  # type: ignore[no-any-return]

    return Subject("autometrics", wrap)


def subjects() -> list[Subject]:
    """Return the subjects that need OpenTelemetry's SDK."""
    return [spans(), metrics(), both(), autometrics()]
