from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs.formats.ecs import ecs_lines
from pepperpy_obs.formats.lines import json_lines
from tests.cli.command import CommandLine


def call(second: int, **fields: Any) -> dict[str, Any]:
    """Return the event of a call that ended so many seconds into an hour."""
    timestamp = f"2023-11-16T18:{second // 60:02}:{second % 60:02}.250000Z"
    event = {"timestamp": timestamp, "level": "info", "event": "operation.finished", "operation": "ask"}
    return {**event, "outcome": "ok", "duration_seconds": 0.25, **fields}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a log of three calls, of which one was long before the others."""
    path = tmp_path / "app.log"
    path.write_bytes(b"".join(json_lines([call(0), call(1800), call(1801, outcome="error", error_type="KeyError")])))
    return path


def figures(cli: CommandLine, *arguments: str, given: bytes = b"") -> tuple[int, float]:
    """Return the calls and the error rate that a replay reports."""
    done = cli("replay", "--json", *arguments, given=given)
    assert (done.returncode, done.stderr) == (0, "")
    performance = json.loads(done.stdout)["performance"]
    return performance["calls"], performance["error_rate"]


def test_files_of_all_our_formats_add_up(cli: CommandLine, log: Path) -> None:
    """JSON lines, ECS, gzip and standard input fold together."""
    ecs = cli.folder / "ecs.log"
    ecs.write_bytes(b"".join(ecs_lines([call(1802), call(1803)])))
    packed = cli.folder / "old.log.gz"
    packed.write_bytes(gzip.compress(b"".join(json_lines([call(5)]))))
    piped = b"".join(json_lines([call(1804), call(1805)]))
    assert figures(cli, str(packed), str(log), str(ecs), "-", given=piped) == (8, 0.125)
    assert figures(cli, "-", given=gzip.compress(piped)) == (2, 0.0)


def test_a_window_ends_with_the_newest_event(cli: CommandLine, log: Path) -> None:
    """`--window` leaves out what was long before."""
    assert figures(cli, str(log), "--window", "60") == (2, 0.5)


def test_tables_are_for_people(cli: CommandLine, log: Path) -> None:
    """Without --json all reports are printed as tables."""
    done = cli("replay", str(log))
    assert (done.returncode, done.stderr) == (0, "")
    for title in ("Performance", "Errors: 1", "Usage", "Cost", "Cache", "Agents"):
        assert title in done.stdout


def test_what_is_no_event_is_named_and_the_rest_counts(cli: CommandLine, log: Path) -> None:
    """Lines are named by file and number on standard error; standard output stays pure and the exit code 0."""
    with log.open("ab") as file:
        file.write(b'{"event": "user.came"}\nhello\n' + b"".join(json_lines([call(1802)])))
    done = cli("replay", str(log), "--json")
    assert (done.returncode, json.loads(done.stdout)["performance"]["calls"]) == (0, 4)
    assert done.stderr.splitlines() == [
        f"{log}:4: not an event of ours: event is 'user.came'",
        f"{log}:5: not JSON: JSON is malformed: invalid character (byte 0)",
        "lines passed over: 2; events counted: 4",
    ]


def test_nothing_to_read_is_bad_news(cli: CommandLine) -> None:
    """A log without a single event of ours ends with exit code 1."""
    done = cli("replay", "-", given=b"hello\n")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "lines passed over: 1; events counted: 0")
    done = cli("replay", "-")
    assert (done.returncode, done.stderr) == (1, "no events\n")


def test_a_file_that_cannot_be_opened_stops_it_at_once(cli: CommandLine, log: Path) -> None:
    """Exit code 2, a sentence, and no half of a result."""
    done = cli("replay", str(log), "missing.log")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "pepperpy-obs replay: 'missing.log' cannot be read: No such file or directory; "
        "give log files, or - for standard input\n"
    )


def test_a_window_that_cannot_be_is_refused(cli: CommandLine, log: Path) -> None:
    """A window of less than nothing is an error that says what is accepted."""
    done = cli("replay", str(log), "--window", "-5")
    assert done.returncode == 2
    assert "window='-5': use seconds above 0" in done.stderr


def test_workers_give_the_same_tables(cli: CommandLine, log: Path) -> None:
    """Two processes print what one prints: a copy of a file counts once, and bad lines are named by their numbers."""
    folder = log.parent
    text = b"".join(json_lines([call(number % 1700, event_id=f"{number:032x}") for number in range(2000)]))
    for name in ("one.log", "copy.log"):
        (folder / name).write_bytes(text + b"not ours\n")
    (folder / "old.log.gz").write_bytes(gzip.compress(b"".join(json_lines([call(1750)])) + b"nor this\n"))
    names = [str(folder / name) for name in ("one.log", "copy.log", "old.log.gz")]
    one, two = (cli("replay", *names, "--json", "--workers", workers) for workers in ("1", "2"))
    assert (two.returncode, two.stdout, two.stderr) == (one.returncode, one.stdout, one.stderr)
    assert json.loads(two.stdout)["performance"]["calls"] == 2001
    assert two.stderr.endswith("events that came again: 2,000, each counted once\n")


def test_workers_that_cannot_be_are_refused(cli: CommandLine) -> None:
    """The number that was given, and what is accepted."""
    done = cli("replay", "app.log", "--workers", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pepperpy-obs replay: --workers 0: give a number of processes, 1 or more\n"
    done = cli("replay", "http://127.0.0.1:1", "--workers", "2")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "pepperpy-obs replay: --workers 2: workers fold log files; leave it out where a URL is read\n"
    )
