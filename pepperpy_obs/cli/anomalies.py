"""Finds what was odd in logs, a store or a running service, as their own past has it."""

from __future__ import annotations

import argparse

from pepperpy_obs import Config
from pepperpy_obs.sources import anomalies, source

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "A source is one or more log files, or a URL: http://host:8000, sqlite:///obs.db, shared:/run/shop. Two weeks "
        "are learned from, as far as the source keeps them. Exit code 0, whatever was found."
    )
    parser.add_argument("files", nargs="+", metavar="SOURCE", help="log files, or the URL of a source")
    parser.add_argument("--window", default="24h", help="the latest stretch in which to look (default: 24h)")
    parser.add_argument("--step", help="what is judged at once, such as 5m (default: 5m, or 1h where that is kept)")
    parser.add_argument("--past", help="what is learned from, with the window at its end (default: 14d)")


def run(options: argparse.Namespace) -> int:
    """Print the anomalies."""
    found = source(*options.files, config=Config())
    report = anomalies(options.window, step=options.step, past=options.past, source=found)
    print(report.to_json() if options.json else report)
    return 0
