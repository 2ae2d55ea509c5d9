"""OpenLLMetry's decorator (traceloop-sdk), with an exporter that throws spans away."""

from __future__ import annotations

import os

from benchmarks.subjects import Function, Subject, load

__all__ = ["subjects"]


def subjects() -> list[Subject]:
    """Return `task`, without the contents of arguments and results, as we do not record them either."""
    os.environ.update(TRACELOOP_TELEMETRY="false", TRACELOOP_TRACE_CONTENT="false")
    export = load("opentelemetry.sdk.trace.export")
    nowhere = type("Nowhere", (export.SpanExporter,), {"export": lambda *_: export.SpanExportResult.SUCCESS})
    traceloop = load("traceloop.sdk").Traceloop
    traceloop.init(app_name="benchmark", exporter=nowhere(), disable_batch=False, telemetry_enabled=False)
    provider = load("opentelemetry.trace").get_tracer_provider()
    task = load("traceloop.sdk.decorators").task

    def wrap(function: Function, operation: str) -> Function:
        return task(name=operation)(function)  # type: ignore[no-any-return]

    return [Subject("OpenLLMetry", wrap, flush=provider.force_flush)]
