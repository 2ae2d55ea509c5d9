"""Evaluates rules every so often: the states of their alerts over time, and what receivers are to be told.

Theory. One thread evaluates; any may read. `_alerts` is replaced as a whole after each evaluation, so a reader needs
no lock. A rule that fails keeps its alerts as they were, and is counted; the others go on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from pepperpy_obs._guard import failed
from pepperpy_obs.alerting.notice import Notice, notice_of
from pepperpy_obs.config.rule import Rule
from pepperpy_obs.errors import ObsError
from pepperpy_obs.judgement.alert_states import Alert, advance, is_due, restore
from pepperpy_obs.judgement.conditions import evaluate
from pepperpy_obs.readings import AlertStats, Reading

__all__ = ["Evaluation", "LatestReadings", "alert_stats"]

_ON_PURPOSE: Final = ("level", "sample", "processor ")
_MOST_LOSSES: Final = 512


class LatestReadings:
    """The readings of one evaluation: one for each window, however many rules ask; and what was lost of late."""

    def __init__(self, read: Callable[[float | None], Reading]) -> None:
        self._read = read
        self._found: dict[float | None, Reading] = {}
        self._losses: deque[tuple[int, int]] = deque(maxlen=_MOST_LOSSES)

    def begin(self) -> None:
        """Forget the readings of the evaluation before."""
        self._found = {}

    def reading(self, window: float | None) -> Reading:
        """Return the counts of the latest `window` seconds, or since the start."""
        if window not in self._found:
            self._found[window] = self._read(window)
        return self._found[window]

    def lost(self, window: float) -> int | None:
        """Return how many log lines were lost since the last evaluation before the window, or since the start."""
        reading = self.reading(window)
        if not reading.own.known:
            return None
        total = sum(lost for name, lost in reading.own.dropped.items() if not name.startswith(_ON_PURPOSE))
        for books in reading.own.deliveries.values():
            total += sum(books.rejected.values()) + sum(books.dropped.values())
        since = reading.at - round(window * 1e9)
        before = max((lost for at, lost in self._losses if at <= since), default=0)
        if not self._losses or self._losses[-1][1] != total:
            self._losses.append((reading.at, total))
        return max(0, total - before)


class Evaluation:
    """The alerts of some rules. `run` for one thread at a time; `alerts` for any."""

    def __init__(self, rules: Sequence[Rule], look: LatestReadings, common: Mapping[str, str], interval: float) -> None:
        self.rules = rules
        self._look = look
        self._common = common
        self._interval = round(interval * 1e9)
        self._alerts: Mapping[str, Sequence[Alert]] = {}

    @property
    def alerts(self) -> Sequence[Alert]:
        """All alerts, those of one rule after another."""
        return [alert for found in self._alerts.values() for alert in found]

    def take_up(self, saved: Sequence[Alert], saved_at: int, now: int) -> None:
        """Go on where a process before this one ended."""
        found = restore(self.rules, saved, saved_at, now)
        self._alerts = {rule.name: [one for one in found if one.rule == rule.name] for rule in self.rules}

    def run(self, now: int) -> list[tuple[Rule, Notice]]:
        """Evaluate every rule once, and return what receivers are to be told now."""
        self._look.begin()
        after: dict[str, Sequence[Alert]] = {}
        due: list[tuple[Rule, Notice]] = []
        for rule in self.rules:
            found = self._advanced(rule, now)
            for place, alert in enumerate(found):
                if is_due(alert, now):
                    due.append((rule, notice_of(rule, alert, self._common, now, self._interval)))
                    found[place] = replace(alert, sent_at=now)
            after[rule.name] = found
        self._alerts = after
        self._look.begin()
        return due

    def _advanced(self, rule: Rule, now: int) -> list[Alert]:
        before = list(self._alerts.get(rule.name, ()))
        firing = {alert.labels for alert in before if alert.state == "firing"}
        try:
            return advance(rule, before, evaluate(rule, self._look, firing), now)
        except (ObsError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            failed("rules", error)
            return before


def alert_stats(rules: Sequence[Rule], alerts: Sequence[Alert]) -> dict[str, AlertStats]:
    """Return alerts as readings have them, by their fingerprints."""
    severity = {rule.name: rule.severity for rule in rules}
    return {
        alert.fingerprint: AlertStats(
            alert.rule,
            alert.state,
            severity.get(alert.rule, ""),
            alert.labels,
            alert.value,
            alert.active_at,
            alert.fired_at,
            alert.resolved_at,
        )
        for alert in alerts
    }
