"""Ties us to the application's tracing: its spans in, our calls out, one tree."""

from __future__ import annotations

import os
from typing import Any, Final
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler

from pepperpy_obs._dispatch import RECORDS
from pepperpy_obs._guard import failed, note
from pepperpy_obs.errors import SetupError
from pepperpy_obs.formats.genai import CONVENTIONS, Conventions
from pepperpy_obs.integrations.opentelemetry.calls import Sampling, SpanOutput
from pepperpy_obs.integrations.opentelemetry.current import join, part
from pepperpy_obs.integrations.opentelemetry.processor import ObsSpanProcessor
from pepperpy_obs.runtime.outputs import ADDED

__all__ = ["attach", "connect", "disconnect", "post_instrument"]

_DISABLED: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_OUTPUT: Final = "opentelemetry"
_attached: WeakKeyDictionary[Any, ObsSpanProcessor] = WeakKeyDictionary()


def _sdk(provider: TracerProvider | None, asked: str) -> TracerProvider:
    found = trace.get_tracer_provider() if provider is None else provider
    if isinstance(found, TracerProvider):
        return found
    msg = (
        f"{asked}: {type(found).__name__} is no TracerProvider of OpenTelemetry's SDK, so no span ever ends;"
        " set one first: trace.set_tracer_provider(TracerProvider())"
    )
    raise SetupError(msg)


def connect(provider: TracerProvider | None = None, *, conventions: Conventions = "semconv-1.41") -> None:
    """Make one tree of the application's spans and our calls, both ways, with its tracer provider.

    Our calls become spans in its pipeline: each leaves where log lines do, so `configure` is to be called, too, and
    `log_level` and `log_sample_rate` hold. A running call is the parent of the spans below and in headers that are
    sent; the current span is the caller of our calls. Spans of other instrumentations come in as with `attach`.
    `conventions` are those of GenAI that our spans follow. Raises SetupError where there is no SDK.
    """
    found = _sdk(provider, "connect")
    if conventions not in CONVENTIONS:
        msg = f"connect(conventions={conventions!r}); give one of {', '.join(CONVENTIONS)}"
        raise SetupError(msg)
    attach(found)
    sampling = Sampling(found.sampler)
    part()
    join(sampling.of, sampling.seen)
    ADDED[_OUTPUT] = lambda: SpanOutput(found, sampling, conventions)
    _reopen()


def disconnect() -> None:
    """Undo `connect`, but for the span processor: OpenTelemetry has no way to take that out."""
    part()
    if ADDED.pop(_OUTPUT, None) is not None:
        _reopen()


def _reopen() -> None:
    """Have outputs that are open opened anew."""
    runtime = RECORDS.runtime
    if runtime is not None and runtime.started:
        runtime.configure(runtime.config, runtime.processors)


def attach(provider: TracerProvider | None = None) -> ObsSpanProcessor:
    """Make events of the spans about language models of a tracer provider, by default the application's global one.

    A second time it does nothing. Raises SetupError where there is no SDK behind the provider.
    """
    found = _sdk(provider, "attach")
    if (processor := _attached.get(found)) is None:
        processor = _attached[found] = ObsSpanProcessor()
        found.add_span_processor(processor)
        if not _samples_all(found.sampler):
            note(
                "opentelemetry.sampling",
                f"the sampler {found.sampler.get_description()} leaves spans out: requests, tokens and cost that are"
                " read from spans are those of the sampled traces only; decorators and instrument() count all",
            )
    return processor


def post_instrument() -> None:
    """Attach after `opentelemetry-instrument` has set all up (its entry point); never raises."""
    disabled = {name.strip() for name in os.environ.get(_DISABLED, "").split(",")}
    if "pepperpy_obs" in disabled:
        return
    try:
        if isinstance(trace.get_tracer_provider(), TracerProvider):
            attach()
    except Exception as error:
        failed("opentelemetry", error)


def _samples_all(sampler: Sampler) -> bool:
    if isinstance(sampler, ParentBased):
        sampler = getattr(sampler, "_root", sampler)
    return sampler is ALWAYS_ON
