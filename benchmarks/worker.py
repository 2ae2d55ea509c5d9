"""Measures one group of subjects in one process and one environment, and prints what it found as JSON."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import platform
import resource
import sys
from dataclasses import asdict
from importlib.metadata import distributions
from typing import Any

from benchmarks.subjects import Subject, subjects_of
from benchmarks.timing import Calls, awaited, bursts, compare, cpu, one_by_one, threaded

__all__ = ["main"]


def measure(group: str, rounds: int, number: int) -> dict[str, dict[str, Any]]:
    """Return the table's columns for each subject of a group."""
    loop = asyncio.new_event_loop()
    subjects = subjects_of(group)
    rows: dict[str, dict[str, Any]] = {subject.name: {} for subject in subjects}
    one = [Calls.of(subject, loop) for subject in subjects]
    for column, method, turns in (
        ("sync", one_by_one, rounds),
        ("async", awaited, rounds),
        ("threads", threaded, rounds),
        ("cpu", cpu, rounds // 3),
    ):
        for name, added in compare(method, one, max(turns, 2)).items():
            rows[name][column] = asdict(added)
    hundred = [Calls.of(subject, loop, operations=100) for subject in subjects]
    for name, added in compare(one_by_one, hundred, rounds).items():
        rows[name]["hundred"] = asdict(added)
    for name, added in compare(cpu, hundred, max(rounds // 5, 2)).items():
        rows[name]["cpu_of_hundred"] = asdict(added)
    for calls in one:
        calls.subject.start()
        rows[calls.subject.name]["tail"] = bursts(calls, number)
    loop.close()
    return rows


def remember(group: str, name: str, count: int) -> dict[str, Any]:
    """Return the MB that a million calls keep after a flush, what they took at most, and the share that arrived."""
    (subject,) = [one for one in subjects_of(group) if one.name == name]
    calls = Calls.of(subject, asyncio.new_event_loop())
    subject.start()
    _run(subject, calls, 2000)
    before, arrived = _resident(), subject.delivered() if subject.delivered else 0
    peak = _peak()
    half, _ = _run(subject, calls, count // 2)
    midway = _resident()
    rest, blocks = _run(subject, calls, count // 2)
    retained, most = _resident() - before, _peak() - peak
    now = subject.delivered() if subject.delivered else 0
    done = half + rest
    # What the first half keeps may be bounded; from there on it goes as in the second.
    growth = max(0.0, _resident() - midway) / rest * max(0, 1_000_000 - done)
    return {
        "retained": max(0.0, retained) + growth,
        "peak": max(most, 0.0),
        # The running calls around them are events, too.
        "delivered": (now - arrived) / (done + 2 * blocks) if subject.delivered else None,
        "calls": done,
    }


def _run(subject: Subject, calls: Calls, count: int) -> tuple[int, int]:
    """Make about so many calls, each series of them below a running one; return how many of both."""
    blocks = 0
    while blocks * len(calls.sync) < count:
        blocks += 1
        with subject.around():
            for function, argument in calls.sync:
                function(argument)
    subject.flush()
    gc.collect()
    return blocks * len(calls.sync), blocks


def _resident() -> float:
    with open("/proc/self/statm") as file:  # noqa: PTH123 - a line of the kernel's
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--bursts", type=int, default=2000)
    parser.add_argument("--memory", metavar="SUBJECT", help="measure this subject's memory instead")
    parser.add_argument("--calls", type=int, default=1_000_000)
    given = parser.parse_args()
    found: dict[str, Any]
    if given.memory:
        found = remember(given.group, given.memory, given.calls)
    else:
        found = {
            "python": platform.python_version(),
            "versions": {one.metadata["Name"]: one.version for one in distributions()},
            "rows": measure(given.group, given.rounds, given.bursts),
        }
    # Some peers print what they like; the last line is ours.
    sys.stdout.write(f"\n{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
