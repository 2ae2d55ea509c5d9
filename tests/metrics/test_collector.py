"""A collector of its own."""

from __future__ import annotations

import gc
import json
import threading
from pathlib import Path

from pepperpy_obs import Config, MetricsCollector, PerformanceMonitor


def drains() -> int:
    """Return how many threads of ours are at work."""
    return sum(thread.name == "pepperpy_obs-drain" for thread in threading.enumerate())


def test_one_that_nobody_uses_any_more_writes_what_it_has_and_ends(tmp_path: Path) -> None:
    """Its lines are on disk, its thread is gone; until then those who share it keep it at work."""
    before = drains()
    log = tmp_path / "app.log"
    collector = MetricsCollector(Config(config_file=None, log_format="json", log_file=log, drain_interval=3600))
    monitor = PerformanceMonitor(collector)
    with collector.record_call("openai", operation="first"):
        pass
    del collector
    gc.collect()
    assert drains() == before + 1
    with monitor.measure("second"):
        pass
    threads = [thread for thread in threading.enumerate() if thread.name == "pepperpy_obs-drain"]
    del monitor
    gc.collect()
    for thread in threads[before:]:
        thread.join(2)

    assert drains() == before
    assert [json.loads(line)["operation"] for line in log.read_text().splitlines()] == ["first", "second"]


def test_one_does_not_see_the_calls_of_another() -> None:
    """What is recorded through a collector is counted there, and nowhere else."""
    one, two = (MetricsCollector(Config(config_file=None, log_format="none")) for _ in range(2))
    with one.record_call("openai"):
        pass
    assert [collector.stats().usage.total_calls for collector in (one, two)] == [1, 0]
    one.shutdown()
    two.shutdown()
