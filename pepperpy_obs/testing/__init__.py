"""For the tests of those who use us: the events that were made, claims of costs, a clock that only moves when told."""

from __future__ import annotations

from pepperpy_obs.testing.assertions import assert_cost_below, assert_requests_at_most, assert_tokens_at_most
from pepperpy_obs.testing.blocks import Captured, captured
from pepperpy_obs.testing.clock import ManualClock

__all__ = [
    "Captured",
    "ManualClock",
    "assert_cost_below",
    "assert_requests_at_most",
    "assert_tokens_at_most",
    "captured",
]
