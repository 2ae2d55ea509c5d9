from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs.formats.lines import json_lines
from tests.cli.command import CommandLine


def request(day: int, number: int = 0, **fields: Any) -> dict[str, Any]:
    """Return the event of a request at noon of a day of November, which costs a cent."""
    return {
        "timestamp": f"2026-11-{day:02}T12:00:00.{number:06}Z",
        "event": "operation.finished",
        "event_id": f"{day:016x}{number:016x}",
        "operation": "ask",
        "outcome": "ok",
        "duration_seconds": 0.5,
        "provider": "acme",
        "model": "small",
        "input_tokens": 100,
        "output_tokens": 0,
        "cost_usd": Decimal("0.01"),
        "cost_source": "custom",
        **fields,
    }


def write(folder: Path, name: str, *events: dict[str, Any]) -> str:
    """Write a log and return its name."""
    (folder / name).write_bytes(b"".join(json_lines(events)))
    return name


PAIRS = [("initech", "small"), ("initech", "large"), ("hooli", "small"), ("initech", "small"), (None, "small")]


@pytest.fixture
def log(cli: CommandLine) -> str:
    """Return a log of five requests of two customers and of none."""
    made = [
        request(2, number, model=model, **({} if customer is None else {"customer": customer}))
        for number, (customer, model) in enumerate(PAIRS)
    ]
    return write(cli.folder, "app.log", *made)


def test_a_cross_table(cli: CommandLine, log: str) -> None:
    """Each customer with each of its models, the dearest first; "(none)" where a request has no customer."""
    done = cli("cost", log, "--by", "customer,model")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(
        "customer  model  requests  tokens   cost  per request\n"
        "initech   small         2     200  $0.02        $0.01\n"
        "(none)    small         1     100  $0.01        $0.01\n"
        "hooli     small         1     100  $0.01        $0.01\n"
        "initech   large         1     100  $0.01        $0.01\n"
    )


def test_a_cross_table_for_machines(cli: CommandLine, log: str) -> None:
    """As JSON each row names its fields; as CSV each field is a column."""
    rows = json.loads(cli("cost", log, "--by", "model,customer", "--json").stdout)["cross"]["model,customer"]
    assert rows[0]["names"] == {"model": "small", "customer": "initech"}
    assert (rows[0]["spending"]["requests"], rows[0]["spending"]["cost"], len(rows)) == (2, "0.02", 4)
    found = list(csv.reader(io.StringIO(cli("cost", log, "--by", "customer,model", "--csv").stdout)))
    assert [row[:5] for row in found[:2]] == [
        ["customer", "model", "requests", "tokens", "cost"],
        ["initech", "small", "2", "200", "0.02"],
    ]
    done = cli("cost", log, "--by", "customer,,model")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--by 'customer,,model'; give a field, or different ones with commas" in done.stderr


def test_days_and_operations_cross_too(cli: CommandLine, log: str) -> None:
    """Fields of ours need no help of the events."""
    found = json.loads(cli("cost", log, "--by", "day,model", "--by", "operation,model", "--json").stdout)["cross"]
    assert [(*row["names"].values(), row["spending"]["requests"]) for row in found["day,model"]] == [
        ("2026-11-02", "small", 4),
        ("2026-11-02", "large", 1),
    ]
    assert found["operation,model"][0]["names"] == {"operation": "ask", "model": "small"}


def test_every_group_is_exact(cli: CommandLine) -> None:
    """However many customers, models and days there are: `max_series` is a limit of live services, not of a bill."""
    made = [request(2 + number % 3, number, customer=f"c{number}", model=f"m{number % 50}") for number in range(600)]
    log = write(cli.folder, "app.log", *made)
    cost = json.loads(cli("cost", log, "--by", "customer", "--json", variables={"PEPPERPY_MAX_SERIES": "10"}).stdout)
    groups = cost["cost"]["groups"]
    found = {"provider": 1, "model": 50, "operation": 1, "agent": 1, "day": 3, "customer": 600}
    assert {name: len(rows) for name, rows in groups.items()} == found
    assert {row["cost"] for row in groups["customer"].values()} == {"0.01"}


def test_more_days_than_a_live_service_keeps(cli: CommandLine) -> None:
    """Two years have as many days as they have."""
    stamps = [f"{year}-{month:02}-{day:02}" for year in (2024, 2025) for month in range(1, 13) for day in range(1, 29)]
    made = [request(1, number, timestamp=f"{day}T00:00:00Z") for number, day in enumerate(stamps)]
    log = write(cli.folder, "app.log", *made)
    assert list(json.loads(cli("cost", log, "--json").stdout)["cost"]["cost_by_day"]) == stamps


def test_doubles_and_copies_cost_once(cli: CommandLine, log: str) -> None:
    """The same file by two names is read once; the same events in two files count once; both are said."""
    (cli.folder / "link.log").symlink_to(log)
    (cli.folder / "copy.log").write_bytes((cli.folder / log).read_bytes())
    done = cli("cost", log, "link.log", "copy.log", log, "--json")
    assert (done.returncode, json.loads(done.stdout)["cost"]["total_cost"]) == (0, "0.05")
    assert json.loads(done.stdout)["doubles"] == 5
    assert done.stderr == (
        "link.log: is given twice, and read once\n"
        "app.log: is given twice, and read once\n"
        "events that came again: 5, each counted once\n"
    )


def test_a_period_without_events_is_bad_news(cli: CommandLine, log: str) -> None:
    """It is no cost of nothing: exit code 1, and where the events are."""
    done = cli("cost", log, "--since", "2026-11-05")
    assert done.returncode == 1
    assert done.stderr == (
        "no event of the files is between --since and --until; "
        "they have events from 2026-11-02 12:00:00 UTC to 2026-11-02 12:00:00 UTC\n"
    )


def test_a_period_of_which_the_beginning_is_gone(cli: CommandLine) -> None:
    """Files that begin after `--since` may have lost what was before: said, and exit code 3."""
    files = write(cli.folder, "app.log.1", request(3), request(5)), write(cli.folder, "app.log", request(6))
    done = cli("cost", *files, "--since", "2026-11-01", "--json")
    note = (
        "the files begin at 2026-11-03 12:00:00 UTC, 2.5 days after --since: "
        "what happened before that, and was deleted or rotated away, is missing in all figures"
    )
    assert (done.returncode, json.loads(done.stdout)["notes"], done.stderr) == (3, [note], f"{note}\n")
    for since in ("2026-11-04", "2026-11-03T12:00"):
        done = cli("cost", *files, "--since", since)
        assert (done.returncode, done.stderr) == (0, "")


def test_backups_that_were_deleted(cli: CommandLine) -> None:
    """A writer keeps so many backups; with the last of them there, a sum of all is said to be none. `--since` helps."""
    files = [write(cli.folder, f"app.log{end}", request(day)) for day, end in ((4, ""), (3, ".1"), (2, ".2"))]
    assert cli("cost", *files).returncode == 0
    done = cli("cost", *files, variables={"PEPPERPY_LOG_BACKUPS": "2"})
    assert done.returncode == 3
    assert done.stderr == (
        "app.log.2 is the last of 2 backups (log_backups): older events were deleted, or will be; "
        "--since says of which time all are needed\n"
    )
    done = cli("cost", *files, "--since", "2026-11-03", variables={"PEPPERPY_LOG_BACKUPS": "2"})
    assert (done.returncode, done.stderr) == (0, "")
