"""Folds log files back into the statistics that the process which wrote them had."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing

from pepperpy_obs import Config
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.cli.progress import Progress
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.lines import LogFile
from pepperpy_obs.reports.live import Live
from pepperpy_obs.reports.stats import Stats

__all__ = ["add_options", "fold_files", "run", "tell"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "Reads JSON lines and ECS, plain or gzip, as they come. A line that is no event is counted, the first few are "
        "named on standard error, and the rest is folded all the same. Exit code: 0; 1 if there was no event at all; "
        "2 if a file cannot be opened."
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a log file, oldest first; - for standard input")
    parser.add_argument(
        "--window", type=float, metavar="S", help="only the last S seconds before the newest event (up to a day)"
    )


def run(options: argparse.Namespace) -> int:
    """Print the statistics of log files."""
    config = Config()
    fold = Fold(Store(config.max_series, config.cost_attributes))
    fold.store.snapshot(options.window)  # a window that cannot be is refused before hours of reading
    fold_files(options.files, fold)
    stats = Stats(fold.store.snapshot(options.window), Live())
    print(stats.to_json() if options.json else stats)
    tell(fold)
    return 0 if fold.events else 1


def fold_files(names: Sequence[str], fold: Fold) -> None:
    """Fold files in order, with a progress bar; SetupError if one of them cannot be opened, before any is read."""
    sizes = [_size(name) for name in names]
    done = 0
    with Progress(sum(sizes)) as progress:
        for name, size in zip(names, sizes, strict=True):
            _fold_file(name, fold, progress, done)
            done += size


def _fold_file(name: str, fold: Fold, progress: Progress, done: int) -> None:
    with closing(LogFile(name)) as log:
        for position in fold.file(log):
            progress.show(done + position, lambda: f"{log.name}  {fold.events:,} events")


def _size(name: str) -> int:
    with closing(LogFile(name)) as log:
        return log.size


def tell(fold: Fold) -> None:
    """Say on standard error what was passed over."""
    for name in fold.named:
        print(name, file=sys.stderr)
    if fold.passed_over:
        print(f"lines passed over: {fold.passed_over:,}; events counted: {fold.events:,}", file=sys.stderr)
    elif not fold.events:
        print("no events", file=sys.stderr)
