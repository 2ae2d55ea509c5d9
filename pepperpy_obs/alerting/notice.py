"""A notice: one alert as receivers hear of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pepperpy_obs.config.rule import Rule
from pepperpy_obs.judgement.alert_states import RESEND, Alert
from pepperpy_obs.judgement.conditions import condition_in_words

__all__ = ["NEVER", "Notice", "notice_of", "time_text"]

NEVER: Final = "0001-01-01T00:00:00Z"
"""How Alertmanager writes a time that has not come."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told of an alert: that it fires, fires still, or is resolved."""

    fingerprint: str
    is_firing: bool
    is_new: bool
    """Whether this was not told before; receivers other than Alertmanager hear of nothing else."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    value: float
    starts_at: int
    ends_at: int
    """When it ended; while it fires, how long receivers are to believe so without another notice."""

    @property
    def status(self) -> str:
        """Its state in Alertmanager's word."""
        return "firing" if self.is_firing else "resolved"

    def to_dict(self) -> dict[str, Any]:
        """Return it as functions get it, and as Alertmanager's webhook has it."""
        return {
            "status": self.status,
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "startsAt": time_text(self.starts_at),
            "endsAt": NEVER if self.is_firing else time_text(self.ends_at),
            "generatorURL": "",
            "fingerprint": self.fingerprint,
        }


def notice_of(rule: Rule, alert: Alert, common: Mapping[str, str], now: int, interval: int) -> Notice:
    """Return what is told of a firing or resolved alert; `common` labels are those of the service."""
    is_firing = alert.state == "firing"
    labels = {name: value for name, value in common.items() if value}
    labels |= {name: value for name, value in alert.labels if value}
    labels |= {"alertname": rule.name, "severity": rule.severity}
    condition = condition_in_words(rule)
    about = ", ".join(f"{name} {value}" for name, value in alert.labels if value)
    summary = rule.summary or condition
    return Notice(
        alert.fingerprint,
        is_firing,
        alert.sent_at < max(alert.fired_at, alert.resolved_at),
        labels,
        {
            "summary": f"{summary} ({about})" if about else summary,
            "description": f"{rule.name}: {condition}; seen {alert.value:.6g}",
        },
        alert.value,
        alert.fired_at,
        now + 4 * max(interval, RESEND) if is_firing else alert.resolved_at,
    )


def time_text(at: int) -> str:
    """Return epoch nanoseconds in RFC 3339.

    >>> time_text(1_700_000_000_500_000_000)
    '2023-11-14T22:13:20.500000Z'
    """
    moment = datetime.fromtimestamp(at // 10**9, UTC).replace(microsecond=at % 10**9 // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
