"""Events go to Elasticsearch as ECS documents, each under its own id, through a directory that outages fill.

    python examples/to_elasticsearch.py http://127.0.0.1:9200

First load the index template and its lifecycle policy (config/shipping/README.md). The credentials come from the
environment: PEPPERPY_ELASTIC_API_KEY, and for a private authority PEPPERPY_ELASTIC_CA_FILE. Without Elasticsearch it
ends all the same; run again with it, it also sends the first run's events. In Kibana: `labels.agent: clerk`.
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
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:9200"
    configure(
        Config(
            service="orders",
            ship_directory=SPOOL,
            log_format="none",
            elastic_url=url,
            elastic_target="logs-pepperpy.events-default",
        )
    )
    with agent("clerk"):
        for number in range(1000):
            look_up(number)
    shutdown()
    waiting = sum(segment.stat().st_size for segment in SPOOL.rglob("*.seg"))
    print(f"{waiting} bytes wait for the next start" if waiting else "Elasticsearch has all of it")
