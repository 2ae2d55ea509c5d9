"""Runs a program with the clients of providers hooked, without a change to its code."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from pepperpy_obs import SetupError
from pepperpy_obs.integrations.clients import library_names, startup

__all__ = ["add_options", "run"]

_VARIABLE = "PEPPERPY_INSTRUMENT"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "As in: pepperpy-obs run -- python app.py, or run -- gunicorn app:app. Where a program must not be started so, "
        "import pepperpy_obs.integrations.auto in it, in gunicorn.conf.py, or with celery --include."
    )
    parser.add_argument("--clients", default="", metavar="NAMES", help="libraries to hook, by commas (default: all)")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="the program and its arguments")


def run(options: argparse.Namespace) -> int:
    """Become the program."""
    command: list[str] = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        msg = "no program was given; write it behind two dashes, as in: pepperpy-obs run -- python app.py"
        raise SetupError(msg)
    program = shutil.which(command[0])
    if program is None:
        msg = f"{command[0]!r} is no program on the PATH; give its name or its path"
        raise SetupError(msg)
    library_names([name.strip() for name in options.clients.split(",") if name.strip()], "run --clients")
    folder = str(Path(next(iter(startup.__path__))))
    paths = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    if options.clients:
        environment[_VARIABLE] = options.clients
    os.execve(program, command, environment)  # noqa: S606 - the program that the user wants to run
