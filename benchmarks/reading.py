"""What readers wait for while four threads record: `stats()`, what is made of it, health, and `/readyz`."""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from statistics import median, quantiles
from typing import Any

from pepperpy_obs import Config, configure, flush, measured, serve, stats
from pepperpy_obs.metrics.health import HealthChecker
from pepperpy_obs.testing import ManualClock

__all__ = ["main"]

_THREADS = 4


def functions(count: int, minutes: int) -> list[Callable[[], None]]:
    """Return that many measured functions, a series each, that were called every ten seconds of the last minutes."""
    clock = ManualClock(time.time() - 60.0 * minutes)
    chosen, wait = random.Random(0), 0.0

    def call() -> None:
        if wait:
            clock.advance(wait)

    made = [measured(operation=f"operation {number}", kind="tool")(call) for number in range(count)]
    with clock:
        for _ in range(6 * minutes):
            for place, function in enumerate(made):
                wait = chosen.lognormvariate(-0.5, 1.2) * 4.0 / count
                function()
                if place % 1000 == 0:
                    flush()
            flush()
            clock.advance(2.0)
    wait = 0.0
    return made


@contextmanager
def recording(made: list[Callable[[], None]], pause: float) -> Generator[list[int]]:
    """Have threads call, 20 calls and then a pause, until the end of the block; gives how many calls each has made."""
    stop = threading.Event()
    counts = [0] * _THREADS

    def work(place: int) -> None:
        chosen = random.Random(place)
        while not stop.is_set():
            for function in chosen.choices(made, k=20):
                function()
            counts[place] += 20
            if pause:
                time.sleep(pause)

    workers = [threading.Thread(target=work, args=(place,)) for place in range(_THREADS)]
    for worker in workers:
        worker.start()
    try:
        yield counts
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def readers(port: int) -> dict[str, Callable[[], object]]:
    """Return what is read, by what it is called."""

    def ready() -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
            found: bytes = answer.read()
        return found

    checker = HealthChecker()
    return {
        "stats()": stats,
        "stats().to_dict()": lambda: stats().to_dict(),
        "stats(300).to_dict()": lambda: stats(300).to_dict(),
        "health": checker.check,
        "GET /readyz": ready,
    }


def read(made: list[Callable[[], None]], repeat: int, pause: float) -> dict[str, Any]:
    """Time each of them while four threads record, in turns, and see that they go on."""
    listener = serve(0)
    reading = readers(listener.port)
    took: dict[str, list[float]] = {name: [] for name in reading}
    with recording(made, pause) as counts:
        time.sleep(0.2)
        before, began = sum(counts), time.perf_counter()
        for _ in range(repeat):
            for name, reader in reading.items():
                start = time.perf_counter()
                reader()
                took[name].append((time.perf_counter() - start) * 1e3)
                time.sleep(0.05)
        rate = (sum(counts) - before) / (time.perf_counter() - began)
    listener.close()
    found = {name: {"median ms": median(times), "p90 ms": quantiles(times, n=10)[8]} for name, times in took.items()}
    return {"calls/s meanwhile": rate, **found}


def main() -> None:
    """Print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=21)
    parser.add_argument("--minutes", type=int, default=6)
    given = parser.parse_args()
    configure(Config(config_file=None, log_format="none", max_series=4 * given.series))
    made = functions(given.series, given.minutes)
    quiet = readers(0)
    found: dict[str, Any] = {"series": given.series, "minutes in which each of them was called": given.minutes}
    found["nobody records"] = {}
    for name in list(quiet)[:-1]:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            quiet[name]()
            times.append((time.perf_counter() - start) * 1e3)
        found["nobody records"][name] = median(times)
    found["4 threads, 20 calls a millisecond each"] = read(made, given.repeat, 0.001)
    found["4 threads flat out"] = read(made, max(2, given.repeat // 4), 0.0)
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
