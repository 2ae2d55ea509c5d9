from __future__ import annotations

import json

import pytest

from pepperpy_obs.judgement.report import CheckResult, HealthReport, Status

FINE = CheckResult("p95", "pass", "95 % took at most 2 s", 2.0, "s")
ODD = CheckResult("dropped", "warn", "3 log lines were lost", 3, "lines")
BROKEN = CheckResult("database", "fail", "raised OSError")
AT = 1_700_000_000_999_999_999


def report(*checks: CheckResult) -> HealthReport:
    """Return the report of these checks."""
    return HealthReport(AT, {check.name: check for check in checks})


@pytest.mark.parametrize(
    "checks,status,healthy,ready",
    [
        ([], "pass", True, True),
        ([FINE], "pass", True, True),
        ([FINE, ODD], "warn", False, True),
        ([BROKEN, ODD, FINE], "fail", False, False),
    ],
)
def test_the_worst_check_decides(checks: list[CheckResult], status: Status, healthy: bool, ready: bool) -> None:
    """A report is as bad as its worst check; a warning is an issue, but leaves the service ready."""
    found = report(*checks)
    assert (found.status, found.is_healthy, found.is_ready) == (status, healthy, ready)


def test_issues_are_sentences_with_the_worst_first() -> None:
    """Every check that does not pass is an issue by its name and text."""
    assert report(FINE, ODD, BROKEN).issues == ["database: raised OSError", "dropped: 3 log lines were lost"]


def test_a_report_prints_as_a_table() -> None:
    """A printed report shows the verdict and each check in columns."""
    assert str(report(FINE, ODD, BROKEN)) == (
        "health: not healthy\n"
        "  pass  p95       95 % took at most 2 s\n"
        "  warn  dropped   3 log lines were lost\n"
        "  fail  database  raised OSError"
    )


def test_a_report_is_health_json() -> None:
    """As JSON it has the keys of draft-inadarei-api-health-check-06, and unknown ones are left out."""
    assert json.loads(report(ODD, BROKEN).to_json()) == {
        "status": "fail",
        "output": "database: raised OSError; dropped: 3 log lines were lost",
        "checks": {
            "dropped": [
                {
                    "status": "warn",
                    "output": "3 log lines were lost",
                    "observedValue": 3,
                    "observedUnit": "lines",
                    "time": "2023-11-14T22:13:20Z",
                }
            ],
            "database": [{"status": "fail", "output": "raised OSError", "time": "2023-11-14T22:13:20Z"}],
        },
    }
