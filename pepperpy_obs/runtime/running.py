"""The calls that run at one moment, by operation and agent."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pepperpy_obs._record import SPEC
from pepperpy_obs.context import span_context
from pepperpy_obs.decorators.recording import caches
from pepperpy_obs.readings.live import LiveState, look_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pepperpy_obs._record import Record

__all__ = ["live_state"]


def live_state(running: Sequence[Record], label: Callable[[str, object], str]) -> LiveState:
    """Return what is true now, given the records of running calls; `label` makes values such as may be shown."""
    active: Counter[tuple[str, str]] = Counter()
    agents: Counter[str] = Counter()
    for record in running:
        spec, agent = record[SPEC], label("agent", span_context(record)[3])
        if not spec.silent:
            active[label("operation", spec.operation), agent] += 1
        if spec.credited:
            agents[label("agent", spec.credited)] += 1
    return look_at(active, agents, caches)
