"""The rules of a runtime: evaluated every so often; their alerts are logged, sent, shown and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs import _clock
from pepperpy_obs._guard import note
from pepperpy_obs.alerting.evaluation import Evaluation, LatestReadings, alert_stats
from pepperpy_obs.config.notifier import LOG
from pepperpy_obs.config.rule import offer_stat
from pepperpy_obs.decorators.recording import record_alert
from pepperpy_obs.errors import ObsError
from pepperpy_obs.judgement.alert_states import Alert
from pepperpy_obs.judgement.default_rules import rules_of
from pepperpy_obs.runtime.anomaly_watch import EVERY, STAT, AnomalyWatch

if TYPE_CHECKING:
    from pepperpy_obs._dispatch import RecordBuffer
    from pepperpy_obs.alerting.delivery import Delivery
    from pepperpy_obs.alerting.notice import Notice
    from pepperpy_obs.config import Config
    from pepperpy_obs.config.rule import Rule
    from pepperpy_obs.events import Level
    from pepperpy_obs.readings import AlertStats, OutputStats
    from pepperpy_obs.readings.source import Source
    from pepperpy_obs.runtime.jobs import Jobs
    from pepperpy_obs.storage.alerts import AlertStates

__all__ = ["Alerting"]

_EVERY: Final = 1.0
"""Seconds between two looks whether a receiver has something to hear."""
_LEVELS: Final[Mapping[str, Level]] = {"info": "info", "warning": "warning", "error": "error", "critical": "error"}


class Alerting:
    """The alerts of one runtime, if its settings have rules."""

    def __init__(self, jobs: Jobs, buffer: RecordBuffer, source: Callable[[], Source]) -> None:
        self._jobs = jobs
        self._buffer = buffer
        self._source = source
        self._settings: tuple[object, ...] = ()
        self._evaluation: Evaluation | None = None
        self._states: AlertStates | None = None
        self._deliveries: dict[object, Delivery] = {}
        self._endings: list[Callable[[], None]] = []
        self._ending = self._taken_up = self._kept = False
        self._watch: AnomalyWatch | None = None

    def put_in_force(self, config: Config) -> None:
        """Evaluate the rules of these settings from now on; alerts of rules that stay go on."""
        self._ending = False
        for delivery in self._deliveries.values():
            delivery.ending.clear()
        rules = rules_of(config) if config.metrics_enabled else ()
        decisive = (
            rules, config.notifiers, config.rules_interval, config.service, config.environment, config.store_url,
            config.store_password,
        )  # fmt: skip
        if decisive == self._settings:
            return
        self._settings = decisive
        for end in self._endings:
            end()
        before = self.alerts
        self._evaluation, self._deliveries, self._endings = None, {}, []
        if rules:
            self._begin(config, rules, before)

    def _begin(self, config: Config, rules: Sequence[Rule], before: Sequence[Alert]) -> None:
        common = {"service": config.service, "environment": config.environment}
        self._evaluation = Evaluation(
            rules, LatestReadings(lambda window: self._source().reading(window)), common, config.rules_interval
        )
        now = _clock.time_ns()
        self._evaluation.take_up(before, now, now)
        self._states, self._taken_up = _states(config), bool(before)
        self._deliveries = _deliveries(config, rules)
        self._endings = [self._jobs.add("rules", config.rules_interval, self.run)]
        if any(rule.stat == STAT for rule in rules):
            self._watch = AnomalyWatch(self._source)
            offer_stat(STAT, self._watch.surest)
            self._endings.append(self._jobs.add("anomalies", EVERY, self._watch.run))
        for delivery in self._deliveries.values():
            self._endings.append(self._jobs.add(f"alerts-{delivery.name}", _EVERY, delivery.run))

    @property
    def alerts(self) -> Sequence[Alert]:
        """All alerts: pending, firing, and for 15 minutes resolved ones."""
        return () if self._evaluation is None else self._evaluation.alerts

    def run(self) -> None:
        """Evaluate the rules once; at the end nothing more: what the latest evaluation found is kept already."""
        evaluation = self._evaluation
        if evaluation is None or self._ending:
            return
        now = _clock.time_ns()
        self._take_up(evaluation, now)
        for rule, notice in evaluation.run(now):
            self._tell(rule, notice)
        self._keep(evaluation, now)

    def _tell(self, rule: Rule, notice: Notice) -> None:
        wanted = rule.notify
        if notice.is_new and (not wanted or LOG in wanted):
            level = _LEVELS[rule.severity] if notice.is_firing else "info"
            record_alert(_fields(rule, notice), level, buffer=self._buffer)
        for key, delivery in self._deliveries.items():
            if key in wanted or (not wanted and isinstance(key, str)):
                delivery.offer([notice])

    def _take_up(self, evaluation: Evaluation, now: int) -> None:
        """Go on with the alerts of the process before this one, once."""
        if self._taken_up or self._states is None:
            return
        self._taken_up = True
        try:
            saved, at = self._states.load()
            evaluation.take_up([Alert.from_dict(one) for one in saved], at, now)
        except (ObsError, KeyError, TypeError, ValueError) as error:
            note("alerts", f"the states of alerts could not be read, and begin anew: {error}")

    def _keep(self, evaluation: Evaluation, now: int) -> None:
        alerts = evaluation.alerts
        if self._states is None or not self._taken_up or not (alerts or self._kept):
            return
        try:
            self._states.save([alert.to_dict() for alert in alerts], now)
        except ObsError as error:
            note("alerts", f"the states of alerts could not be kept: {error}")
        else:
            self._kept = bool(alerts)

    def stats(self) -> dict[str, AlertStats]:
        """Return the alerts as readings have them."""
        evaluation = self._evaluation
        return {} if evaluation is None else alert_stats(evaluation.rules, evaluation.alerts)

    def outputs(self) -> dict[str, OutputStats]:
        """Return the books of the receivers."""
        return {f"alerts {one.name}": one.stats() for one in self._deliveries.values()}

    def announce_end(self) -> None:
        """Have the next run be the last: it evaluates nothing, and what waits is told once, without patience."""
        self._ending = True
        for delivery in self._deliveries.values():
            delivery.ending.set()

    def renew(self) -> None:
        """Begin anew in a forked child, whose counts begin at zero; the parent's alerts are the parent's."""
        for delivery in self._deliveries.values():
            delivery.renew()
        if self._evaluation is not None:
            self._evaluation.take_up((), 0, 0)
        if self._states is not None:
            self._states.renew()
        self._taken_up = True


def _fields(rule: Rule, notice: Notice) -> dict[str, Any]:
    return {
        "alert": rule.name,
        "alert_state": notice.status,
        "severity": rule.severity,
        "alert_value": notice.value,
        "alert_labels": {name: value for name, value in notice.labels.items() if name in rule.by},
        "summary": notice.annotations["summary"],
        "fingerprint": notice.fingerprint,
    }


def _deliveries(config: Config, rules: Sequence[Rule]) -> dict[object, Delivery]:
    """Return the receivers by what rules call them: a name, or a function."""
    functions = dict.fromkeys(one for rule in rules for one in rule.notify if not isinstance(one, str))
    if not config.notifiers and not functions:
        return {}
    from pepperpy_obs.alerting.delivery import CallDelivery, PostDelivery  # noqa: PLC0415 - loads tenacity

    found: dict[object, Delivery] = {one.name: PostDelivery(one) for one in config.notifiers}
    return found | {function: CallDelivery(function) for function in functions}


def _states(config: Config) -> AlertStates | None:
    if config.store_url is None:
        return None
    from pepperpy_obs.storage.alerts import AlertStates  # noqa: PLC0415 - loads SQLAlchemy
    from pepperpy_obs.storage.database import Database  # noqa: PLC0415 - as above

    database = Database(config.store_url, config.store_password.get_secret_value(), creates=True)
    return AlertStates(database, config.service, config.environment)
