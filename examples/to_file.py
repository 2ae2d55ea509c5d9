"""Events go to a file that a log shipper follows: the safest way in production, for it needs no sender of ours.

    python examples/to_file.py events.log

The file is renamed when it is full (events.log, events.log.1, ...), never copied nor cut; config/shipping/ has what
Filebeat, Alloy, Fluent Bit, Vector, the OpenTelemetry Collector and rsyslog need to follow it.
"""

from __future__ import annotations

import sys

from pepperpy_obs import Config, agent, configure, current_call, measured, shutdown


@measured(kind="tool")
def look_up(order: int) -> str:
    """Be a tool that an agent calls; what it adds to its event can be searched for."""
    current_call().add(order=order)
    return "on its way"


if __name__ == "__main__":
    path = sys.argv[1] if len(sys.argv) > 1 else "events.log"
    configure(
        Config(
            service="orders",
            log_file=path,
            # "ecs" for Elasticsearch, "json" for Loki and whoever reads our own names.
            log_format="ecs",
            # Keep as many renamed files as an outage of the shipper may last.
            log_max_bytes=100_000,
            log_backups=10,
        )
    )
    with agent("clerk"):
        for number in range(1000):
            look_up(number)
    shutdown()
