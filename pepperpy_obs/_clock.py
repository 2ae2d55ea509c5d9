"""The only reader of time.

Callers write ``_clock.perf_counter_ns()``, never a name bound earlier: freezegun and a
manual clock replace the names in this module, and a copy bound elsewhere would stay real.
"""

from collections.abc import Callable
from time import perf_counter_ns, sleep, thread_time_ns, time_ns

__all__ = ["countdown", "perf_counter_ns", "sleep", "thread_time_ns", "time_ns"]


def countdown(timeout: float) -> Callable[[], float]:
    """Return a function that says how many of `timeout` seconds are left, never fewer than none."""
    end = perf_counter_ns() + round(timeout * 1e9)
    return lambda: max(0.0, (end - perf_counter_ns()) / 1e9)
