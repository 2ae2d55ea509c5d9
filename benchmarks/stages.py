"""Where the time of one measured call goes, from the caller to the line on disk: each stage on its own, in floors."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from benchmarks.subjects.ours import subjects
from benchmarks.subjects.plain import floor
from benchmarks.timing import work
from pepperpy_obs import _dispatch, measure
from pepperpy_obs.context import assign_ids
from pepperpy_obs.runtime.drain import _split

__all__ = ["main"]

_BATCH: Final = 64
_ROUNDS: Final = 400
_SUBJECT: Final = "ours: measured, JSON file"


class Stopwatch:
    """Collects the nanoseconds that a call costs at each stage."""

    def __init__(self) -> None:
        self._taken: dict[str, list[float]] = {}

    def time(self, stage: str, step: Callable[..., Any], *arguments: Any) -> Any:
        """Run a step for a whole batch."""
        start = time.perf_counter_ns()
        result = step(*arguments)
        self._taken.setdefault(stage, []).append((time.perf_counter_ns() - start) / _BATCH)
        return result

    def shares(self) -> dict[str, float]:
        """Return each stage's lower decile as a multiple of what the floor adds, which others disturb the least."""
        low = {stage: sorted(taken)[len(taken) // 10] for stage, taken in self._taken.items()}
        nothing, least = low.pop("bare"), low.pop("floor")
        low["caller"] -= nothing
        return {stage: round(ns / (least - nothing), 3) for stage, ns in low.items()}


def main() -> None:
    """Take batches through the stages by hand, with the background thread at rest, and print shares as JSON."""
    (subject,) = [one for one in subjects() if one.name == _SUBJECT]
    subject.start()
    runtime: Any = _dispatch.runtime()
    runtime._background.stop(1)  # noqa: SLF001 - its parts are what is measured
    chain, buffer, watch = runtime._drain.chain, _dispatch.RECORDS.records, Stopwatch()  # noqa: SLF001 - as above
    writer, fast_path = chain._writer, chain._fast_path  # noqa: SLF001 - as above
    timed, ours = floor(work, ""), subject.wrap(work, "operation")

    def call(function: Callable[[Any], Any]) -> None:
        for _ in range(_BATCH):
            function("")

    with measure("request"):
        for _ in range(_ROUNDS):
            buffer.clear()
            watch.time("bare", call, work)
            watch.time("floor", call, timed)
            watch.time("caller", call, ours)
            done = watch.time("drain: part and order", _split, buffer[:_BATCH])[0]
            watch.time("drain: ids", assign_ids, done)
            watch.time("drain: clocks", writer.begin)
            part = watch.time("drain: lines", fast_path.partition, writer, done, 0)
            fast_path.pending = part.pending
            watch.time("drain: count", fast_path.apply)
            for output in chain.outputs:
                watch.time("drain: write", output.sink.write, [part.text[output.format]] if part.lines else [])
            if part.place < _BATCH:  # the first ones of an operation, and of ten seconds, go through the links
                chain.take(done[part.place :])
    sys.stdout.write(f"{json.dumps(watch.shares())}\n")


if __name__ == "__main__":
    main()
