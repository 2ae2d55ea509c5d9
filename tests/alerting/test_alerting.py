"""Rules in a runtime: evaluated over days, logged, shown on pages, kept over restarts."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory

from pepperpy_obs import Config, HealthChecker, MetricsCollector, PrometheusExporter, Rule
from pepperpy_obs.alerting.evaluation import Evaluation, LatestReadings
from pepperpy_obs.alerting.notice import Notice

FAR = 3600.0


@pytest.fixture(name="clock")
def a_clock() -> Iterator[FrozenDateTimeFactory]:
    """Stop the clock at a midnight."""
    with freeze_time("2027-03-01", real_asyncio=True) as clock:
        assert isinstance(clock, FrozenDateTimeFactory)
        yield clock


def request(collector: MetricsCollector, *, ok: bool) -> None:
    """Make one request, that fails or not."""
    try:
        with collector.record_call("openai", operation="ask"):
            if not ok:
                raise TimeoutError
    except TimeoutError:
        pass


def evaluate(collector: MetricsCollector) -> None:
    """Evaluate the rules now, as the timed job does."""
    collector.runtime._alerting.run()


def logged(path: Path) -> list[dict[str, Any]]:
    """Return the events of alerts."""
    events = [json.loads(line) for line in path.read_text().splitlines()]
    return [event for event in events if event["event"] == "alert.changed"]


Make = Callable[..., MetricsCollector]


@pytest.fixture(name="made")
def a_maker(tmp_path: Path) -> Iterator[Make]:
    """Make collectors that evaluate their rules when they are asked to, and shut them down in the end."""
    log = {"log_file": tmp_path / "app.log", "log_format": "json"}
    all_made: list[MetricsCollector] = []

    def make(**given: Any) -> MetricsCollector:
        settings: dict[str, Any] = {"default_rules": False, "rules_interval": FAR, **log, **given}
        all_made.append(MetricsCollector(Config(**settings)))
        return all_made[-1]

    yield make
    for collector in all_made:
        collector.shutdown()


def test_an_alert_is_logged_and_shown_and_ends(made: Make, tmp_path: Path, clock: FrozenDateTimeFactory) -> None:
    """On /metrics and in health while it fires; one event for its start and one for its end."""
    rule = Rule("failing", "request_error_rate", above=0.5, for_="2m", by=("provider",), severity="critical")
    collector = made(rules=(rule,), service="shop")
    exposed, health = "", HealthChecker(collector).check()
    for minute in range(9):
        for _ in range(20):
            request(collector, ok=minute > 2)
        evaluate(collector)
        if minute == 2:
            exposed = asyncio.run(PrometheusExporter(collector).export())
            health = HealthChecker(collector).check()
        clock.tick(timedelta(minutes=1))
    collector.runtime.flush()
    assert (
        'pepperpy_alerts{agent="",alertname="failing",alertstate="firing",attribute="",kind="",model="",'
        'operation="",provider="openai",severity="critical"} 1.0' in exposed
    )
    assert health.checks["alerts"].text == "firing: failing, provider openai (1)"
    assert health.checks["alerts"].status == "fail"
    found = [
        (one["timestamp"], one["level"], one["alert_state"], one["alert"], one["alert_labels"], one["service"])
        for one in logged(tmp_path / "app.log")
    ]
    of = "failing", {"provider": "openai"}, "shop"
    assert found == [
        ("2027-03-01T00:02:00.000000Z", "error", "firing", *of),
        ("2027-03-01T00:05:00.000000Z", "info", "resolved", *of),
    ]


def test_over_days_receivers_hear_of_each_fire_once_and_alertmanager_each_minute(
    made: Make, clock: FrozenDateTimeFactory
) -> None:
    """Three days with an hour of failures each: three starts, three ends, and a notice about every minute between."""
    collector = made()
    rule = Rule("failing", "request_error_rate", above=0.5, for_="5m", min_calls=5)
    look = LatestReadings(collector.runtime.reading)
    evaluation = Evaluation([rule], look, {"service": "shop"}, 30)
    told: list[Notice] = []
    for minute in range(3 * 24 * 60):
        if minute % 3 == 0:
            for _ in range(6):
                request(collector, ok=minute // 60 % 24 != 12)
        now = collector.runtime.reading("10s").at
        told += [notice for _, notice in evaluation.run(now)]
        clock.tick(timedelta(minutes=1))
    new = [notice for notice in told if notice.is_new]
    assert [notice.status for notice in new] == ["firing", "resolved"] * 3
    assert len({notice.fingerprint for notice in told}) == 1
    starts = sorted({notice.starts_at for notice in told})
    assert [later - earlier for earlier, later in pairwise(starts)] == [86_400 * 10**9] * 2
    firing = [notice for notice in told if notice.is_firing]
    assert 3 * 20 <= len(firing) <= 3 * 35  # every other minute at least: a minute has to be over
    assert all(notice.ends_at - notice.starts_at >= 240 * 10**9 for notice in firing)
    assert [notice.status for notice in told if not notice.is_firing] == ["resolved"] * len(
        [notice for notice in told if not notice.is_firing]
    )


def test_a_restart_goes_on_where_it_was(made: Make, tmp_path: Path, clock: FrozenDateTimeFactory) -> None:
    """An alert that fired before is not told as new, keeps its start, and its end is told by the next process."""
    given = {"rules": (Rule("busy", "calls", above=5),), "store_url": f"sqlite:///{tmp_path / 'obs.db'}"}
    first = made(**given)
    for _ in range(10):
        request(first, ok=True)
    evaluate(first)
    [(name, before)] = first.runtime.reading().own.alerts.items()
    first.shutdown()
    clock.tick(timedelta(minutes=10))
    second = made(**given)
    evaluate(second)
    second.runtime.flush()
    after = second.runtime.reading().own.alerts[name]
    second.shutdown()
    assert (before.state, after.state, after.fired_at) == ("firing", "resolved", before.fired_at)
    assert [one["alert_state"] for one in logged(tmp_path / "app.log")] == ["firing", "resolved"]


def test_new_settings_keep_the_alerts_of_rules_that_stay(made: Make) -> None:
    """And forget those of rules that are gone."""
    busy, gone = Rule("busy", "calls", above=5), Rule("gone", "calls", above=5)
    collector = made(rules=(busy, gone))
    for _ in range(10):
        request(collector, ok=True)
    evaluate(collector)
    before = {one.rule: one for one in collector.runtime.reading().own.alerts.values()}
    collector.runtime.configure(Config(rules=(busy,), default_rules=False, rules_interval=FAR))
    assert list(collector.runtime.reading().own.alerts.values()) == [before["busy"]]


def test_a_reading_with_alerts_survives_a_trip_through_json(made: Make) -> None:
    """So a service's alerts can be read from elsewhere; of two processes the graver state counts."""
    collector = made(rules=(Rule("busy", "calls", above=5, by=("operation",)),))
    for _ in range(10):
        request(collector, ok=True)
    evaluate(collector)
    reading = collector.runtime.reading()
    again = type(reading).from_json(reading.to_json())
    assert again == reading
    assert again.merge(reading).own.alerts == reading.own.alerts


def test_a_rule_that_fails_keeps_no_other_from_its_turn(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted as a failure of ours."""
    monkeypatch.setattr("pepperpy_obs.config.rule._offered", {"odd": lambda: 1 / 0})
    collector = made(rules=(Rule("odd", "odd", above=0), Rule("busy", "calls", above=0)))
    request(collector, ok=True)
    evaluate(collector)
    reading = collector.runtime.reading()
    assert [one.rule for one in reading.own.alerts.values()] == ["busy"]
    assert reading.own.errors["rules"] == 1


def test_an_offered_stat_is_judged_by_its_labels(made: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as how much of a budget is spent."""
    spent = {(("budget", "day"),): 0.97, (("budget", "run"),): 0.2}
    monkeypatch.setattr("pepperpy_obs.config.rule._offered", {"budget_used": lambda: spent})
    collector = made(rules=(Rule("nearly spent", "budget_used", above=0.9),))
    evaluate(collector)
    assert [one.labels for one in collector.runtime.reading().own.alerts.values()] == [(("budget", "day"),)]


def test_an_anomaly_is_a_condition(made: Make, tmp_path: Path, clock: FrozenDateTimeFactory) -> None:
    """An hour in which calls fail as they never did is an alert of its agent, and what was odd is its label."""
    rule = Rule("odd", "anomaly", above=1)
    collector = made(rules=(rule,), store_url=f"sqlite:///{tmp_path}/obs.db")
    watch = collector.runtime._alerting._watch
    assert watch is not None
    for step in range(3 * 288):
        for number in range(12):
            with contextlib.suppress(TimeoutError), collector.record_call("openai", operation="ask", agent="scout"):
                if number == 0 and step % 6 == 0:
                    raise TimeoutError
        clock.tick(timedelta(minutes=5))
    watch.run()
    evaluate(collector)
    assert [alert.labels for alert in collector.runtime._alerting.alerts] == []
    for _ in range(6):
        for _ in range(12):
            with contextlib.suppress(TimeoutError), collector.record_call("openai", operation="ask", agent="scout"):
                raise TimeoutError
        clock.tick(timedelta(minutes=5))
    watch.run()
    evaluate(collector)
    (alert,) = [one for one in collector.runtime._alerting.alerts if dict(one.labels)["what"] == "errors"]
    assert dict(alert.labels) == {"agent": "scout", "operation": "ask", "what": "errors"}
