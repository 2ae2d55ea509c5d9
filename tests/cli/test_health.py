from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.server import serve
from tests.cli.command import CommandLine
from tests.still import Still


def log(folder: Path, *, failed: int) -> str:
    """Write a log of 20 calls, of which some have failed, and return its name."""
    event: dict[str, Any] = {"timestamp": "2023-11-16T18:17:03.979960Z", "event": "operation.finished"}
    event |= {"operation": "ask", "duration_seconds": 0.5}
    outcomes = ["error"] * failed + ["ok"] * (20 - failed)
    (folder / "app.log").write_bytes(b"".join(json_lines([{**event, "outcome": outcome} for outcome in outcomes])))
    return "app.log"


@pytest.mark.parametrize("failed, code, status", [(0, 0, "pass"), (5, 0, "pass"), (6, 1, "fail")])
def test_a_log_is_judged_by_its_end(cli: CommandLine, failed: int, code: int, status: str) -> None:
    """However old a log is, its newest minutes decide; the exit code tells a probe."""
    done = cli("health", log(cli.folder, failed=failed), "--json")
    assert (done.returncode, json.loads(done.stdout)["status"]) == (code, status)


def test_limits_are_those_of_the_settings(cli: CommandLine) -> None:
    """What is unhealthy by default may be accepted by a setting."""
    name = log(cli.folder, failed=6)
    done = cli("health", name, variables={"PEPPERPY_HEALTH_MAX_ERROR_RATE": "0.3"})
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "health: healthy"


def test_a_log_without_events_is_no_sign_of_health(cli: CommandLine) -> None:
    """Exit code 1: nobody knows."""
    (cli.folder / "app.log").write_text("hello\n")
    assert cli("health", "app.log").returncode == 1


@pytest.mark.parametrize("failed, code, words", [(0, 0, "healthy"), (20, 1, "not healthy")])
def test_a_service_is_asked(cli: CommandLine, failed: int, code: int, words: str) -> None:
    """The report of a running service is shown as its own process would print it; by default the one of Config."""
    still = Still()
    for number in range(20):
        still.fold(operation="ask", outcome="error" if number < failed else "ok", duration_seconds=0.1)
    with serve(0, collector=still) as listener:
        named = cli("health", "--url", f"{listener.url}/health")
        by_default = cli("health", variables={"PEPPERPY_METRICS_PORT": str(listener.port)})
    assert (named.returncode, named.stdout.splitlines()[0]) == (code, f"health: {words}")
    assert (by_default.returncode, by_default.stdout) == (code, named.stdout)


def test_a_service_that_does_not_answer_is_not_healthy(cli: CommandLine) -> None:
    """Exit code 1 and one sentence, as JSON too."""
    done = cli("health", "--url", "http://127.0.0.1:1/health", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["status"] == "fail"
    assert "gives no health report: [Errno 111] Connection refused" in json.loads(done.stdout)["output"]


def test_an_address_that_is_none_is_refused(cli: CommandLine) -> None:
    """Exit code 2, and the sentence shows one that is."""
    done = cli("health", "--url", "localhost")
    assert done.returncode == 2
    assert "--url 'localhost'; give an address such as http://127.0.0.1:8000/health" in done.stderr
