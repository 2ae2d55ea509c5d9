"""Sends once more what receivers have refused, and says what came of it."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pepperpy_obs import Config, SetupError
from pepperpy_obs.runtime.sinks import KINDS, loading, sinks_of, spool_of

if TYPE_CHECKING:
    from pepperpy_obs.shipping.resend import Resent
    from pepperpy_obs.shipping.sink import SinkSpec

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "Remove the cause first: what a receiver refuses again is put back. An event that the receiver has after all "
        "is there twice then, except in Elasticsearch. Exit code 0 if all were taken, 1 if not, 2 without a receiver."
    )
    parser.add_argument("--sink", choices=KINDS, help="only those of this receiver")
    parser.add_argument(
        "--reason", action="append", default=[], metavar="WORD", help="only those refused for it; may be repeated"
    )
    parser.add_argument("--dry-run", action="store_true", help="say how many there are, by reason, and send nothing")
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="S", help="seconds to wait for each answer (default: 30)"
    )


def run(options: argparse.Namespace) -> int:
    """Print what came of the dead letters of every receiver."""
    if options.timeout <= 0:
        msg = f"--timeout {options.timeout:g}; give seconds above 0"
        raise SetupError(msg)
    config = Config()
    sinks = [sink for sink in sinks_of(config) if options.sink in {None, sink.kind}]
    if not sinks:
        variables = ", ".join(f"PEPPERPY_{kind.upper()}_URL" for kind in KINDS if options.sink in {None, kind})
        msg = f"no receiver is configured; set one of {variables}, or its key in the settings file"
        raise SetupError(msg)
    directory = spool_of(config)
    if options.dry_run:
        return _count(sinks, directory, as_json=options.json)
    with loading(sinks):
        from pepperpy_obs.shipping.resend import resend  # noqa: PLC0415 - loads the HTTP client
    done: list[Resent] = []
    for sink in sinks:
        patient = replace(sink, read_timeout=options.timeout)
        done.append(resend(patient, directory, options.reason, config.ship_dead_letter_max_bytes))
        if not options.json:
            print(done[-1])
            sys.stdout.flush()
    if options.json:
        print(json.dumps({"directory": str(directory), "sinks": [asdict(one) for one in done]}))
    return 0 if all(one.taken == one.letters for one in done) else 1


def _count(sinks: Sequence[SinkSpec], directory: Path, *, as_json: bool) -> int:
    with loading(sinks):
        from pepperpy_obs.shipping.dead_letter import read_letters  # noqa: PLC0415
        from pepperpy_obs.shipping.resend import letters_of  # noqa: PLC0415
    found: dict[str, dict[str, int]] = {}
    for sink in sinks:
        files = [read_letters(path)[0] for path in letters_of(directory, sink.name)]
        found[sink.name] = dict(Counter(letter.reason for letters in files for letter in letters))
    if as_json:
        print(json.dumps({"directory": str(directory), "letters": found}))
        return 0
    for name, reasons in found.items():
        counts = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items())) or "none"
        print(f"{name}: {sum(reasons.values())} dead letters in {directory} ({counts})")
    return 0
