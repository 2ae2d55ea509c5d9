"""Events go to Loki by our own sender, through a directory that keeps them while Loki is away.

    python examples/to_loki.py http://127.0.0.1:3100

Without Loki it ends all the same, within two seconds; run again with Loki there, it also sends the first run's events.
The tenant and credentials come from the environment: PEPPERPY_LOKI_TENANT, PEPPERPY_LOKI_USER, PEPPERPY_LOKI_PASSWORD.
In Grafana: `{service_name="orders", team="support"} | operation="look_up" | json | order=7`. Labels are few and steady;
what varies from call to call is structured metadata, or in the line itself.
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
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:3100"
    configure(
        Config(service="orders", ship_directory=SPOOL, log_format="none", loki_url=url, loki_labels=("team=support",))
    )
    with agent("clerk"):
        for number in range(1000):
            look_up(number)
    shutdown()
    waiting = sum(segment.stat().st_size for segment in SPOOL.rglob("*.seg"))
    print(f"{waiting} bytes wait for the next start" if waiting else "Loki has all of it")
