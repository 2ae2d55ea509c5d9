"""Events go to the `http` input of Logstash, which answers for what it has queued; its `tcp` input never does.

    python examples/to_logstash.py http://127.0.0.1:8080

The pipeline is config/shipping/logstash.conf, its password PEPPERPY_LOGSTASH_USER=pepperpy and
PEPPERPY_LOGSTASH_PASSWORD here. Without Logstash it ends all the same; run again with it, it also sends the first
run's events.
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
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
    configure(Config(service="orders", ship_directory=SPOOL, log_format="none", logstash_url=url))
    with agent("clerk"):
        for number in range(1000):
            look_up(number)
    shutdown()
    waiting = sum(segment.stat().st_size for segment in SPOOL.rglob("*.seg"))
    print(f"{waiting} bytes wait for the next start" if waiting else "Logstash has all of it")
