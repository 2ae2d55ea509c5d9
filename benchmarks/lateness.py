"""How late an event loop gets under paced load: bursts of calls, a few per cent of a core, as in a server."""

from __future__ import annotations

import argparse
import asyncio
import json
import selectors
import sys
from statistics import median, quantiles
from typing import Any

from benchmarks.subjects import Subject, subjects_of
from benchmarks.timing import async_work

__all__ = ["main"]

SIZE = 20
PAUSES = (0.001, 0.002, 0.004)
"""Seconds between two bursts: with all background work 7, 4 and 2 % of a core."""


async def late(subject: Subject, pause: float, bursts: int) -> dict[str, float]:
    """Return quantiles of the loop's lateness in us: of when calls began that were due every so often."""
    loop = asyncio.get_running_loop()
    function = subject.wrap(async_work, "paced")
    arguments = subject.arguments(SIZE)
    lateness: list[float] = []
    with subject.around():
        due = loop.time() + pause
        for _ in range(bursts):
            await asyncio.sleep(due - loop.time())
            lateness.append((loop.time() - due) * 1e6)
            for argument in arguments:
                await function(argument)
            due = max(due + pause, loop.time())
    lazy_steps = quantiles(lateness, n=1000)
    return {"p50": lazy_steps[499], "p99": lazy_steps[989], "p99.9": lazy_steps[998]}


def run(subject: Subject, pause: float, bursts: int) -> dict[str, float]:
    """Measure one subject once, on a loop of its own."""
    subject.start()
    # epoll waits whole milliseconds; select waits for what it was told.
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    found = loop.run_until_complete(late(subject, pause, bursts))
    loop.close()
    subject.flush()
    return found


def main() -> None:
    """Measure the floor and the subjects named, in turns, and print the medians of the repetitions as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subjects", nargs="+")
    parser.add_argument("--group", default="ours")
    parser.add_argument("--bursts", type=int, default=4000)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    known = {subject.name: subject for subject in subjects_of(given.group)}
    found: dict[str, Any] = {}
    for pause in PAUSES:
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in given.subjects}
        for _ in range(given.repeat):
            for name, taken in runs.items():
                taken.append(run(known[name], pause, given.bursts))
        found[f"{SIZE / pause:,.0f} calls/s"] = {
            name: {key: median(one[key] for one in taken) for key in taken[0]} for name, taken in runs.items()
        }
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
