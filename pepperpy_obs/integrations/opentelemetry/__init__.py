"""OpenTelemetry, both ways: spans of other instrumentations become our events, our calls become spans."""

from __future__ import annotations

from pepperpy_obs.integrations.opentelemetry.attaching import attach, connect, disconnect, post_instrument
from pepperpy_obs.integrations.opentelemetry.processor import ObsSpanProcessor

__all__ = ["ObsSpanProcessor", "attach", "connect", "disconnect", "post_instrument"]
