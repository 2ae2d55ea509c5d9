"""The only reader of time.

Callers write ``_clock.perf_counter_ns()``, never a name bound earlier: freezegun and a
manual clock replace the names in this module, and a copy bound elsewhere would stay real.
"""

from time import perf_counter_ns, sleep, time_ns

__all__ = ["perf_counter_ns", "sleep", "time_ns"]
