"""Puts our span processor into the application's tracing, once, and says what sampling leaves out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

from pepperpy_obs._guard import failed, note
from pepperpy_obs.errors import SetupError
from pepperpy_obs.integrations.opentelemetry.processor import ObsSpanProcessor

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.sampling import Sampler

__all__ = ["attach", "post_instrument"]

_DISABLED: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_attached: WeakKeyDictionary[Any, ObsSpanProcessor] = WeakKeyDictionary()


def attach(provider: TracerProvider | None = None) -> ObsSpanProcessor:
    """Make events of the spans about language models of a tracer provider, by default the application's global one.

    A second time it does nothing. Raises SetupError where there is no SDK behind the provider.
    """
    found = trace.get_tracer_provider() if provider is None else provider
    if not isinstance(found, TracerProvider):
        msg = (
            f"attach: {type(found).__name__} is no TracerProvider of OpenTelemetry's SDK, so no span ever ends;"
            " set one first: trace.set_tracer_provider(TracerProvider())"
        )
        raise SetupError(msg)
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
