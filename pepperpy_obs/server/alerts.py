"""``/alerts``: which rules fire, or are about to, as far as a source tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pepperpy_obs.http.pages import Answer, Request
from pepperpy_obs.readings.source import Source
from pepperpy_obs.reports.report import to_json

__all__ = ["alerts_page"]

_SHORT: Final = 10.0
"""Seconds of counts that are read along: the fewest."""
_NANO: Final = 1_000_000_000


def alerts_page(source: Source, _: Request) -> Answer:
    """Answer with each alert: its rule, state (pending, firing, resolved), severity, labels, value and times."""
    # What judges rules puts its alerts into our own figures; a process without it has none.
    alerts: Mapping[str, Any] = getattr(source.reading(_SHORT).own, "alerts", {})
    firing_first = sorted(alerts.values(), key=lambda one: (one.state != "firing", -one.active_at, one.rule))
    return Answer(to_json({"alerts": [_plain(one) for one in firing_first]}), "application/json")


def _plain(alert: Any) -> dict[str, Any]:
    return {
        "rule": alert.rule,
        "state": alert.state,
        "severity": alert.severity,
        "labels": {name: value for name, value in alert.labels if value},
        "value": alert.value,
        **{name: _iso(getattr(alert, name)) for name in ("active_at", "fired_at", "resolved_at")},
    }


def _iso(at: int) -> str | None:
    """Return a time as text; None of one that has not come."""
    return f"{datetime.fromtimestamp(at / _NANO, UTC):%Y-%m-%dT%H:%M:%SZ}" if at else None
