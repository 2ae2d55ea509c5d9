"""Finds what has changed for good, or keeps changing, in logs, a store or a running service."""

from __future__ import annotations

import argparse

from pepperpy_obs import Config
from pepperpy_obs.sources import source, trends

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "A source is one or more log files, or a URL. Trends are no alarms. Exit code 0, whatever was found."
    )
    parser.add_argument("files", nargs="+", metavar="SOURCE", help="log files, or the URL of a source")
    parser.add_argument("--window", help="the latest stretch in which to look (default: 90d)")
    parser.add_argument("--step", help="what counts as one value, such as 1h (default: 1h)")


def run(options: argparse.Namespace) -> int:
    """Print the trends."""
    report = trends(options.window, step=options.step, source=source(*options.files, config=Config()))
    print(report.to_json() if options.json else report)
    return 0
