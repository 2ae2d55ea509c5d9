"""Shows the settings that are in force, and where each comes from."""

from __future__ import annotations

import argparse
import json

from pepperpy_obs import Config

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "A setting is taken from the first of these that gives it: a keyword of Config in the program; a variable "
        "PEPPERPY_ and its name in capitals; the settings file, which PEPPERPY_CONFIG names or which is "
        "config/pepperpy_obs.toml. "
        "A wrong one is an error, exit code 2."
    )
    parser.add_argument("--changed", action="store_true", help="leave out the settings that are at their defaults")


def run(options: argparse.Namespace) -> int:
    """Print the settings."""
    config = Config()
    sources = config.sources()
    shown = {
        name: {"value": value, "from": sources[name]}
        for name, value in config.model_dump(mode="json").items()
        if not (options.changed and sources[name] == "default")
    }
    if options.json:
        print(json.dumps(shown, indent=2))
        return 0
    rows = [("setting", "value", "from")]
    rows += [(name, _spelled(fact["value"]), fact["from"]) for name, fact in shown.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, value, source in rows:
        print(f"{name:{widths[0]}}  {value:{widths[1]}}  {source}")
    return 0


def _spelled(value: object) -> str:
    """Return a value as one would write it in the environment."""
    if value is None:
        return "none"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return json.dumps(value) if isinstance(value, bool) else str(value)
