"""Puts a small fleet of agents to work for a few seconds, and shows what is recorded of it."""

from __future__ import annotations

import argparse
import asyncio
import threading
from typing import Final

from pepperpy_obs import Config, configure, flush, health, serve, stats
from pepperpy_obs.cli.fleet.agents import Desk
from pepperpy_obs.cli.fleet.customers import ask_all
from pepperpy_obs.cli.serve import PAGES

__all__ = ["add_options", "run"]

_MORE: Final = """
With --keep the page stays there, to be looked at and scraped. With --log demo.log the events are kept, and
`pepperpy-obs replay demo.log` folds them to the same tables (those by customer with
PEPPERPY_COST_ATTRIBUTES=customer)."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "A support desk, a researcher, a writer and a coder answer customers, with models of simulated providers that "
        "speak the real wire formats. Some calls fail, some are tried again, some customers leave early, and one "
        "model has no known price. Nothing leaves this machine. Events go to standard error, the rest to standard "
        "output."
    )
    parser.add_argument("--seconds", type=float, default=4.0, metavar="S", help="how long work is begun (default: 4)")
    parser.add_argument("--port", type=int, default=0, help="port of the metrics server (default: any free one)")
    parser.add_argument("--log", metavar="FILE", help="append the events to a file as JSON lines, and show none")
    parser.add_argument("--keep", action="store_true", help="go on serving when the work is done, until Ctrl-C")


def run(options: argparse.Namespace) -> int:
    """Let the agents work, then print the tables; Ctrl-C ends the work, and then the tables are printed."""
    configure(_config(options))
    desk = Desk()
    with serve(options.port) as listener:
        if not options.json:
            print(f"Four agents go to work. While they do, open {listener.url}/ in a browser", end=" ")
            print(f"(for programs: {listener.url}/metrics, {', '.join(PAGES[1:])}).\n{_where(options)}", flush=True)
        try:
            asyncio.run(ask_all(desk, options.seconds))
        except KeyboardInterrupt:
            options.keep = False
        flush()
        print(stats().to_json() if options.json else f"\n{stats()}\n\n\n{health()}", flush=True)
        if options.keep:
            _keep(None if options.json else listener.url)
        elif not options.json:
            print(_MORE)
    return 0


def _config(options: argparse.Namespace) -> Config:
    """Return settings that show everything, whatever the environment says."""
    return Config(
        metrics_enabled=True,
        log_format="json" if options.log else "none" if options.json else "console",
        log_file=options.log,
        log_stream="stderr",
        log_level="info",
        log_sample_rate=1.0,
        cost_attributes=("customer", "customer+model"),
    )


def _where(options: argparse.Namespace) -> str:
    return f"Their events go to {options.log}.\n" if options.log else ""


def _keep(url: str | None) -> None:
    if url is not None:
        print(f"\nStill serving {url}/metrics, and the dashboard at {url}/ for a browser; Ctrl-C ends it.", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
