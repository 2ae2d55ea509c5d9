"""Rules: what is accepted, and when their conditions hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as changed

from pepperpy_obs import Config, Notifier, Rule, SetupError
from pepperpy_obs.aggregate.histogram import Durations
from pepperpy_obs.aggregate.series import SeriesKey
from pepperpy_obs.aggregate.series_data import NO_CALLS, NO_LLM, SeriesData
from pepperpy_obs.aggregate.snapshot import EMPTY as NOTHING
from pepperpy_obs.config.rule import known_stats
from pepperpy_obs.judgement.conditions import Sample, binomial_tail, evaluate
from pepperpy_obs.judgement.default_rules import rules_of
from pepperpy_obs.readings import Reading, SelfStats

MINUTE = 60.0
SECOND = 10**9


def calls(ok: int = 0, error: int = 0, seconds: float = 0.1) -> SeriesData:
    """Return calls of one series."""
    outcomes = {name: count for name, count in (("ok", ok), ("error", error)) if count}
    durations = Durations.of([seconds] * (ok + error)) if ok + error else NO_CALLS.duration
    requests = changed(NO_LLM, outcomes=outcomes, priced=ok)
    return changed(NO_CALLS, outcomes=outcomes, duration=durations, requests=requests, first=SECOND, last=5 * SECOND)


class Given:
    """Looks at readings that are given by their windows; None is the window since the start."""

    def __init__(self, by_window: Mapping[float | None, Mapping[SeriesKey, SeriesData]], lost: int = 0) -> None:
        self._by_window = by_window
        self._lost = lost

    def reading(self, window: float | None) -> Reading:
        """Return the reading of this window."""
        series = self._by_window.get(window, {})
        end = round((window or 100.0) * SECOND)
        return Reading(10 * SECOND, replace(NOTHING, series=series, start=0, end=end), own=SelfStats())

    def lost(self, window: float) -> int | None:
        """Return how many lines were lost."""
        return self._lost


def openai(**given: Any) -> dict[SeriesKey, SeriesData]:
    """Return calls of one series of requests."""
    return {SeriesKey("ask", "a", "llm", "openai", "m"): calls(**given)}


@pytest.mark.parametrize(
    "given, said",
    [
        ({"stat": "eror_rate", "above": 1}, "stat='eror_rate' is not known; did you mean 'error_rate'? accepted are"),
        ({"stat": "calls"}, "above=None and below=None; give one of them"),
        ({"stat": "calls", "above": 1, "below": 2}, "give one of them"),
        ({"stat": "calls", "above": "many"}, "'many' is no limit; give a number"),
        ({"stat": "calls", "above": 1, "over": "soon"}, "over='soon'; give seconds above 0, or a number and a unit"),
        ({"stat": "calls", "above": 1, "for_": -1}, "for_=-1; give seconds"),
        ({"stat": "calls", "above": 1, "severity": "bad"}, "severity='bad'; give one of info, warning, error"),
        ({"stat": "calls", "above": 5, "until": 6}, "until=6 is beyond the limit 5"),
        ({"stat": "calls", "below": 5, "until": 4}, "until=4 is beyond the limit 5"),
        ({"stat": "p95_response_time", "above": 2, "against": "1h"}, "cannot be compared with its past"),
        ({"stat": "error_rate", "absent": True}, "absent takes a stat that is counted"),
        ({"stat": "calls", "absent": True, "above": 1}, "absent has no limit"),
        (
            {"stat": "cost", "slo": 0.99, "above": 14},
            "slo=0.99 of stat='cost'; give a share such as 0.99",
        ),
        ({"stat": "calls", "above": 1, "short": "1m"}, "belongs to a burn rate"),
        ({"stat": "calls", "above": 1, "min_calls": -1}, "min_calls=-1; give a whole number"),
        ({"stat": "calls", "above": 1, "by": ("a b",)}, "give names of labels"),
        ({"stat": "calls/dogs", "above": 1}, "stat='calls/dogs' is not known"),
    ],
)
def test_a_wrong_rule_is_refused_when_it_is_made(given: dict[str, Any], said: str) -> None:
    """The error names the rule, what was given, what is accepted and what to do."""
    with pytest.raises(SetupError) as caught:
        Rule("r", **given)
    assert str(caught.value).startswith("rule 'r': ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "rule, said",
    [
        ({"name": "r", "stat": "calls", "abov": 1}, "unknown field 'abov'; did you mean 'above'?"),
        ({"stat": "calls", "above": 1}, "rule '' has no name; give one"),
        ("calls > 5", "'calls > 5' is no rule"),
        (Rule("r", "calls", above=1, by=("customer",)), "has by=('customer',); accepted are operation, agent"),
        (Rule("r", "calls", above=1, over="2d"), "looks back for more than a day; that takes a store_url"),
        (Rule("r", "calls", above=1, notify=("ops",)), "notifies 'ops'; accepted are log, and functions"),
    ],
)
def test_a_rule_that_the_settings_do_not_bear_is_refused(rule: Any, said: str) -> None:
    """Config says so, before anything is started."""
    with pytest.raises(SetupError, match="rules was given as") as caught:
        Config(rules=(rule,))
    assert said in str(caught.value)


def test_rules_and_notifiers_are_read_from_a_settings_file(tmp_path: Any) -> None:
    """A table of rules in TOML, spelled with for or for_, makes the rules that code makes."""
    path = tmp_path / "obs.toml"
    path.write_text(
        """
        [[notifiers]]
        name = "ops"
        kind = "webhook"
        url = "http://localhost:1/hook"
        [[rules]]
        name = "dear"
        stat = "cost"
        above = 5
        over = "1h"
        for = "5m"
        by = ["agent"]
        notify = ["ops", "log"]
        """
    )
    config = Config(config_file=path)
    assert config.rules == (Rule("dear", "cost", above=5, over=3600, for_=300, by=("agent",), notify=("ops", "log")),)
    assert config.notifiers == (Notifier("ops", "webhook", "http://localhost:1/hook"),)


def test_every_stat_can_be_worked_out() -> None:
    """Each name that set-up accepts has a figure, of no calls and of some."""
    for series in ({}, openai(ok=20, error=5)):
        look = Given(dict.fromkeys((None, 300.0), series))
        for stat in known_stats():
            evaluate(Rule("r", stat, above=-1.0, min_calls=0), look)


def test_a_share_is_judged_by_label_from_so_many_calls_on() -> None:
    """The provider with too few calls has no sample; the others have one each, if their share is above the limit."""
    series = {
        SeriesKey(provider="openai"): calls(ok=10, error=10),
        SeriesKey(provider="few"): calls(error=9),
        SeriesKey(provider="good"): calls(ok=100, error=1),
        SeriesKey("tool"): calls(error=50),
    }
    rule = Rule("r", "error_rate", above=0.1, by=("provider",))
    assert evaluate(rule, Given({300.0: series})) == [Sample((("provider", "openai"),), 0.5)]


def test_a_ratio_of_counts_and_a_plain_count() -> None:
    """Two counts with a slash are their quotient; a count is that of the window."""
    look = Given({300.0: openai(ok=30, error=10)})
    assert evaluate(Rule("r", "request_errors/requests", above=0.2), look) == [Sample((), 0.25)]
    assert evaluate(Rule("r", "calls", below=41), look) == [Sample((), 40.0)]
    assert evaluate(Rule("r", "calls", below=40), look) == []


def test_hysteresis_holds_a_firing_alert_until_the_value_is_well_back() -> None:
    """Between `until` and the limit, a firing alert stays and a new one does not begin."""
    rule, look = Rule("r", "error_rate", above=0.5, until=0.2), Given({300.0: openai(ok=70, error=30)})
    assert evaluate(rule, look) == []
    assert evaluate(rule, look, firing=[()]) == [Sample((), 0.3)]


def test_latency_is_compared_with_the_time_before_the_window() -> None:
    """The window itself is taken away from the past; the figure is how many times the past's it is."""
    slow = {SeriesKey("ask"): calls(ok=100, seconds=4.0)}
    both = {SeriesKey("ask"): calls(ok=100, seconds=4.0).merge(calls(ok=500, seconds=1.0))}
    rule = Rule("r", "typical_response_time", above=2, against="1h", by=("operation",), min_calls=100)
    [sample] = evaluate(rule, Given({300.0: slow, 3900.0: both}))
    assert sample.labels == (("operation", "ask"),)
    assert sample.value == pytest.approx(4.0, rel=0.01)
    assert evaluate(rule, Given({300.0: slow, 3900.0: slow})) == []


def test_a_change_of_rate_is_per_second() -> None:
    """500 calls in 5 minutes after 600 in the hour before are ten times as many."""
    rule = Rule("r", "calls", above=3, against="1h")
    recent, long = openai(ok=500), openai(ok=1100)
    [sample] = evaluate(rule, Given({300.0: recent, 3900.0: long}))
    assert sample.value == pytest.approx((500 / 300) / (600 / 3600))


def test_absence_is_told_of_labels_that_were_there_before() -> None:
    """An agent that has made no call within the window is absent; one that never was is not."""
    was = {SeriesKey("x", "gone"): calls(ok=5), SeriesKey("x", "here"): calls(ok=5)}
    now = {SeriesKey("x", "here"): calls(ok=1)}
    rule = Rule("r", "calls", absent=True, by=("agent",))
    assert evaluate(rule, Given({None: was, 300.0: now})) == [Sample((("agent", "gone"),), 0.0)]


def test_a_burn_rate_takes_both_windows_and_more_than_chance() -> None:
    """One failure of a hundred is ten times 99.9 %, and chance; thirty of a hundred are none. A past fire is out."""
    rule = Rule("r", "request_error_rate", slo=0.999, above=5, over="1h")
    assert evaluate(rule, Given({3600.0: openai(ok=99, error=1), 300.0: openai(ok=9, error=1)})) == []
    [sample] = evaluate(rule, Given({3600.0: openai(ok=70, error=30), 300.0: openai(ok=5, error=5)}))
    assert sample.value == pytest.approx(300)
    assert evaluate(rule, Given({3600.0: openai(ok=70, error=30), 300.0: openai(ok=10)})) == []


def test_the_binomial_tail_is_exact() -> None:
    """It agrees with sums worked out by hand."""
    assert binomial_tail(2, 3, 0.5) == pytest.approx(0.5)
    assert binomial_tail(3, 3, 0.4) == pytest.approx(0.064)
    assert binomial_tail(0, 3, 0.4) == 1.0
    assert binomial_tail(40, 1_000_000, 1e-5) == pytest.approx(7.34e-13, rel=0.01)


def test_lost_lines_are_a_stat() -> None:
    """Any line that was lost within the window is above 0."""
    assert evaluate(Rule("r", "dropped", above=0), Given({}, lost=3)) == [Sample((), 3.0)]


def test_a_rule_of_yours_takes_the_place_of_a_default_of_its_name() -> None:
    """And a health limit that is off is no rule."""
    own = Rule("error_rate", "error_rate", above=0.9)
    config = Config(rules=(own,), health_max_unpriced_share=None, health_max_dropped=None)
    assert [rule.name for rule in rules_of(config)] == ["error_rate", "request_error_rate", "latency_against_its_past"]
    assert rules_of(config)[0] is own
    assert rules_of(Config(default_rules=False)) == ()
