"""How a series of calls is timed: one by one, in a coroutine, in four threads; and its CPU, with all that comes later.

Nothing is measured across processes or across moments: each subject is timed right beside
bare and floor, and only the ratio of what each adds to bare is kept, of which the median is told.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from types import FunctionType
from typing import Any, Final, cast

from benchmarks.subjects import Function, Subject

__all__ = ["Added", "Calls", "bursts", "compare", "cpu", "one_by_one", "threaded"]

MOST: Final = 1000
"""Calls of a series: in four threads still below any buffer, so that the caller's part is seen alone. After each,
everything is flushed."""
_AIM: Final = 0.004
"""Seconds that a series of a slow subject takes."""

Pairs = Sequence[tuple[Function, Any]]


def work(argument: Any) -> Any:
    """Do nothing: what is measured is what observing adds."""
    return argument


async def async_work(argument: Any) -> Any:
    """Do nothing, as a coroutine."""
    return argument


@dataclass
class Calls:
    """Series of calls of one subject, through 1 or 100 decorated functions."""

    subject: Subject
    sync: Pairs
    coroutines: Pairs
    loop: asyncio.AbstractEventLoop

    @classmethod
    def of(cls, subject: Subject, loop: asyncio.AbstractEventLoop, operations: int = 1, most: int = MOST) -> Calls:
        """Decorate and try the subject; a slow one gets shorter series."""
        subject.start()
        arguments = subject.arguments(most)
        sync = [subject.wrap(_fresh(work), f"operation {number}") for number in range(operations)]
        coroutines = [subject.wrap(_fresh(async_work), f"operation {number}") for number in range(operations)]
        calls = cls(subject, list(zip(itertools.cycle(sync), arguments, strict=False)),
                    list(zip(itertools.cycle(coroutines), arguments, strict=False)), loop)  # fmt: skip
        took = min(one_by_one(cls(subject, calls.sync[:20], [], loop)) for _ in range(3)) / 1e9
        length = max(20, min(most, int(_AIM / took) if took > 0 else most))
        calls.sync, calls.coroutines = calls.sync[:length], calls.coroutines[:length]
        return calls


def _fresh(function: Function) -> Function:
    """Return a copy, so that a subject that marks functions marks its own."""
    return FunctionType(cast("FunctionType", function).__code__, globals())


def one_by_one(calls: Calls) -> float:
    """Return the nanoseconds that a call takes in its caller."""
    with calls.subject.around():
        start = time.perf_counter_ns()
        for function, argument in calls.sync:
            function(argument)
        took = time.perf_counter_ns() - start
    calls.subject.flush()
    return took / len(calls.sync)


def awaited(calls: Calls) -> float:
    """Return the nanoseconds that an awaited call takes in its task."""

    async def series() -> int:
        with calls.subject.around():
            start = time.perf_counter_ns()
            for function, argument in calls.coroutines:
                await function(argument)
            return time.perf_counter_ns() - start

    took = calls.loop.run_until_complete(series())
    calls.subject.flush()
    return took / len(calls.coroutines)


def threaded(calls: Calls, threads: int = 4) -> float:
    """Return the nanoseconds of wall time for each of all calls that several threads make at once."""
    spans: list[tuple[int, int]] = []
    ready = threading.Barrier(threads)

    def series() -> None:
        with calls.subject.around():
            ready.wait()
            start = time.perf_counter_ns()
            for function, argument in calls.sync:
                function(argument)
            spans.append((start, time.perf_counter_ns()))

    workers = [threading.Thread(target=series) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    calls.subject.flush()
    return (max(end for _, end in spans) - min(start for start, _ in spans)) / (threads * len(calls.sync))


def cpu(calls: Calls, series: int = 8) -> float:
    """Return the nanoseconds of CPU, of all threads and until all is flushed, that a call costs."""
    start = time.process_time_ns()
    for _ in range(series):
        with calls.subject.around():
            for function, argument in calls.sync:
                function(argument)
    calls.subject.flush()
    return (time.process_time_ns() - start) / (series * len(calls.sync))


def bursts(calls: Calls, number: int, size: int = 20, pause: float = 0.001) -> dict[str, float]:
    """Return quantiles of a call's nanoseconds while background work goes on: a burst of calls each millisecond."""
    took: list[int] = []
    clock = time.perf_counter_ns
    pairs = itertools.cycle(calls.sync)
    with calls.subject.around():
        for _ in range(number):
            for function, argument in itertools.islice(pairs, size):
                start = clock()
                function(argument)
                took.append(clock() - start)
            time.sleep(pause)
    calls.subject.flush()
    lazy_steps = quantiles(took, n=1000)
    return {"p50": lazy_steps[499], "p99": lazy_steps[989], "p99.9": lazy_steps[998]}


@dataclass(frozen=True)
class Added:
    """What observing adds to a call, in ns and as a multiple of what the floor adds; medians over rounds."""

    total: float
    added: float
    ratio: float
    low: float
    high: float
    """Quartiles of the ratio."""


Measure = Callable[[Calls], float]


def compare(measure: Measure, subjects: Sequence[Calls], rounds: int, repeat: int = 3) -> dict[str, Added]:
    """Measure each subject between its neighbours bare and floor, round after round; the first two are these.

    Of a few repetitions the least counts, for each of the three alike: what else runs on the machine only ever adds.
    """
    bare, floor, *_ = subjects
    taken: dict[str, list[tuple[float, float, float]]] = {calls.subject.name: [] for calls in subjects}
    for number in range(rounds):
        turned = number % len(subjects)
        for calls in (*subjects[turned:], *subjects[:turned]):
            calls.subject.start()
            measure(calls)  # warms up what `start` made anew
            turns = [(measure(bare), measure(calls), measure(floor)) for _ in range(repeat)]
            nothing, own, least = map(min, zip(*turns, strict=True))
            taken[calls.subject.name].append((own, own - nothing, (own - nothing) / max(least - nothing, 1.0)))
    return {name: _median(rows) for name, rows in taken.items()}


def _median(rows: Sequence[tuple[float, float, float]]) -> Added:
    ratios = [ratio for _, _, ratio in rows]
    low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return Added(median(row[0] for row in rows), median(row[1] for row in rows), median(ratios), low, high)
