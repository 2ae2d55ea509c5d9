"""Folds log files back into the statistics that the process which wrote them had."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from itertools import accumulate
from pathlib import Path

from pepperpy_obs import Config, source
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.cli.progress import Progress
from pepperpy_obs.errors import SetupError, SourceError
from pepperpy_obs.readings.live import UNKNOWN
from pepperpy_obs.readings.source import Source
from pepperpy_obs.readings.windows import seconds_of
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.lines import STDIN, LogFile
from pepperpy_obs.replay.order import oldest_first
from pepperpy_obs.replay.parallel import ChunkedFold
from pepperpy_obs.replay.tail import newest_in
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.sanitize.redact import label_redaction
from pepperpy_obs.sources.opening import is_url

__all__ = ["add_options", "fold_files", "opened", "run", "tell"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "Reads JSON lines and ECS, plain or gzip, as they come. A line that is no event is counted, the first few are "
        "named on standard error, and the rest is folded all the same. An event that comes again is counted once. "
        "Exit code: 0; 1 if there was no event at all; 2 if a file cannot be opened."
    )
    parser.add_argument(
        "files", nargs="+", metavar="SOURCE", help="a log file, in any order; - for standard input; or a URL"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes that fold the files: as many as there are cores"
    )
    parser.add_argument(
        "--window", metavar="W", help="only the latest window before the newest event, such as 300, 5m or 24h"
    )


def run(options: argparse.Namespace) -> int:
    """Print the statistics of log files."""
    config = Config()
    if options.workers < 1:
        msg = f"--workers {options.workers}: give a number of processes, 1 or more"
        raise SetupError(msg)
    if (found := opened(options.files, config)) is not None:
        if options.workers > 1:
            msg = f"--workers {options.workers}: workers fold log files; leave it out where a URL is read"
            raise SetupError(msg)
        return _show(found, options)
    window = None if options.window is None else seconds_of(options.window)
    fold = (
        Fold(Store(config.max_series, config.cost_attributes, label_redaction(config)))
        if options.workers == 1
        else ChunkedFold(config)
    )
    fold.store.snapshot(window)  # a window that cannot be is refused before hours of reading
    if isinstance(fold, Fold):
        fold_files(options.files, fold)
    else:
        _fold_chunks(options.files, fold, options.workers)
    stats = Stats(fold.store.snapshot(window), UNKNOWN)
    print(stats.to_json() if options.json else stats)
    tell(fold)
    return 0 if fold.events else 1


def _show(found: Source, options: argparse.Namespace) -> int:
    stats = Stats.of(found.reading(options.window))
    print(stats.to_json() if options.json else stats)
    return 0 if stats.snapshot.events else 1


def opened(places: Sequence[str], config: Config) -> Source | None:
    """Return the source at a URL; None of files, which the verbs read by themselves, with a progress bar."""
    return source(*places, config=config) if any(map(is_url, places)) else None


def fold_files(names: Sequence[str], fold: Fold) -> None:
    """Fold files, the oldest first, with a progress bar; SetupError if one cannot be opened, before any is read."""
    ordered, sizes = _ordered(names)
    fold.expect(newest_in(ordered))
    done = 0
    with Progress(sum(sizes)) as progress:
        for name, size in zip(ordered, sizes, strict=True):
            _fold_file(name, fold, progress, done)
            done += size


def _fold_chunks(names: Sequence[str], fold: ChunkedFold, workers: int) -> None:
    """Fold files in several processes, with the same bar and the same complaints."""
    from concurrent.futures import ProcessPoolExecutor, process  # noqa: PLC0415 - 20 ms that only this pays
    from multiprocessing import get_context  # noqa: PLC0415 - as above

    ordered, sizes = _ordered(names)
    done = dict(zip(ordered, accumulate(sizes, initial=0), strict=False))
    pool = ProcessPoolExecutor(workers, get_context("spawn"))
    try:
        with Progress(sum(sizes)) as progress:
            for chunk in fold.files(ordered, pool, workers):
                at = done.get(chunk.name, 0) + chunk.stop
                progress.show(at, lambda chunk=chunk: f"{chunk.name}  {fold.events:,} events")  # type: ignore[misc]
    except process.BrokenProcessPool as error:
        msg = "a worker was ended from outside, for want of memory perhaps; nothing is counted: give fewer --workers"
        raise SourceError(msg) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _fold_file(name: str, fold: Fold, progress: Progress, done: int) -> None:
    with closing(LogFile(name)) as log:
        for position in fold.file(log):
            progress.show(done + position, lambda: f"{log.name}  {fold.events:,} events")


def _ordered(names: Sequence[str]) -> tuple[list[str], list[int]]:
    """Return the files, the oldest first, and their sizes."""
    ordered, again = oldest_first(names)
    for name in again:
        print(f"{name}: is given twice, and read once", file=sys.stderr)
    return ordered, [_size(name) for name in ordered]


def _size(name: str) -> int:
    """Return the bytes of a file, 0 of a pipe, which is not opened before it is read: what it holds comes once."""
    return Path(name).stat().st_size if name != STDIN and Path(name).is_file() else 0


def tell(fold: Fold | ChunkedFold) -> None:
    """Say on standard error what was passed over."""
    for name in fold.named:
        print(name, file=sys.stderr)
    if fold.passed_over:
        print(f"lines passed over: {fold.passed_over:,}; events counted: {fold.events:,}", file=sys.stderr)
    elif not fold.events:
        print("no events", file=sys.stderr)
    if fold.doubles:
        print(f"events that came again: {fold.doubles:,}, each counted once", file=sys.stderr)
    if fold.ids.unchecked:
        told = (
            f"events that may have come before: {fold.ids.unchecked:,}; their time is older than all ids that are kept"
        )
        print(told, file=sys.stderr)
