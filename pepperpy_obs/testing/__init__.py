"""For tests of applications: the events that were made, assertions on cost, a clock that a test moves."""

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
