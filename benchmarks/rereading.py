"""Replay beside only decoding the same lines; memory while the file goes by."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from pepperpy_obs import Config, configure, flush, measured, shutdown
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.lines import LogFile, Splitter

__all__ = ["main"]

_BLOCK = 100_000


def _nothing() -> None:
    """Do nothing."""


def generate(path: Path, lines: int) -> None:
    """Write a log of ours: calls of 200 operations, repeated until the file is long enough."""
    block = path.with_suffix(".block")
    configure(Config(config_file=None, log_format="json", log_file=block, log_max_bytes=0))
    made = [measured(operation=f"operation {number}")(_nothing) for number in range(200)]
    for number in range(min(lines, _BLOCK)):
        made[number % 200]()
        if number % 1000 == 0:
            flush()
    shutdown()
    text = block.read_bytes()
    with path.open("wb") as file:
        for _ in range(lines // min(lines, _BLOCK)):
            file.write(text)
    block.unlink()


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
    peaks: list[float] = []
    for place, _ in enumerate(fold.file(log)):
        if place % 400 == 0:
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    log.close()
    return time.perf_counter() - start, fold.events, peaks


def main() -> None:
    """Print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=5_000_000)
    lines = parser.parse_args().lines
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        generate(path, lines)
        size = path.stat().st_size
        took, events, peaks = replay(path)
        alone = only_decode(path)
    found = {
        "lines": lines, "MB": size / 1e6, "replay events/s": events / took, "decoding only lines/s": lines / alone,
        "share": alone / took, "counted": events, "MB of memory at first and at last": [peaks[0], peaks[-1]],
    }  # fmt: skip
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
