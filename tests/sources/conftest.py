"""A service whose calls came at known times, what it logged, and its pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time

from pepperpy_obs import Config
from pepperpy_obs.metrics import MetricsCollector
from pepperpy_obs.readings.source import Source
from pepperpy_obs.server import serve
from pepperpy_obs.sources import source

BEGIN = datetime(2026, 11, 23, 11, 59, 58, tzinfo=UTC)
SECONDS = (0, 1, 15, 62, 180, 183, 299)
"""When calls end, after `BEGIN`."""


@pytest.fixture
def collector(tmp_path: Path, no_thread_left: None) -> Iterator[MetricsCollector]:
    """Return a collector that has seen seven requests in five minutes; the clock stands at the last one."""
    settings = Config(config_file=None, log_format="json", log_file=tmp_path / "app.log", drain_interval=600)
    with freeze_time(BEGIN) as clock:
        found = MetricsCollector(settings)
        for number, after in enumerate(SECONDS):
            clock.move_to(BEGIN + timedelta(seconds=after))
            with found.record_call("openai", operation=f"ask {number % 2}", model="gpt-4o", agent="scout") as call:
                call.record_usage({"input_tokens": 1000 + number, "output_tokens": 100})
            found.runtime.flush()
        yield found
        found.shutdown()


@pytest.fixture
def log(collector: MetricsCollector, tmp_path: Path) -> Path:
    """Return the log of these calls."""
    return tmp_path / "app.log"


@pytest.fixture(params=["process", "logs", "followed", "service"])
def any_source(request: pytest.FixtureRequest, collector: MetricsCollector, log: Path) -> Iterator[Source]:
    """Return each kind of source in turn, of the same calls."""
    if request.param == "process":
        yield collector.runtime
    elif request.param == "logs":
        yield source(log, config=Config(config_file=None))
    elif request.param == "followed":
        from pepperpy_obs.replay.source import LogSource

        followed = LogSource(Config(config_file=None), files=[str(log)])
        followed.fold.lines(log.read_bytes().splitlines(), "app.log")
        yield followed
    else:
        with serve(0, collector=collector) as listener:
            yield source(listener.url, config=Config(config_file=None))
