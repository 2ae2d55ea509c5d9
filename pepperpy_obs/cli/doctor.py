"""Sends one test event to each configured receiver, and says in words what is wrong."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from importlib import import_module
from secrets import token_hex
from typing import TYPE_CHECKING

from pepperpy_obs import Config, SetupError, _clock
from pepperpy_obs.reports import table
from pepperpy_obs.runtime.sinks import KINDS, backlogs, loading, sinks_of

if TYPE_CHECKING:
    from pepperpy_obs.shipping.diagnosis import Diagnosis
    from pepperpy_obs.shipping.sink import SinkSpec

__all__ = ["add_options", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "The event is named doctor.asked, has the level debug and the fields of a call of the service's. Exit code 0 "
        "if every receiver took it, 1 if one did not, or cannot sum its costs, 2 if none is configured."
    )
    parser.add_argument(
        "--clients", action="store_true", help="say instead which clients of providers instrument() hooks, and why not"
    )
    parser.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="seconds to wait for each answer (default: 10)"
    )


def run(options: argparse.Namespace) -> int:
    """Print what every receiver said."""
    if options.timeout <= 0:
        msg = f"--timeout {options.timeout:g}; give seconds above 0"
        raise SetupError(msg)
    if options.clients:
        return _clients(as_json=options.json)
    config = Config()
    sinks = sinks_of(config)
    if not sinks:
        variables = ", ".join(f"PEPPERPY_{kind.upper()}_URL" for kind in KINDS)
        msg = f"no receiver is configured; set one of {variables}, or its key in the settings file"
        raise SetupError(msg)
    found: list[Diagnosis] = []
    about = {"service": config.service} | ({"environment": config.environment} if config.environment else {})
    for diagnosis in _ask(sinks, options.timeout, about):
        found.append(diagnosis)
        if not options.json:
            print(f"{'ok  ' if diagnosis.healthy else 'FAIL'} {diagnosis}")
            sys.stdout.flush()
    waiting = backlogs(config)
    healthy = all(diagnosis.healthy for diagnosis in found)
    if options.json:
        sinks_found = [asdict(diagnosis) for diagnosis in found]
        print(json.dumps({"healthy": healthy, "sinks": sinks_found, "backlogs": waiting}))
    else:
        for backlog in waiting:
            print(f"note {backlog}")
    return 0 if healthy else 1


def _ask(sinks: Sequence[SinkSpec], timeout: float, about: Mapping[str, str]) -> Iterator[Diagnosis]:
    with loading(sinks):
        from pepperpy_obs.shipping.diagnosis import diagnose  # noqa: PLC0415 - loads the HTTP client
    for sink in sinks:
        patient = replace(sink, connect_timeout=timeout, read_timeout=timeout)
        yield diagnose(patient, _clock.time_ns(), token_hex(16), about)


def _clients(*, as_json: bool) -> int:
    """Hook what is installed in this process, and print how each hook stands."""
    from pepperpy_obs.integrations.clients import instrument, statuses  # noqa: PLC0415 - loaded when it is asked for

    instrument()
    for module in dict.fromkeys(one.module for one in statuses() if one.state == "waiting"):
        with suppress(Exception):  # a library that cannot be imported is told as waiting
            import_module(module)
    found = statuses()
    if as_json:
        print(json.dumps({"hooks": [one._asdict() for one in found]}))
        return 0
    rows = [
        (one.library, one.version or "-", one.hook, one.state, one.reason) for one in found if one.state != "absent"
    ]
    if rows:
        print(table.columns(["library", "version", "hook", "state", "why"], rows, words=5))
    absent = dict.fromkeys(one.library for one in found if one.state == "absent")
    if absent:
        print(f"not installed: {', '.join(absent)}")
    return 0
