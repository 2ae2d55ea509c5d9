from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "llm_trace.py"
TRACES = ["AzureLLMInferenceTrace_code.csv", "AzureLLMInferenceTrace_conv.csv"]
SMALL = """\
TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:04.0319600,3180,8
2023-11-16 18:17:04.0319607,110,27
2023-11-16 18:59:59.9999990,7433,0
"""


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments."""
    command = [sys.executable, "-W", "error", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)


def play(trace: Path, cwd: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """Play a trace; return its process's statistics, the events of its model calls, and the replayed statistics."""
    done = run(EXAMPLE, trace, "--log", "trace.log", "--json", cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    replayed = run("-m", "pepperpy_obs.cli.main", "replay", "trace.log", "--json", cwd=cwd)
    assert (replayed.returncode, replayed.stderr) == (0, "")
    events = [json.loads(line) for line in (cwd / "trace.log").read_text().splitlines()]
    calls = [event for event in events if event["operation"] == "complete"]
    return json.loads(done.stdout), calls, json.loads(replayed.stdout)


@pytest.fixture(scope="module")
def calls_of() -> Callable[[Path], list[Any]]:
    """Return what reads the rows of a trace as the example does."""
    read: Callable[[Path], Any] = runpy.run_path(str(EXAMPLE))["read_trace"]
    return lambda path: list(read(path))


def check(trace: Path, rows: list[Any], cwd: Path) -> None:
    """Hold what the example says of a trace against the trace itself."""
    live, events, replayed = play(trace, cwd)
    lines = [line.split(",") for line in trace.read_text().splitlines()[1:]]
    context, generated = (sum(int(line[column]) for line in lines) for column in (1, 2))
    assert live["usage"]["total_calls"] == len(lines)
    assert (live["usage"]["input_tokens"], live["usage"]["output_tokens"]) == (context, generated)
    assert Decimal(live["cost"]["total_cost"]) == (context * Decimal("2.5") + generated * 10) / 1_000_000
    # A log cannot know which calls run now.
    assert [one.pop("running") for one in (live["agents"], *live["agents"]["agents"].values())] == [0, 0]
    assert [one.pop("running") for one in (replayed["agents"], *replayed["agents"]["agents"].values())] == [None, None]
    assert replayed == live
    durations = sorted(row.seconds for row in rows)
    performance = live["performance"]["operations"]["complete"]
    for percent in (50, 95, 99):
        exact = durations[-(-percent * len(durations) // 100) - 1]
        assert performance[f"p{percent}_response_time"] == pytest.approx(exact, rel=0.01)
    # An event bears the time of its end, cut to microseconds; the trace has tenths of these.
    started = sorted(epoch_us(event["timestamp"]) - event["duration_seconds"] * 1e6 for event in events)
    assert started == pytest.approx(sorted(row.at / 1e3 for row in rows), abs=1.5, rel=0)


def epoch_us(timestamp: str) -> float:
    """Return a timestamp in microseconds, which a float holds until the year 2255."""
    return datetime.fromisoformat(timestamp).timestamp() * 1e6


@pytest.mark.parametrize("name", TRACES)
def test_an_hour_of_production_adds_up(
    name: str, shared: Callable[[str], Path], calls_of: Callable[[Path], list[Any]], tmp_path: Path
) -> None:
    """Calls, tokens and cost equal the trace's own sums, quantiles are within 1 %, and the log replays to all of it."""
    trace = shared(f"data/traces/{name}")
    check(trace, calls_of(trace), tmp_path)


def test_a_few_calls_add_up(calls_of: Callable[[Path], list[Any]], tmp_path: Path) -> None:
    """The same holds for calls that begin at almost the same moment, take no tokens, or lie far apart."""
    trace = tmp_path / "trace.csv"
    trace.write_text(SMALL)
    check(trace, calls_of(trace), tmp_path)


def test_times_are_read_digit_by_digit(calls_of: Callable[[Path], list[Any]], tmp_path: Path) -> None:
    """Tenths of microseconds survive, which a float of this century's seconds has no room for."""
    trace = tmp_path / "trace.csv"
    trace.write_text(SMALL)
    assert [row.at % 10**10 for row in calls_of(trace)] == [3979960000, 4031960000, 4031960700, 9999999000]


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("time,in,out\n1,2,3\n", "trace.csv:1: the header is 'time,in,out'; it should be "),
        ("", "trace.csv:1: the header is ''; it should be "),
        (SMALL.replace("3180", "many"), "trace.csv:3: '2023-11-16 18:17:04.0319600,many,8' is no call ("),
        (SMALL.replace("3180", "-3180"), "-3180 tokens cannot be"),
        (SMALL.replace("4808,10", "4808"), "trace.csv:2: '2023-11-16 18:17:03.9799600,4808' is no call ("),
        (SMALL.replace("2023-11-16 18:17:03", "yesterday"), "trace.csv:2: 'yesterday.9799600,4808,10' is no call ("),
        (SMALL.replace("18:59:59", "18:00:00"), "trace.csv:5: 2023-11-16 18:00:00.9999990 is earlier than the line "),
    ],
)
def test_a_bad_trace_is_refused_by_line(text: str, complaint: str, tmp_path: Path) -> None:
    """Exit code 2 and a sentence that names the line, before anything is played or logged."""
    (tmp_path / "trace.csv").write_text(text)
    done = run(EXAMPLE, "trace.csv", "--log", "trace.log", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("llm_trace: trace.csv:")
    assert complaint in done.stderr
    assert not (tmp_path / "trace.log").exists()


def test_a_log_is_not_mixed_with_an_older_one(tmp_path: Path) -> None:
    """A log file that exists is refused, and stays as it is."""
    (tmp_path / "trace.csv").write_text(SMALL)
    (tmp_path / "trace.log").write_text("older\n")
    done = run(EXAMPLE, "trace.csv", "--log", "trace.log", cwd=tmp_path)
    assert done.returncode == 2
    assert "trace.log exists" in done.stderr
    assert (tmp_path / "trace.log").read_text() == "older\n"
