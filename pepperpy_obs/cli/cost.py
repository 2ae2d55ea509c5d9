"""`pepperpy-obs cost`: the cost of the calls of a source, by any label, and what it would have been otherwise."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pepperpy_obs import Config, SetupError
from pepperpy_obs.aggregate.series import ALSO_BY, SeriesKey
from pepperpy_obs.cli.replay import fold_files, opened, tell
from pepperpy_obs.pricing import Pricer
from pepperpy_obs.readings import LiveState, Reading
from pepperpy_obs.readings.source import Archive, Source
from pepperpy_obs.replay.costs import CostFold, Repricing
from pepperpy_obs.replay.log import EventLog
from pepperpy_obs.reports.comparison import Comparison
from pepperpy_obs.reports.cost import CostReport
from pepperpy_obs.reports.cross import CrossTable
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.reports.totals import NO_LABEL
from pepperpy_obs.sanitize.redact import label_redaction

__all__ = ["add_options", "run"]

_GROUPS: Final = frozenset({"provider", "model", "operation", "agent", "day"})
_SERIES: Final = frozenset(SeriesKey._fields)
_INCOMPLETE: Final = 3
_BACKUP: Final = re.compile(r"\.([0-9]{1,6})(?:\.gz)?$")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Say what the verb accepts."""
    parser.epilog = (
        "Reads what replay reads: logs, shipped events (loki+http://...), the sums of a store (sqlite:///...), which "
        "has whole hours and days, or of a service (http://...). Costs "
        "are those of the events, known when the calls were made. --reprice and --what-if price each request "
        "again, at its own time. Exit code: 0; 1 if there was no event at all, or none in the period; 2 if a source "
        "cannot be opened; 3 if the answer may lack something: the files begin after --since, or without it their "
        "writer has begun to delete the oldest; or no request has a field of --by; or if it has more, as a store knows "
        "only whole hours and days at the edges of the period. Standard error says what."
    )
    add = parser.add_argument
    add("files", nargs="+", metavar="SOURCE", help="a log file, in any order; - for standard input; or a URL")
    add(
        "--by",
        action="append",
        default=[],
        metavar="G",
        help="only the table by provider, model, operation, agent, day, a field of yours, or several (customer,model)",
    )
    add("--since", type=_instant, metavar="T", help="only events from this day or time on (UTC, 2026-11-01)")
    add("--until", type=_instant, metavar="T", help="only events before this day or time")
    add("--reprice", action="store_true", help="show what differs under the prices of now, or of --price-file")
    add("--what-if", action="append", default=[], metavar="MODEL", help="show the cost of the same tokens; repeat")
    add("--price-file", type=Path, metavar="TOML", help="prices of yours for --reprice and --what-if")
    add("--csv", action="store_true", help="print tables as CSV with exact amounts: of comparisons, if there are any")


def run(options: argparse.Namespace) -> int:
    """Print the cost of a source."""
    config = Config()
    by = [_fields(text) for text in options.by]
    repricings = _repricings(options, options.price_file or config.price_file)
    limits = {name: at for name in ("since", "until") if (at := getattr(options, name)) is not None}
    fold = CostFold(tuple(_counted(by, config.cost_attributes)), repricings, clean=label_redaction(config), **limits)
    found = opened(options.files, config)
    if found is not None and not isinstance(found, EventLog):
        return _show_totals(found, options, by)
    if found is None:
        fold_files(options.files, fold)
    else:
        found.feed(fold, **limits)
    stats = Stats(fold.store.snapshot(), LiveState())
    notes = _notes(fold, by, stats)
    if fold.taken and options.since is None and found is None:
        notes += _rotated_away(options.files, config.log_backups)
    crossed = {",".join(fields): stats.cost_by(*fields) for fields in by if len(fields) > 1}
    comparisons = [one.comparison() for one in repricings]
    if options.json:
        print(_json(fold, stats, crossed, comparisons, notes))
    else:
        tables = [crossed.get(",".join(fields), fields[0]) for fields in by]
        print(_text(stats.cost, tables, comparisons, as_csv=options.csv).rstrip("\n"))
    for note in notes:
        print(note, file=sys.stderr)
    tell(fold)
    return 1 if not fold.taken else _INCOMPLETE if notes else 0


def _show_totals(found: Source, options: argparse.Namespace, by: Sequence[tuple[str, ...]]) -> int:
    """Print the cost of a source that has sums and no events."""
    given = {"--reprice": options.reprice or None, "--what-if": options.what_if or None}
    if not isinstance(found, Archive):
        given |= {"--since": options.since, "--until": options.until}
    asked = [name for name, value in given.items() if value is not None]
    asked += [f"--by {','.join(fields)}" for fields in by if len(fields) > 1 and not _SERIES.issuperset(fields)]
    if asked:
        msg = f"{', '.join(asked)}: {options.files[0]} has sums and no events; leave it out, or give logs or a receiver"
        raise SetupError(msg)
    reading, notes = _past(found, options.since, options.until)
    stats = Stats.of(reading)
    crossed = {",".join(fields): stats.cost_by(*fields) for fields in by if len(fields) > 1}
    if options.json:
        print(_json(None, stats, crossed, [], notes))
    else:
        shown = [crossed.get(",".join(fields), fields[0]) for fields in by]
        print(_text(stats.cost, shown, [], as_csv=options.csv).rstrip("\n"))
    for note in notes:
        print(note, file=sys.stderr)
    return 1 if not stats.snapshot.events else _INCOMPLETE if notes else 0


def _past(found: Source, since: int | None, until: int | None) -> tuple[Reading, list[str]]:
    """Return the reading of a period, and what is to be said of it."""
    if (since is None and until is None) or not isinstance(found, Archive):
        return found.reading(), []
    stretch, reading = found.between(since, until)
    if not reading.snapshot.events:
        return reading, ["nothing is known of what is between --since and --until"]
    if (since is None or stretch.start == since) and (until is None or stretch.stop == until):
        return reading, []
    span = f"from {_said(stretch.start) if since is not None else 'the first'} to {_said(stretch.stop)}"
    return reading, [
        f"these are the sums {span}: of more than what was asked for, as only whole hours or days are kept"
    ]


def _fields(text: str) -> tuple[str, ...]:
    fields = tuple(part.strip() for part in text.split(","))
    if not all(fields) or len(set(fields)) < len(fields):
        msg = f"--by {text!r}; give a field, or different ones with commas between them, such as customer,model"
        raise SetupError(msg)
    return fields


def _counted(by: Sequence[tuple[str, ...]], attributes: Sequence[str]) -> dict[str, None]:
    """Return what the store is to count by beside what it always does; days without end, too."""
    known = {(name,) for name in _GROUPS} | {fields for fields in by if len(fields) > 1 and _SERIES.issuperset(fields)}
    asked = [ALSO_BY.join(fields) for fields in by if fields not in known]
    return dict.fromkeys((*attributes, *asked, "day"))


def _repricings(options: argparse.Namespace, path: Path | str | None) -> list[Repricing]:
    if not options.reprice and not options.what_if:
        return []
    pricer = Pricer(None if path is None else Path(path))
    found = []
    if options.reprice:
        found.append(Repricing(pricer, f"Repriced with {path or 'the prices that come with this version'}"))
    return found + [Repricing(pricer, f"What if all had been {model}?", model) for model in options.what_if]


def _notes(fold: CostFold, by: Sequence[tuple[str, ...]], stats: Stats) -> list[str]:
    """Return what the answer may lack."""
    if not fold.taken:
        span = f"they have events from {_said(fold.first)} to {_said(fold.last)}"
        return [f"no event of the files is between --since and --until; {span}"] if fold.events else []
    notes = []
    if fold.missing:
        notes.append(
            f"the files begin at {_said(fold.first)}, {_length(fold.missing)} after --since: "
            "what happened before that, and was deleted or rotated away, is missing in all figures"
        )
    for field in dict.fromkeys(field for fields in by for field in fields):
        fields = next(fields for fields in by if field in fields)
        if all(row.names[field] == NO_LABEL for row in stats.cost_by(*fields).rows):
            notes.append(f"--by {field}: no request has this field")
    return notes


def _rotated_away(files: Sequence[str], backups: int) -> list[str]:
    """Return a note for each log whose last backup is there: its writer deletes what is older."""
    last = [name for name in files if (found := _BACKUP.search(name)) and int(found[1]) >= backups]
    return [
        f"{name} is the last of {backups} backups (log_backups): older events were deleted, or will be; "
        "--since says of which time all are needed"
        for name in last
    ]


def _json(
    fold: CostFold | None,
    stats: Stats,
    crossed: Mapping[str, CrossTable],
    comparisons: Sequence[Comparison],
    notes: Sequence[str],
) -> str:
    answer: dict[str, Any] = {
        "cost": stats.cost.to_dict(),
        "cross": {name: one.to_dict()["rows"] for name, one in crossed.items()},
        "comparisons": [one.to_dict() for one in comparisons],
        "notes": notes,
        "passed_over": 0 if fold is None else fold.passed_over,
        "doubles": 0 if fold is None else fold.doubles,
    }
    return json.dumps(answer, allow_nan=False)


def _text(
    cost: CostReport, tables: Sequence[str | CrossTable], comparisons: Sequence[Comparison], *, as_csv: bool
) -> str:
    if as_csv:
        return "\n".join(one.to_csv() for one in comparisons) or cost.to_csv(*tables)
    return "\n\n\n".join([cost.text(*tables), *map(str, comparisons)])


def _instant(text: str) -> int:
    """Return a day's or time's epoch ns."""
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * 1_000_000_000
    except (ValueError, OverflowError):
        msg = f"{text!r} is no day or time; give 2026-11-01 or 2026-11-01T12:00"
        raise argparse.ArgumentTypeError(msg) from None


def _said(at: int) -> str:
    return f"{datetime.fromtimestamp(at // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _length(ns: int) -> str:
    days = ns / 86_400e9
    return f"{days:,.1f} days" if days >= 2 else f"{ns / 3600e9:,.1f} hours" if days >= 1 / 12 else f"{ns // 10**9:,} s"
