"""Serves metrics, statistics and health of the log files that other processes write."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from pepperpy_obs import Config, _clock, serve
from pepperpy_obs.cli.replay import fold_files
from pepperpy_obs.replay.follow import Follow
from pepperpy_obs.replay.lines import STDIN, LogFile
from pepperpy_obs.replay.source import LogSource

__all__ = ["PAGES", "add_options", "run"]

PAGES: Final = ("/metrics", "/stats", "/health", "/livez", "/readyz")
_PAUSE: Final = 0.5


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "Plain files are read from their beginning and then followed, through rotation too; give rotated files along "
        "with the live one to have their past counted. Compressed files and standard input are read once. "
        f"The pages are {', '.join(PAGES)}. Ctrl-C ends it."
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a log file; - for standard input")
    parser.add_argument("--host", help="address to listen on (default: metrics_host of Config, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port, 0 for any free one (default: metrics_port of Config, 8000)")


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    source = LogSource(Config(), _clock.time_ns)
    once = [name for name in options.files if name == STDIN or name.endswith(".gz")]
    growing = [name for name in options.files if name not in once]
    for name in growing:
        if Path(name).exists():
            LogFile(name).close()
        else:
            print(f"{name} is not there yet; it is read once it is", file=sys.stderr)
    follow = Follow(growing, source.fold)
    try:
        with serve(options.port, options.host, collector=source) as listener:
            print(json.dumps({"url": listener.url}) if options.json else f"Serving {listener.url}/metrics", flush=True)
            fold_files(once, source.fold)
            told = 0
            while True:
                follow.poll()
                for name in source.fold.named[told:]:
                    print(name, file=sys.stderr)
                told = len(source.fold.named)
                _clock.sleep(_PAUSE)
    except KeyboardInterrupt:
        follow.close()
    return 0
