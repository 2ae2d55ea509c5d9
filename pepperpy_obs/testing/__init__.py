"""For the tests of those who use us: the events that were made, and a clock that only moves when told."""

from __future__ import annotations

from pepperpy_obs.testing.blocks import Captured, captured
from pepperpy_obs.testing.clock import ManualClock

__all__ = ["Captured", "ManualClock", "captured"]
