"""Sends one test event to each configured receiver, and says in words what is wrong."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from secrets import token_hex
from typing import TYPE_CHECKING

from pepperpy_obs import Config, SetupError, _clock
from pepperpy_obs.runtime.sinks import KINDS, loading, sinks_of

if TYPE_CHECKING:
    from pepperpy_obs.shipping.diagnosis import Diagnosis
    from pepperpy_obs.shipping.sink import SinkSpec

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "The event is named doctor.asked and has the level debug. Exit code 0 if every receiver took it, 1 if one did "
        "not, 2 if none is configured."
    )
    parser.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="seconds to wait for each answer (default: 10)"
    )


def run(options: argparse.Namespace) -> int:
    """Print what every receiver said."""
    if options.timeout <= 0:
        msg = f"--timeout {options.timeout:g}; give seconds above 0"
        raise SetupError(msg)
    sinks = sinks_of(Config())
    if not sinks:
        variables = ", ".join(f"PEPPERPY_{kind.upper()}_URL" for kind in KINDS)
        msg = f"no receiver is configured; set one of {variables}, or its key in the settings file"
        raise SetupError(msg)
    found: list[Diagnosis] = []
    for diagnosis in _ask(sinks, options.timeout):
        found.append(diagnosis)
        if not options.json:
            print(f"{'ok  ' if diagnosis.healthy else 'FAIL'} {diagnosis}")
            sys.stdout.flush()
    healthy = all(diagnosis.healthy for diagnosis in found)
    if options.json:
        print(json.dumps({"healthy": healthy, "sinks": [asdict(diagnosis) for diagnosis in found]}))
    return 0 if healthy else 1


def _ask(sinks: Sequence[SinkSpec], timeout: float) -> Iterator[Diagnosis]:
    with loading(sinks):
        from pepperpy_obs.shipping.diagnosis import diagnose  # noqa: PLC0415 - loads the HTTP client
    for sink in sinks:
        patient = replace(sink, connect_timeout=timeout, read_timeout=timeout)
        yield diagnose(patient, _clock.time_ns(), token_hex(16))
