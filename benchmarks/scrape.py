"""A scrape of many series beside one of prometheus_client's own objects, and `stats()` while threads record."""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from statistics import median, quantiles
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pepperpy_obs import Config, PrometheusExporter, configure, flush, measured, stats
from pepperpy_obs.export.families import FAMILIES
from pepperpy_obs.export.prometheus import ObsCollector

__all__ = ["main"]


def functions(count: int) -> list[Callable[[], None]]:
    """Return that many measured functions: a series each, most of them with calls in several buckets."""

    def nothing() -> None:
        """Do nothing."""

    made = [measured(operation=f"operation {number}")(nothing) for number in range(count)]
    for _ in range(3):
        for function in made:
            function()
        flush()
    return made


@contextmanager
def recording(made: list[Callable[[], None]], threads: int, pause: float) -> Generator[list[int]]:
    """Have threads call, 20 calls and then a pause, until the end of the block; gives how many calls each has made."""
    stop = threading.Event()
    counts = [0] * threads

    def work(place: int) -> None:
        chosen = random.Random(place)
        while not stop.is_set():
            for function in chosen.choices(made, k=20):
                function()
            counts[place] += 20
            if pause:
                time.sleep(pause)

    workers = [threading.Thread(target=work, args=(place,)) for place in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield counts
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def timed(work: Callable[[], object], repeat: int) -> float:
    """Return the median of milliseconds."""
    took: list[float] = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        took.append((time.perf_counter() - start) * 1e3)
    return median(took)


def theirs(count: int) -> CollectorRegistry:
    """Return the same two families, with as many series, made of prometheus_client's own objects."""
    registry = CollectorRegistry()
    bounds = next(family.bounds for family in FAMILIES if family.name == "pepperpy_operation_duration_seconds")
    labels = ["operation", "agent", "kind"]
    calls = Counter("pepperpy_operations", "Calls.", [*labels, "outcome"], registry=registry)
    seconds = Histogram("pepperpy_operation_duration_seconds", "Durations.", labels, registry=registry, buckets=bounds)
    for number in range(count):
        calls.labels(f"operation {number}", "", "task", "ok").inc(3)
        for _ in range(3):
            seconds.labels(f"operation {number}", "", "task").observe(1e-6)
    return registry


def scrape(series: int, repeat: int) -> dict[str, Any]:
    """Compare a scrape of ours with one of theirs: when every series has changed since the last, when few have."""
    made = functions(series)
    registry = theirs(series)
    exporter = PrometheusExporter()
    own = CollectorRegistry()
    own.register(ObsCollector())
    text = exporter.text()
    equal = _samples(text) == _samples(generate_latest(own).decode())

    def touch() -> None:
        for start in range(0, series, 5000):
            for function in made[start : start + 5000]:
                function()
            flush()

    changed: list[float] = []
    for _ in range(repeat):
        touch()
        changed.append(timed(exporter.text, 1))
    quiet = timed(exporter.text, repeat)
    client = timed(lambda: generate_latest(registry), repeat)
    with recording(made, 1, 0.001):
        busy = timed(exporter.text, repeat)
    return {
        "series": series, "prometheus_client ms": client, "ours ms, every series changed": median(changed),
        "ours ms, none changed": quiet, "ours ms, while recording": busy, "ratio": median(changed) / client,
        "same samples as prometheus_client renders and parses": equal,
    }  # fmt: skip


def _samples(text: str) -> set[tuple[Any, ...]]:
    """Return what a text says of durations; counters of our own move with every look."""
    families = text_string_to_metric_families(text)
    return {
        (sample.name, tuple(sorted(sample.labels.items())), sample.value)
        for family in families
        for sample in family.samples
        if family.name.startswith("pepperpy_operation")
    }


def read(series: int, repeat: int, pause: float) -> dict[str, Any]:
    """Time `stats()` while four threads record, and see that they go on."""
    made = functions(series)
    took: list[float] = []
    with recording(made, 4, pause) as counts:
        time.sleep(0.2)
        before, began = sum(counts), time.perf_counter()
        for _ in range(repeat):
            took.append(timed(stats, 1))
            time.sleep(0.05)
        rate = (sum(counts) - before) / (time.perf_counter() - began)
    return {"series": series, "median ms": median(took), "p90 ms": quantiles(took, n=10)[8], "calls/s meanwhile": rate}


def main() -> None:
    """Print all of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=7)
    given = parser.parse_args()
    configure(Config(config_file=None, log_format="none", max_series=4 * given.series))
    found = {
        "stats(), paced threads": read(given.series // 10, 3 * given.repeat, 0.001),
        "stats(), threads flat out": read(given.series // 10, given.repeat, 0.0),
        "scrape": scrape(given.series, given.repeat),
    }
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
