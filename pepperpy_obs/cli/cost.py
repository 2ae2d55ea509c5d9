"""Says what logs cost, who spent it, and what it would have cost otherwise."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pepperpy_obs import Config
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.cli.replay import fold_files, tell
from pepperpy_obs.pricing import Pricer
from pepperpy_obs.replay.costs import CostFold, Repricing
from pepperpy_obs.reports.live import Live
from pepperpy_obs.reports.stats import Stats

__all__ = ["add_options", "run"]

_GROUPS: Final = ("provider", "model", "operation", "agent", "day")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "Reads what replay reads. Costs are those that the log has: what was known when the calls were made. "
        "--reprice and --what-if price each request again, at its own time. Exit code: 0; 1 if there was no event "
        "at all; 2 if a file cannot be opened."
    )
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="a log file, oldest first; - for standard input")
    known = ", ".join(_GROUPS)
    add("--by", action="append", default=[], metavar="G", help=f"only the table of {known} or a field of yours; repeat")
    add("--since", type=_instant, metavar="T", help="only events from this day or time on (UTC, 2026-11-01)")
    add("--until", type=_instant, metavar="T", help="only events before this day or time")
    add("--reprice", action="store_true", help="show what differs under the prices of now, or of --price-file")
    add("--what-if", action="append", default=[], metavar="MODEL", help="show the cost of the same tokens; repeat")
    add("--price-file", type=Path, metavar="TOML", help="prices of yours for --reprice and --what-if")
    add("--csv", action="store_true", help="print tables as CSV with exact amounts: of comparisons, if there are any")


def run(options: argparse.Namespace) -> int:
    """Print what log files cost."""
    config = Config()
    repricings = _repricings(options, options.price_file or config.price_file)
    fields = dict.fromkeys((*config.cost_attributes, *(name for name in options.by if name not in _GROUPS)))
    limits = {name: at for name in ("since", "until") if (at := getattr(options, name)) is not None}
    fold = CostFold(Store(config.max_series, tuple(fields)), repricings, **limits)
    fold_files(options.files, fold)
    print(_answer(options, fold, repricings).rstrip("\n"))
    for name in fields if fold.events else ():
        if name in options.by and not any(value for field, value in fold.store.snapshot().attributes if field == name):
            print(f"--by {name}: no request has this field", file=sys.stderr)
    tell(fold)
    return 0 if fold.events else 1


def _repricings(options: argparse.Namespace, path: Path | str | None) -> list[Repricing]:
    if not options.reprice and not options.what_if:
        return []
    pricer = Pricer(None if path is None else Path(path))
    found = []
    if options.reprice:
        found.append(Repricing(pricer, f"Repriced with {path or 'the prices that come with this version'}"))
    return found + [Repricing(pricer, f"What if all had been {model}?", model) for model in options.what_if]


def _answer(options: argparse.Namespace, fold: CostFold, repricings: list[Repricing]) -> str:
    cost = Stats(fold.store.snapshot(), Live()).cost
    by = [name for name in options.by if name in cost.groups]
    comparisons = [one.comparison() for one in repricings]
    if options.json:
        answer: dict[str, Any] = {"cost": cost.to_dict(), "comparisons": [one.to_dict() for one in comparisons]}
        return json.dumps(answer, allow_nan=False)
    if options.csv:
        return "\n".join(one.to_csv() for one in comparisons) or cost.to_csv(*by)
    return "\n\n\n".join([cost.text(*by), *map(str, comparisons)])


def _instant(text: str) -> int:
    """Return a day's or time's epoch ns."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        msg = f"{text!r} is no day or time; give 2026-11-01 or 2026-11-01T12:00"
        raise argparse.ArgumentTypeError(msg) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * 1_000_000_000
