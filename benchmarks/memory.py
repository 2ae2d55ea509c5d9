"""Memory of series with all their windows, and what it takes to read a day of them.

Each load is as it stands at the end. Calls whose interval of ten seconds is gone by then are recorded all at once, in
the first ten seconds of the interval (150 seconds, or an hour) that is left of their time: its sums are the same.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any, Final, TypeVar

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.reports.stats import Stats

__all__ = ["main"]

Kind = TypeVar("Kind")
_Took = tuple[float, float]

_SECOND: Final = 1_000_000_000
_BEGIN: Final = 1_763_899_200 * _SECOND
_DAY: Final = "each minute for 25 hours"
_CALL: Final = {"event": "operation.finished", "kind": "tool", "outcome": "ok", "duration_seconds": 0.25}
_LOADS: Final = {"each 5 s for an hour": (5, 3600), _DAY: (60, 25 * 3600), "once": (60, 60)}


def schedule(every: int, seconds: int) -> list[tuple[int, int]]:
    """Return when how many calls of each series are recorded, in epoch ns."""
    calls: Counter[int] = Counter()
    for second in range(0, seconds, every):
        age = seconds - second
        resolution = 1 if age <= 320 else 150 if age <= 3900 else 3600
        calls[second // resolution * resolution] += 1
    return [(_BEGIN + second * _SECOND, count) for second, count in sorted(calls.items())]


def filled(series: int, every: int, seconds: int) -> Store:
    """Return a store of so many series after the load."""
    store, chosen = Store(max_series=4 * series), random.Random(0)

    def took() -> float:
        return int(chosen.lognormvariate(-0.5, 1.2) * 1e9) / 1e9

    names = [f"operation {number}" for number in range(series)]
    for at, count in schedule(every, seconds):
        for name in names:
            ids = {"trace_id": f"{chosen.getrandbits(128):032x}", "span_id": f"{chosen.getrandbits(64):016x}"}
            event = {"event": "operation.finished", "operation": name, "kind": "tool", "outcome": "ok", **ids}
            end = at + chosen.randrange(_SECOND)
            store.fold({**event, "duration_seconds": took()}, end)
            accumulator = store.accumulator((name, None, "tool", None, None), end)
            if count > 1 and accumulator is not None:
                accumulator.finish_some([took() for _ in range(count - 1)], count - 1, end, end + _SECOND)
                accumulator.settle()
    return store


def weigh(load: str, series: int) -> float:
    """Return how many kB a series takes after a load."""
    gc.collect()
    tracemalloc.start()
    store = filled(series, *_LOADS[load])
    gc.collect()
    found = tracemalloc.get_traced_memory()[0] / series / 1e3
    tracemalloc.stop()
    del store
    return found


def read(series: int, repeat: int) -> dict[str, Any]:
    """Time reading windows of series that were called for a day, each of them in the running ten seconds too."""
    every, seconds = _LOADS[_DAY]
    store = filled(series, every, seconds)
    now = _BEGIN + (seconds + 2) * _SECOND
    found: dict[str, Any] = {"series": series}
    for window in (None, 300, 3600, 86_400):
        held, added, reported = list[_Took](), list[_Took](), list[_Took]()
        for _ in range(repeat):
            for number in range(series):
                store.fold({**_CALL, "operation": f"operation {number}"}, now)
            cut = _timed(held, partial(store.lazy_snapshot, window, now))
            _timed(added, cut.snapshot)
            _timed(reported, Stats(cut).to_dict)
            del cut
        found["all" if window is None else f"{window} s"] = {
            "with the records held": _medians(held),
            "to add it up": _medians(added),
            "to make all reports of it": _medians(reported),
        }
    return found


def _timed(took: list[_Took], step: Callable[[], Kind]) -> Kind:
    start, cpu = time.perf_counter(), time.thread_time()
    made = step()
    took.append(((time.perf_counter() - start) * 1e3, (time.thread_time() - cpu) * 1e3))
    return made


def _medians(took: list[_Took]) -> dict[str, float]:
    return {"ms": median(wall for wall, _ in took), "CPU ms": median(cpu for _, cpu in took)}


def main() -> None:
    """Print all of it as JSON; each load in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--load", choices=[*_LOADS, "read"])
    given = parser.parse_args()
    if given.load:
        series = max(given.series)
        found = read(series, given.repeat) if given.load == "read" else weigh(given.load, series)
        sys.stdout.write(f"{json.dumps(found)}\n")
        return
    found = {f"kB a series, called {load}": {count: _ask(load, count) for count in given.series} for load in _LOADS}
    found["reading"] = _ask("read", max(given.series), given.repeat)
    sys.stdout.write(f"{json.dumps(found)}\n")


def _ask(load: str, series: int, repeat: int = 1) -> Any:
    command = [sys.executable, "-m", "benchmarks.memory", "--load", load, "--series", str(series)]
    done = subprocess.run([*command, "--repeat", str(repeat)], check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
