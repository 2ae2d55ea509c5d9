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
from pepperpy_obs._event import Writer
from pepperpy_obs.context import settle

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
    drain: Any = _dispatch.runtime()._drain  # noqa: SLF001 - its parts are what is measured
    drain.stop(1)
    chain, buffer, watch, writer = drain.chain, _dispatch.HUB.buffer, Stopwatch(), Writer()
    timed, ours = floor(work, ""), subject.wrap(work, "operation")

    def call(function: Callable[[Any], Any]) -> None:
        for _ in range(_BATCH):
            function("")

    def follow(link: Callable[..., Any], events: list[Any]) -> list[Any]:
        return [link(None, "info", event) for event in events]

    with measure("request"):
        for _ in range(_ROUNDS):
            buffer.clear()
            watch.time("bare", call, work)
            watch.time("floor", call, timed)
            watch.time("caller", call, ours)
            records = buffer[:_BATCH]
            watch.time("drain: ids", settle, records)
            events = watch.time("drain: event", writer.events, records)
            for stage, link, _ in (*chain._counted, *chain._leaving):  # noqa: SLF001 - as above
                events = watch.time(f"drain: {stage}", follow, link, events)
            for _, render, way in chain.exits:
                lines = watch.time("drain: JSON", render, events)
                watch.time("drain: write", way.write, lines)
    sys.stdout.write(f"{json.dumps(watch.shares())}\n")


if __name__ == "__main__":
    main()
