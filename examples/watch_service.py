"""A service that is watched: its own metric, a cache, a health check, and the pages that Prometheus and probes ask for.

python examples/watch_service.py
"""

from __future__ import annotations

import functools
import shutil
from http.client import HTTPConnection

from pepperpy_obs import HealthChecker, Metric, MetricsCollector, measured, serve, watch_cache

SOLVED = Metric("tickets_solved", "Tickets that an agent closed", unit="tickets")


@functools.lru_cache(maxsize=128)
def area(radius: int) -> float:
    """Compute something dear."""
    return 3.14159 * radius**2


@measured
def solve(radius: int) -> float:
    """Solve a ticket."""
    return area(radius)


def disk_has_room() -> str | None:
    """Say what is wrong, or nothing."""
    free = shutil.disk_usage("/").free
    return None if free > 10_000 else f"only {free} bytes are left"


if __name__ == "__main__":
    watch_cache("areas", area)
    checker = HealthChecker()
    checker.register("disk", disk_has_room)
    collector = MetricsCollector()
    for radius in (1, 2, 1):
        solve(radius)
        collector.record_metric(SOLVED, 1, team="geometry")
    with serve(port=0, checker=checker) as listener:
        for page in ("/metrics", "/health"):
            connection = HTTPConnection(listener.host, listener.port)
            connection.request("GET", page)
            text = connection.getresponse().read().decode()
            connection.close()
            print(*(line for line in text.splitlines() if not line.startswith("#") and "0.0" not in line), sep="\n")
