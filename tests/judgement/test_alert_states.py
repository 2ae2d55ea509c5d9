"""The state machine of alerts is Prometheus'."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pepperpy_obs import Rule
from pepperpy_obs.judgement.alert_states import Alert, advance, fingerprint, is_due, restore
from pepperpy_obs.judgement.conditions import Sample

MINUTE = 60 * 10**9
T0 = 1_800_000_000 * 10**9
ON = [Sample((), 1.0)]


def states(rule: Rule, pattern: str, step: int = MINUTE) -> list[str]:
    """Return the state after each evaluation; x is one at which the condition holds."""
    alerts: list[Alert] = []
    found = []
    for place, sign in enumerate(pattern):
        alerts = advance(rule, alerts, ON if sign == "x" else [], T0 + place * step)
        found.append(" ".join(alert.state for alert in alerts) or "-")
    return found


@pytest.mark.parametrize(
    "given, pattern, expected",
    [
        ({}, "-x-", ["-", "firing", "resolved"]),
        ({"for_": 120}, "xxxx", ["pending", "pending", "firing", "firing"]),
        ({"for_": 120}, "xx-xxx", ["pending", "pending", "-", "pending", "pending", "firing"]),
        ({"keep": 120}, "x---", ["firing", "firing", "firing", "resolved"]),
        ({"keep": 120}, "x--x--", ["firing"] * 6),
        ({"for_": 60}, "xx-x", ["pending", "firing", "resolved", "pending"]),
    ],
)
def test_states_follow_the_evaluations(given: dict[str, Any], pattern: str, expected: list[str]) -> None:
    """Pending at once, firing after for_, forgotten if it was pending, resolved after keep, and then anew."""
    assert states(Rule("r", "calls", above=0, **given), pattern) == expected


def test_a_resolved_alert_is_kept_for_15_minutes() -> None:
    """So that receivers hear of its end again; after that it is forgotten."""
    found = states(Rule("r", "calls", above=0), "x" + "-" * 18)
    assert found == ["firing", *["resolved"] * 16, "-", "-"]


def test_an_alert_is_pending_again_if_for_has_grown() -> None:
    """It fires once the longer time is over."""
    [fired] = advance(Rule("r", "calls", above=0), [], ON, T0)
    longer = Rule("r", "calls", above=0, for_="5m")
    [now] = advance(longer, [fired], ON, T0 + MINUTE)
    assert (now.state, now.active_at, now.fired_at) == ("pending", T0, 0)
    [later] = advance(longer, [now], ON, T0 + 5 * MINUTE)
    assert (later.state, later.fired_at) == ("firing", T0 + 5 * MINUTE)


def test_each_set_of_labels_has_an_alert_of_its_own() -> None:
    """One can fire while the other is pending."""
    rule = Rule("r", "calls", above=0, for_="1m", by=("agent",))
    one, two = Sample((("agent", "a"),), 1.0), Sample((("agent", "b"),), 2.0)
    alerts = advance(rule, advance(rule, [], [one], T0), [one, two], T0 + MINUTE)
    assert {alert.labels: alert.state for alert in alerts} == {one.labels: "firing", two.labels: "pending"}


def test_receivers_hear_of_a_start_an_end_and_each_minute_between() -> None:
    """A pending alert is not told; a firing one when it was not within a minute; an end at once."""
    alert = Alert("r", (), "pending", 1.0, T0)
    assert not is_due(alert, T0)
    fired = replace(alert, state="firing", fired_at=T0)
    assert is_due(fired, T0)
    told = replace(fired, sent_at=T0)
    assert not is_due(told, T0 + MINUTE)
    assert is_due(told, T0 + MINUTE + 1)
    assert is_due(replace(told, state="resolved", resolved_at=T0 + 5), T0 + 5)


@pytest.mark.parametrize(
    "spent, outage, left",
    [
        (35, 5, 10),
        (10, 5, 20),
        (25, 5, 10),
        (30, 5, None),
    ],
)
def test_a_pending_alert_loses_the_outage_and_waits_for_ten_minutes_at_least(
    spent: int, outage: int, left: int | None
) -> None:
    """As in Prometheus: time spent pending counts, time down does not; one that was over fires when it holds."""
    rule = Rule("r", "calls", above=0, for_="30m")
    saved_at = T0 + spent * MINUTE
    now = saved_at + outage * MINUTE
    [found] = restore([rule], [Alert("r", (), "pending", 1.0, T0)], saved_at, now)
    remaining = (found.active_at + 30 * MINUTE - now) // MINUTE
    if spent >= 30:
        assert found.active_at == T0
    else:
        assert remaining == left


def test_what_is_taken_up_after_a_restart() -> None:
    """Firing ones as they were; pending ones of a short for_, those of rules that are gone or after an hour not."""
    rules = [Rule("short", "calls", above=0, for_="5m"), Rule("r", "calls", above=0)]
    firing = Alert("r", (), "firing", 1.0, T0, T0)
    saved = [firing, Alert("short", (), "pending", 1.0, T0), Alert("gone", (), "firing", 1.0, T0, T0)]
    assert restore(rules, saved, T0, T0 + 60 * MINUTE) == [firing]
    assert restore(rules, saved, T0, T0 + 60 * MINUTE + 1) == []
    assert restore(rules, saved, T0, T0 - 1) == []


def test_a_fingerprint_is_of_the_rule_and_its_labels() -> None:
    """In whatever order; another name or value is another alert."""
    labels = (("a", "1"), ("b", "2"))
    assert fingerprint("r", labels) == fingerprint("r", labels[::-1])
    assert len({fingerprint(name, some) for name in "rq" for some in (labels, (), labels[:1])}) == 6


def test_an_alert_is_the_same_after_a_trip_through_plain_values() -> None:
    """The store keeps them so."""
    alert = Alert("r", (("agent", "a"),), "firing", 1.5, T0, T0 + 1, 0, 0, T0 + 2)
    assert Alert.from_dict(alert.to_dict()) == alert
