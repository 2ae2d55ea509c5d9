"""Our processors in an application's own structlog chain: secrets out, fields bounded, ECS for Elasticsearch.

The application's configuration and ours do not touch each other. `Config(log_to_structlog=True)` hands
our events to the application's chain as well.

Run it with `python examples/own_structlog.py`.
"""

from __future__ import annotations

import structlog

from pepperpy_obs import Config, configure, measured
from pepperpy_obs.processors import Redactor, Truncator, render_ecs


@measured
def login(user: str) -> None:
    """Log in as the application logs."""
    structlog.get_logger().info("user.logged_in", user=user, api_key="hunter2", note="key sk-abcdefghijklmnopqrstuv")


if __name__ == "__main__":
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            Truncator(),
            Redactor(),
            render_ecs,
        ],
    )
    configure(Config(log_format="none", log_to_structlog=True))
    login("ann")
