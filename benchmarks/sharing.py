"""A shared directory: what it costs each of many processes, and what a scrape of all of them costs.

Each process counts calls of all its series, in a random order. The thread that shows its state is measured by the
system's clock of that thread; a scrape by that of the process that reads.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from pepperpy_obs import Config, MetricsCollector, PrometheusExporter, source

__all__ = ["main"]

_ROOT: Final = Path(__file__).parents[1]
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of its own is made there


def work(folder: Path, series: int, rate: int, seconds: float) -> dict[str, float]:
    """Count for so long, and return what share of a core the state took."""
    one = MetricsCollector(Config(config_file=None, log_format="none", share_directory=folder))
    chosen = random.Random(os.getpid())
    for number in range(series):
        _call(one, number)
    print("ready", flush=True)
    begun = last = time.monotonic()
    first = _thread_time("pepperpy_obs-share")
    made = series
    while (now := time.monotonic()) < begun + seconds:
        for _ in range(round((now - last) * rate)):
            _call(one, chosen.randrange(series))
            made += 1
        last = now
        time.sleep(0.05)
    return {"core": (_thread_time("pepperpy_obs-share") - first) / (time.monotonic() - begun), "calls": made}


def _call(one: MetricsCollector, number: int) -> None:
    options: Any = {"model": f"model {number % 7}", "kind": "llm"} if number % 2 else {"kind": "tool"}
    with one.record_call("acme", operation=f"operation {number}", **options) as call:
        if number % 2:
            call.record_usage({"input_tokens": 300, "output_tokens": 20})


def _thread_time(name: str) -> float:
    for thread in threading.enumerate():
        if thread.name == name and thread.ident is not None:
            return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
    return 0.0


def scrape(folder: Path, window: str | None) -> float:
    """Return the CPU seconds of a scrape, or of a reading of a window."""
    config = Config(config_file=None)
    found = source(f"shared:{folder}", config=config)
    exporter = PrometheusExporter(found)
    begun = time.process_time()
    if window is None:
        exporter.text()
    else:
        _ = found.reading(window).snapshot
    return time.process_time() - begun


def measure(processes: int, series: int, rate: int, seconds: float) -> dict[str, Any]:
    """Run so many processes, read them meanwhile, and return all figures."""
    with TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as name:
        folder = Path(name) / "shared"
        command = [sys.executable, "-m", "benchmarks.sharing", "--worker", str(folder), "--series", str(series)]
        command += ["--rate", str(rate), "--seconds", str(seconds)]
        workers = [subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE) for _ in range(processes)]  # noqa: S603 - ours
        for worker in workers:
            if worker.stdout is not None:
                worker.stdout.readline()  # of those that start first, some seconds are gone when the last is ready
        time.sleep(0.7 * seconds)
        scrapes = [scrape(folder, None) for _ in range(5)]
        windows = {window: scrape(folder, window) for window in ("5m", "1h")}
        size = sum(path.stat().st_size for path in folder.iterdir())
        told = [json.loads(worker.communicate()[0]) for worker in workers]
        shares = [one["core"] for one in told]
        calls = sum(one.calls for one in source(f"shared:{folder}").reading().snapshot.series.values())
    return {
        "processes": processes, "series": series, "calls": sum(one["calls"] for one in told),
        "calls_shown": calls, "directory_bytes": size,
        "core_of_each": median(shares), "core_at_most": max(shares),
        "scrape_cpu_seconds": median(scrapes), "window_cpu_seconds": windows,
    }  # fmt: skip


def main() -> None:
    """Measure, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=100, help="calls of each process a second")
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker is not None:
        print(json.dumps(work(given.worker, given.series, given.rate, given.seconds)))
    else:
        print(json.dumps(measure(given.processes, given.series, given.rate, given.seconds)))


if __name__ == "__main__":
    main()
