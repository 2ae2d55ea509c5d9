"""Logfire's decorator, with its sending switched off and its spans thrown away."""

from __future__ import annotations

import logging

from benchmarks.subjects import Function, Subject, load
from benchmarks.subjects.telemetry import span_provider

__all__ = ["subjects"]


def subjects() -> list[Subject]:
    """Return `logfire.instrument`, without recording arguments, as we do not record them either."""
    logging.disable(logging.WARNING)  # it warns of every function whose source it cannot find
    logfire = load("logfire")
    _, processor = span_provider()
    logfire.configure(
        send_to_logfire=False, console=False, additional_span_processors=[processor], inspect_arguments=False
    )

    def wrap(function: Function, operation: str) -> Function:
        return logfire.instrument(operation, extract_args=False)(function)  # type: ignore[no-any-return]

    return [Subject("logfire", wrap, flush=processor.force_flush, around=lambda: logfire.span("request"))]
