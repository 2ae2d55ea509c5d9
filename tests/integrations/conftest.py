"""Tracing whose spans are read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider

from pepperpy_obs.integrations.opentelemetry import attach


@pytest.fixture
def provider() -> Iterator[TracerProvider]:
    """Return a tracer provider whose spans are read."""
    made = TracerProvider()
    attach(made)
    yield made
    made.shutdown()
