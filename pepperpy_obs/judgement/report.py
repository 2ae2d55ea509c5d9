"""The words of a judgement: pass, warn or fail, one check's result, and the report of them all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

__all__ = ["CheckResult", "HealthReport", "Status"]

Status = Literal["pass", "warn", "fail"]
"""Fine; fine, but worth a look; not fit for work. The words of `application/health+json`."""

_WORDS: Final = {"pass": "healthy", "warn": "healthy, with warnings", "fail": "not healthy"}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found."""

    name: str
    status: Status
    text: str
    """One sentence: what was found, and what the limit is."""
    observed: float | None = None
    """The number that was judged, where there is one."""
    unit: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the check as `application/health+json` spells it."""
        plain: dict[str, Any] = {"status": self.status, "output": self.text}
        if self.observed is not None:
            plain["observedValue"] = self.observed
        if self.unit:
            plain["observedUnit"] = self.unit
        return plain


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What all checks found at one moment.

    >>> slow = CheckResult("p95", "warn", "the 95th percentile is 12 s; the limit is 10 s", 12.0, "s")
    >>> report = HealthReport(at=1_700_000_000_000_000_000, checks={"p95": slow})
    >>> report.status, report.is_healthy, report.issues
    ('warn', False, ['p95: the 95th percentile is 12 s; the limit is 10 s'])
    """

    at: int
    """When it was made, UTC epoch nanoseconds."""
    checks: Mapping[str, CheckResult]
    unready: frozenset[str] | None = None
    """Checks whose failure makes a service unready; None: that of any."""

    @property
    def status(self) -> Status:
        """The worst status of all checks; "pass" of none."""
        found = {check.status for check in self.checks.values()}
        return "fail" if "fail" in found else "warn" if "warn" in found else "pass"

    @property
    def is_healthy(self) -> bool:
        """Whether there is nothing to complain about: no warning either. A readiness probe asks for `is_ready`."""
        return self.status == "pass"

    @property
    def is_ready(self) -> bool:
        """Whether nothing has failed that the service's own work depends on; a provider's failures do not count."""
        failed = (name for name, check in self.checks.items() if check.status == "fail")
        return not any(self.unready is None or name in self.unready for name in failed)

    @property
    def issues(self) -> list[str]:
        """A sentence for each check that warns or fails, the worst first."""
        found = [check for check in self.checks.values() if check.status != "pass"]
        found.sort(key=lambda check: check.status != "fail")
        return [f"{check.name}: {check.text}" for check in found]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as `application/health+json` spells it (draft-inadarei-api-health-check-06)."""
        moment = datetime.fromtimestamp(self.at // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "status": self.status,
            "output": "; ".join(self.issues),
            "checks": {name: [check.to_dict() | {"time": moment}] for name, check in self.checks.items()},
        }

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(self.to_dict(), allow_nan=False, ensure_ascii=False)

    def __str__(self) -> str:
        width = max(map(len, self.checks), default=0)
        lines = [f"  {check.status:4}  {name:{width}}  {check.text}" for name, check in self.checks.items()]
        return "\n".join([f"health: {_WORDS[self.status]}", *lines])
