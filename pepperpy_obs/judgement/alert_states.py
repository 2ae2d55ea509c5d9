"""Prometheus' state machine of alerts, as rules/alerting.go has it: pure functions of states, samples and time.

Theory. An alert is *inactive* until its condition holds; then it is *pending*, from `active_at` on, and *firing* once
that was `Rule.for_` ago without a gap. A pending alert whose condition does not hold is forgotten: no one heard of it.
A firing one is *resolved* at the first evaluation at which the condition does not hold, or `Rule.keep` later. A
resolved alert stays for 15 minutes, so that receivers hear of its end even if one message is lost; a condition that
holds again meanwhile begins a new alert. If `for_` has grown, a firing alert is pending again.

All times are UTC epoch nanoseconds; 0 of a time that has not come.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, Self

from pepperpy_obs.config.rule import Rule
from pepperpy_obs.judgement.conditions import Sample
from pepperpy_obs.judgement.figures import Labels

__all__ = ["Alert", "State", "advance", "fingerprint", "is_due", "restore"]

State = Literal["pending", "firing", "resolved"]

RETENTION: Final = 15 * 60 * 10**9
"""How long a resolved alert is kept and sent again."""
RESEND: Final = 60 * 10**9
"""How long after it was sent an alert is sent again."""
OUTAGE: Final = 3600 * 10**9
"""After a longer time without evaluations, no state is taken up again."""
GRACE: Final = 600 * 10**9
"""How long after a restart a pending alert waits at least; shorter `for_` are not taken up."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a rule: that of one set of labels."""

    rule: str
    labels: Labels
    state: State
    value: float
    active_at: int
    fired_at: int = 0
    resolved_at: int = 0
    kept_since: int = 0
    """Since when it fires only as `Rule.keep` says so."""
    sent_at: int = 0

    @property
    def fingerprint(self) -> str:
        """Its identity: of the rule's name and the labels."""
        return fingerprint(self.rule, self.labels)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON takes."""
        return asdict(self) | {"labels": [list(one) for one in self.labels]}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `to_dict` was asked of."""
        made: dict[str, Any] = {**plain, "labels": tuple((str(name), str(value)) for name, value in plain["labels"])}
        return cls(**made)


def fingerprint(rule: str, labels: Labels) -> str:
    """Return 16 hexadecimal digits that are the same for the same rule and labels, in whatever order."""
    text = "\xff".join([rule, *(f"{name}\xfe{value}" for name, value in sorted(labels))])
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def advance(rule: Rule, before: Iterable[Alert], samples: Iterable[Sample], now: int) -> list[Alert]:
    """Return the rule's alerts after one evaluation."""
    known = {alert.labels: alert for alert in before}
    values = dict(samples)
    after: list[Alert] = []
    for labels, value in values.items():
        alert = known.get(labels)
        if alert is None or alert.state == "resolved":
            alert = Alert(rule.name, labels, "pending", value, now)
        after.append(_held(replace(alert, value=value, kept_since=0), rule, now))
    for labels, alert in known.items():
        if labels not in values and (ended := _ended(alert, rule, now)) is not None:
            after.append(ended)
    return after


def _held(alert: Alert, rule: Rule, now: int) -> Alert:
    is_over = now - alert.active_at >= round(rule.hold * 1e9)
    if alert.state == "pending" and is_over:
        return replace(alert, state="firing", fired_at=now)
    if alert.state == "firing" and not is_over:
        return replace(alert, state="pending", fired_at=0)
    return alert


def _ended(alert: Alert, rule: Rule, now: int) -> Alert | None:
    """Return what becomes of an alert whose condition does not hold; None of one that is forgotten."""
    if alert.state == "pending":
        return None
    if alert.state == "resolved":
        return alert if now - alert.resolved_at <= RETENTION else None
    since = alert.kept_since or now
    if now - since < round(rule.kept * 1e9):
        return _held(replace(alert, kept_since=since), rule, now)
    return replace(alert, state="resolved", resolved_at=now)


def is_due(alert: Alert, now: int, resend: int = RESEND) -> bool:
    """Return whether receivers are to hear of it now: of its end, or again."""
    if alert.state == "pending":
        return False
    if alert.resolved_at > alert.sent_at:
        return True
    return alert.sent_at + resend < now


def restore(rules: Iterable[Rule], saved: Iterable[Alert], saved_at: int, now: int) -> list[Alert]:
    """Return the alerts to go on with after a restart.

    Firing and resolved ones are as they were, so that the time of their start stays and their end is heard of.
    Pending ones lose the time of the outage, and wait for 10 minutes at least, as in Prometheus; those of a `for_`
    below that begin anew. After an outage of more than an hour nothing is taken up.
    """
    outage = now - saved_at
    if not 0 <= outage <= OUTAGE:
        return []
    by_name = {rule.name: rule for rule in rules}
    found: list[Alert] = []
    for alert in saved:
        rule = by_name.get(alert.rule)
        if rule is None or tuple(name for name, _ in alert.labels) not in (rule.by, ()):
            continue
        if alert.state != "pending":
            found.append(alert)
        elif (hold := round(rule.hold * 1e9)) >= GRACE:
            found.append(replace(alert, active_at=_taken_up(alert.active_at, hold, saved_at, now)))
    return found


def _taken_up(active_at: int, hold: int, saved_at: int, now: int) -> int:
    left = hold - (saved_at - active_at)
    if left <= 0:
        return active_at
    return now + GRACE - hold if left < GRACE else active_at + (now - saved_at)
