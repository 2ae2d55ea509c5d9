"""Replay beside only decoding the same lines; memory while the file goes by."""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from pepperpy_obs import Config, configure, flush, measured, shutdown
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.lines import LogFile, Splitter
from pepperpy_obs.replay.tail import newest_in
from pepperpy_obs.testing import ManualClock

__all__ = ["main"]

_OPERATIONS: Final = 200
_BLOCK: Final = 100_000
_BEGIN: Final = datetime(2026, 11, 27, tzinfo=UTC)


def generate(path: Path, lines: int, rate: int) -> None:
    """Write a log of ours: calls of 200 operations in no order, `rate` of them each second, until it is long enough."""
    block = path.with_suffix(".block")
    configure(Config(config_file=None, log_format="json", log_file=block, log_max_bytes=0))
    chosen, wait = random.Random(0), 0.0

    def call() -> None:
        clock.advance(wait)

    made = [measured(operation=f"operation {number}")(call) for number in range(_OPERATIONS)]
    with ManualClock(_BEGIN.timestamp()) as clock:
        for number in range(min(lines, _BLOCK)):
            wait = chosen.lognormvariate(-0.5, 1.2)
            clock.advance(-wait)
            chosen.choice(made)()
            clock.advance(1 / rate)
            if number % 1000 == 0:
                flush()
        flush()
    shutdown()
    seconds = [b"".join(part) for _, part in groupby(block.read_bytes().splitlines(keepends=True), _second)]
    block.unlink()
    with path.open("wb") as file:
        for number in range(lines // min(lines, _BLOCK)):
            for place, text in enumerate(seconds):
                now = _BEGIN + timedelta(seconds=number * len(seconds) + place)
                file.write(text.replace(_second(text), f"{now:%Y-%m-%dT%H:%M:%S}".encode()))


def _second(line: bytes) -> bytes:
    """Return when a line, or the first of some, was written, to the second."""
    return line[len(b'{"timestamp":"') :][: len("2026-11-27T00:00:00")]


def only_decode(path: Path) -> float:
    """Return the seconds that cutting into lines and decoding them take."""
    decode = msgspec.json.Decoder().decode
    start = time.perf_counter()
    log, splitter = LogFile(str(path)), Splitter()
    for piece in log.pieces():
        for line in splitter.feed(piece):
            decode(line)
    log.close()
    return time.perf_counter() - start


def replay(path: Path) -> tuple[float, int, list[float]]:
    """Return the seconds that a replay takes, the events it counted, and the peak memory in MB on the way."""
    start = time.perf_counter()
    fold, log = Fold(Store()), LogFile(str(path))
    fold.expect(newest_in([str(path)]))
    peaks: list[float] = []
    for place, _ in enumerate(fold.file(log)):
        if place % 400 == 0:
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    log.close()
    return time.perf_counter() - start, fold.events, peaks


def share(path: Path, repeat: int) -> float:
    """Return how fast a replay is beside only decoding: the median of both, one after the other."""
    return median(only_decode(path) / replay(path)[0] for _ in range(repeat))


def main() -> None:
    """Print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=5_000_000)
    parser.add_argument("--repeat", type=int, default=7)
    given = parser.parse_args()
    lines = given.lines
    found: dict[str, Any] = {"lines": lines}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        generate(path, lines, 10_000)
        took, events, peaks = replay(path)
        found["MB"] = path.stat().st_size / 1e6
        found["replay events/s"] = events / took
        found["counted"] = events
        found["MB of memory at first and at last"] = [peaks[0], peaks[-1]]
        found["share of the speed of only decoding, by lines a second"] = {}
        for rate in (10_000, 1_000, 100):
            generate(path, max(_BLOCK, lines // 25), rate)
            found["share of the speed of only decoding, by lines a second"][f"{rate:,}"] = share(path, given.repeat)
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
