"""Events go to an OpenTelemetry Collector as OTLP logs over HTTP, through a directory that outages fill.

    python examples/to_otlp.py http://127.0.0.1:4318

The Collector's side is config/shipping/otel-collector.yaml. Headers and tokens for it come from the environment:
PEPPERPY_OTLP_HEADERS, PEPPERPY_OTLP_BEARER_TOKEN. Attributes have OpenTelemetry's names where it has some.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pepperpy_obs import Config, agent, configure, current_call, measured, shutdown

SPOOL = Path("spool")
"""Of this service alone: what an ended process left in it goes to the receivers of the next."""


@measured(kind="tool")
def look_up(order: int) -> str:
    """Be a tool that an agent calls; what it adds to its event can be searched for."""
    current_call().add(order=order)
    return "on its way"


if __name__ == "__main__":
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:4318"
    configure(Config(service="orders", ship_directory=SPOOL, log_format="none", otlp_url=url))
    with agent("clerk"):
        for number in range(1000):
            look_up(number)
    shutdown()
    waiting = sum(segment.stat().st_size for segment in SPOOL.rglob("*.seg"))
    print(f"{waiting} bytes wait for the next start" if waiting else "the Collector has all of it")
