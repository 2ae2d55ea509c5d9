"""A clock that only moves when told."""

from __future__ import annotations

from typing import Self

from pepperpy_obs import _clock

__all__ = ["ManualClock"]


class ManualClock:
    """A clock for `_clock` that stands still until it is advanced; the whole process sees it.

    >>> from pepperpy_obs import measure
    >>> from pepperpy_obs.testing import captured
    >>> with ManualClock() as clock, captured() as seen:
    ...     with measure("wait"):
    ...         clock.advance(1.5)
    >>> seen.event["duration_seconds"]
    1.5
    """

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._wall = round(wall * 1e9)
        self._ticks = 0
        self._real = (_clock.perf_counter_ns, _clock.time_ns)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._ticks += round(seconds * 1e9)

    def __enter__(self) -> Self:
        _clock.perf_counter_ns = lambda: self._ticks
        _clock.time_ns = lambda: self._wall + self._ticks
        return self

    def __exit__(self, *_: object) -> None:
        _clock.perf_counter_ns, _clock.time_ns = self._real
