"""The command line's front door: finds the verb, and turns errors into sentences and exit codes.

0: all is well. 1: the verb has bad news (unhealthy, nothing could be read). 2: it was asked wrongly.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

from pepperpy_obs import ObsError, __version__
from pepperpy_obs.cli import alerts, anomalies, config, cost, demo, doctor, health, replay, resend, run, serve, trends

__all__ = ["VERBS", "main"]

VERBS: Final = (demo, replay, cost, serve, health, anomalies, trends, config, doctor, resend, run, alerts)
_ABOUT: Final = "Observability for agents: one decorated call makes one event, and everything else is a fold of events."
_MORE: Final = "pepperpy-obs VERB --help says more about a verb."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (by default the process's own) and return its exit code."""
    _fit_streams()
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.run is None:
        parser.print_help()
        return 2
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except ObsError as error:
        return _complain(options.verb, error)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            return _leave_quietly()
        return _complain(options.verb, error)
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pepperpy-obs", description=_ABOUT, epilog=_MORE)
    parser.add_argument("--version", action="version", version=f"pepperpy-obs {__version__}")
    parser.set_defaults(run=None, verb="")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB")
    for module in VERBS:
        name = module.__name__.rpartition(".")[2]
        text = (module.__doc__ or "").partition("\n")[0]  # nothing under -OO
        verb = verbs.add_parser(name, help=text[:1].lower() + text[1:].rstrip("."), description=text)
        verb.add_argument("--json", action="store_true", help="print the result as one JSON object")
        module.add_options(verb)
        verb.set_defaults(run=module.run, verb=name)
    return parser


def _fit_streams() -> None:
    """Have streams that take whatever is printed: cron's are ASCII, and some callers close theirs.

    Where one is closed, `print` would write to another in its place, and the next file that is opened would be it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - until the end
        elif mode == "w" and isinstance(stream, io.TextIOWrapper):
            # What reads an odd encoding may not know that it is one; ASCII is the same in all.
            encoding = "utf-8" if stream.encoding.lower().startswith("utf") else "ascii"
            stream.reconfigure(encoding=encoding, errors="replace")


def _complain(verb: str, error: Exception) -> int:
    print(f"pepperpy-obs {verb}: {error}", file=sys.stderr)
    return 2


def _leave_quietly() -> int:
    """The reader of our output has closed it; Python would complain once more while it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
