"""Serves metrics, statistics and health of the log files that other processes write."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from pathlib import Path
from typing import Final

from pepperpy_obs import Config, _clock, serve
from pepperpy_obs.cli.replay import fold_files, opened
from pepperpy_obs.readings.source import Source
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.follow import Follow
from pepperpy_obs.replay.lines import STDIN, LogFile
from pepperpy_obs.replay.order import oldest_first
from pepperpy_obs.replay.source import LogSource

__all__ = ["PAGES", "add_options", "run"]

PAGES: Final = (
    "/metrics", "/stats", "/history", "/traces", "/events", "/alerts", "/anomalies", "/health", "/livez", "/readyz",
    "/reading",
)  # fmt: skip
_PAUSE: Final = 0.5
_PAUSE_BEFORE_LINES: Final = 0.05
"""While a file is not there yet, or empty: some of it should be read before it is cut for the first time."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "Plain files are read from their beginning and then followed, through rotation too; give rotated files along "
        "with the live one to have their past counted. Compressed files and standard input are read once, the latter "
        "while pages are served. "
        f"The pages are {', '.join(PAGES)}. Until the past has been read all but /livez answer 503. Ctrl-C ends it."
    )
    parser.add_argument("files", nargs="+", metavar="SOURCE", help="a log file; - for standard input; or a URL")
    parser.add_argument("--host", help="address to listen on (default: metrics_host of Config, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port, 0 for any free one (default: metrics_port of Config, 8000)")


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    if (other := opened(options.files, Config())) is not None:
        return _serve(other, options)
    source = LogSource(Config(), _clock.time_ns, options.files)
    once = [name for name in options.files if name == STDIN or name.endswith(".gz")]
    growing = [name for name in options.files if name not in once]
    for name in growing:
        if Path(name).exists():
            LogFile(name).close()
        else:
            print(f"{name} is not there yet; it is read once it is", file=sys.stderr)
    found, _ = oldest_first([name for name in growing if Path(name).exists()])
    follow = Follow([*found, *(name for name in growing if name not in found)], source.fold)
    reading = True

    def pending() -> str:
        return f"The past is still being read: {source.fold.seen:,} events so far." if reading else ""

    try:
        with serve(options.port, options.host, collector=source, pending=pending, strict=True) as listener:
            print(
                json.dumps({"url": listener.url})
                if options.json
                else f"Serving {listener.url}/metrics (for people: {listener.url}/)",
                flush=True,
            )
            fold_files([name for name in once if name != STDIN], source.fold)
            told = _Told(source.fold)
            follow.poll()
            reading = False
            if STDIN in once:  # of a pipe nothing says which part of it is the past
                threading.Thread(target=fold_files, args=([STDIN], source.fold), daemon=True).start()
            while True:
                told.tell()
                _clock.sleep(_PAUSE_BEFORE_LINES if follow.waits else _PAUSE)
                follow.poll()
    except KeyboardInterrupt:
        follow.close()
    return 0


def _serve(source: Source, options: argparse.Namespace) -> int:
    """Serve what another source says whenever a page is asked for."""
    try:
        with serve(options.port, options.host, collector=source, strict=True) as listener:
            print(
                json.dumps({"url": listener.url})
                if options.json
                else f"Serving {listener.url}/metrics (for people: {listener.url}/)",
                flush=True,
            )
            threading.Event().wait()
    except KeyboardInterrupt:
        pass
    return 0


class _Told:
    """What has been said of the lines that were passed over."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._named = self._doubles = 0

    def tell(self) -> None:
        """Say on standard error what is new; of doubles, when there are twice as many as were told."""
        named = self._fold.named
        for name in named[self._named :]:
            print(name, file=sys.stderr)
        self._named = len(named)
        doubles = self._fold.doubles
        if doubles > 2 * self._doubles:
            print(f"events that came again: {doubles:,} so far, each counted once", file=sys.stderr)
            self._doubles = doubles
