"""Langfuse's decorator, with its exporter replaced by one that throws spans away."""

from __future__ import annotations

import os

from benchmarks.subjects import Function, Subject, load
from benchmarks.subjects.telemetry import span_provider

__all__ = ["subjects"]


def subjects() -> list[Subject]:
    """Return `langfuse.observe`, without capturing arguments and results, as we do not either."""
    export = load("opentelemetry.sdk.trace.export")
    os.environ["LANGFUSE_HOST"] = "http://127.0.0.1:9"
    nowhere = type("Nowhere", (export.SpanExporter,), {"export": lambda *_: export.SpanExportResult.SUCCESS})
    langfuse = load("langfuse")
    provider, _ = span_provider()
    client = langfuse.Langfuse(
        public_key="nobody",
        secret_key="nobody",  # noqa: S106 - it wants some
        tracer_provider=provider,
        span_exporter=nowhere(),
    )

    def wrap(function: Function, operation: str) -> Function:
        return langfuse.observe(name=operation, capture_input=False, capture_output=False)(function)  # type: ignore[no-any-return]

    return [Subject("langfuse", wrap, flush=client.flush)]
