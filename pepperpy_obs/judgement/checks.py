"""The built-in checks: pure functions of what was counted, each with its limit in `Config`.

What the service does (errors, slowness, silence) can fail. What only we suffer from (unknown prices, lost log
lines, an output that is down) warns. Which failures make a service unready is another question: see `ready_checks`.
A limit of None switches its check off, and below `health_min_calls` nothing is judged by shares or quantiles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pepperpy_obs.aggregate.series_data import SeriesData
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.config import Config
from pepperpy_obs.judgement.report import CheckResult, Status
from pepperpy_obs.readings import AlertStats, DeliveryStats, OutputStats, StoreStats
from pepperpy_obs.reports.errors import error_rate

__all__ = ["BUILT_IN", "HealthInput", "run_checks"]

_LONGEST_REASON: Final = 200
"""Characters of what a receiver said: a proxy may answer with a page."""

_MOST_TOLD: Final = 10
"""Alerts that are named."""

_TELL_USAGE: Final = (
    "return the whole answer, say usage=, or call current_call().record_usage(response); streams of OpenAI and its "
    'like tell it with stream_options={"include_usage": True}'
)


@dataclass(frozen=True, slots=True)
class HealthInput:
    """All that is looked at."""

    limits: Config
    recent: Snapshot
    """The latest `health_window` seconds."""
    silence: float
    """Seconds since the newest event, or since the first check."""
    dropped: Mapping[str, int] | None
    """Log lines lost of late, by where; None where that cannot be known."""
    outputs: Mapping[str, OutputStats] | None
    """None where that cannot be known."""
    deliveries: Mapping[str, DeliveryStats] = field(default_factory=dict[str, DeliveryStats])
    now: int = 0
    """UTC epoch nanoseconds."""
    store: StoreStats | None = None
    """None where nothing is stored, or where that cannot be known."""
    alerts: Mapping[str, AlertStats] = field(default_factory=dict[str, AlertStats])
    """Those of rules, by their fingerprints."""


def run_checks(given: HealthInput) -> Iterator[CheckResult]:
    """Yield the result of every check that is switched on."""
    calls = SeriesData.merged(list(given.recent.series.values()))
    for check in _CHECKS:
        if (result := check(given, calls)) is not None:
            yield result


def _error_rate(given: HealthInput, calls: SeriesData) -> CheckResult | None:
    limit = given.limits.health_max_error_rate
    if limit is None:
        return None
    if too_few := _too_few("error_rate", calls.calls, "calls", given):
        return too_few
    rate = error_rate(calls) or 0.0
    worst = _worst(given.recent) if rate else ""
    text = f"{_percent(rate)} of {calls.calls} calls{_lately(given)} failed{worst}; the limit is {_percent(limit)}"
    return CheckResult("error_rate", "fail" if rate > limit else "pass", text, rate)


def _request_error_rate(given: HealthInput, calls: SeriesData) -> CheckResult | None:
    """Judge each provider by itself: a fallback that works hides it in their sum, and tools in that of all calls."""
    limit = given.limits.health_max_request_error_rate
    if limit is None:
        return None
    if too_few := _too_few("request_error_rate", calls.requests.count, "requests", given):
        return too_few
    made, failed = _requests_by_provider(given.recent)
    judged = [name for name, count in made.items() if count >= given.limits.health_min_calls]
    if not judged:
        made, failed, judged = {"": calls.requests.count}, {"": sum(failed.values())}, [""]
    worst = max(judged, key=lambda name: (failed[name] / made[name], name))
    rate = failed[worst] / made[worst]
    to = f" to {worst}" if worst else ""
    others = [f"{failed[name]} of {made[name]} to {name or 'no provider'}" for name in sorted(judged) if name != worst]
    beside = f" ({', '.join(others)})" if others else ""
    text = f"{_percent(rate)} of {made[worst]} requests{to}{_lately(given)} failed{beside}"
    status: Status = "fail" if rate > limit else "pass"
    return CheckResult("request_error_rate", status, f"{text}; the limit is {_percent(limit)}", rate)


def _requests_by_provider(recent: Snapshot) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many requests were made and how many failed."""
    made: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for key, data in recent.series.items():
        made[key.provider] += data.requests.count
        failed[key.provider] += data.requests.outcomes.get("error", 0)
    return {name: count for name, count in made.items() if count}, failed


def _worst(recent: Snapshot) -> str:
    errors: Counter[str] = Counter()
    for key, data in recent.series.items():
        errors[key.operation] += data.outcomes.get("error", 0)
    operation, count = max(errors.items(), key=lambda item: (item[1], item[0]))
    return f", {count} of them in {operation or 'no operation'}"


def _p95(given: HealthInput, calls: SeriesData) -> CheckResult | None:
    limit = given.limits.health_max_p95_seconds
    if limit is None:
        return None
    if too_few := _too_few("p95", calls.duration.count, "calls", given):
        return too_few
    found = calls.duration.quantile(0.95) or 0.0
    text = f"95 % of {calls.duration.count} calls{_lately(given)} took at most {found:.3g} s; the limit is {limit:g} s"
    return CheckResult("p95", "fail" if found > limit else "pass", text, found, "s")


def _unpriced_share(given: HealthInput, calls: SeriesData) -> CheckResult | None:
    limit = given.limits.health_max_unpriced_share
    if limit is None:
        return None
    unpriced = calls.requests.unpriced
    answers = unpriced + calls.requests.priced
    if too_few := _too_few("unpriced_share", answers, "answers with usage", given):
        return too_few
    share = unpriced / answers
    have = f"{_percent(share)} of {answers} answers with usage{_lately(given)} have"
    text = f"{have} no known price; the limit is {_percent(limit)}"
    if share > limit:
        text += "; a price_file can name their prices"
    return CheckResult("unpriced_share", "warn" if share > limit else "pass", text, share)


def _without_usage(given: HealthInput, calls: SeriesData) -> CheckResult | None:
    limit = given.limits.health_max_unpriced_share
    if limit is None:
        return None
    silent = calls.requests.incidents.get("no_usage", 0)
    answers = silent + calls.requests.unpriced + calls.requests.priced
    if too_few := _too_few("without_usage", answers, "requests", given):
        return too_few
    share = silent / answers
    failed = calls.requests.count - calls.requests.outcomes.get("ok", 0)
    have = f"{_percent(share)} of {answers} requests{_lately(given)} told no usage"
    unknown = ", their cost is unknown" if silent else ""
    text = f"{have}{unknown}; the limit is {_percent(limit)}"
    if share > limit:
        text += f"; {failed} of them failed or were cancelled" if failed >= silent else f"; {_TELL_USAGE}"
    return CheckResult("without_usage", "warn" if share > limit else "pass", text, share)


def _dropped(given: HealthInput, _: SeriesData) -> CheckResult | None:
    limit = given.limits.health_max_dropped
    if limit is None or given.dropped is None:
        return None
    lost = sum(given.dropped.values())
    where = ", ".join(f"{count} at {name}" for name, count in sorted(given.dropped.items()) if count)
    text = f"{lost} log lines were lost{f' ({where})' if where else ''}; the limit is {limit}"
    return CheckResult("dropped", "warn" if lost > limit else "pass", text, lost, "lines")


def _event_age(given: HealthInput, _: SeriesData) -> CheckResult | None:
    limit = given.limits.health_max_event_age_seconds
    if limit is None:
        return None
    text = f"no call has ended for {given.silence:.3g} s; the limit is {limit:g} s"
    return CheckResult("event_age", "fail" if given.silence > limit else "pass", text, given.silence, "s")


def _exporters(given: HealthInput, _: SeriesData) -> CheckResult | None:
    if given.outputs is None:
        return None
    down = {name: f"takes nothing: {sink.error}" for name, sink in given.outputs.items() if sink.error}
    down |= {name: text for name, ledger in given.deliveries.items() if (text := _behind(given, ledger))}
    if given.store is not None and (text := _unstored(given.store)):
        down["store"] = text
    if not down:
        ways = [f"all is taken by {', '.join(sorted(given.outputs))}"] if given.outputs else []
        told = [*ways, *(_booked(ledger) for _, ledger in sorted(given.deliveries.items()))]
        if given.store is not None:
            told.append(f"the store has {given.store.written} minutes")
        return CheckResult("exporters", "pass", "; ".join(told) or "none is configured")
    words = "; ".join(f"{name} {text}" for name, text in sorted(down.items()))
    return CheckResult("exporters", "warn", words, len(down), "exporters")


def _booked(ledger: DeliveryStats) -> str:
    """Return where a receiver's events are: the numbers add up."""
    rejected, dropped = sum(ledger.rejected.values()), sum(ledger.dropped.values())
    counts = {"wait": ledger.pending, "rejected": rejected, "dropped": dropped}
    others = "".join(f", {count} {word}" for word, count in counts.items() if count)
    return f"{ledger.sink} has {ledger.acknowledged} of {ledger.accepted} events{others}"


def _behind(given: HealthInput, ledger: DeliveryStats) -> str:
    """Return why events wait for a receiver longer than they should; "" if they do not."""
    if ledger.held:
        return f"waits for a person, with {ledger.pending} events: {ledger.held[:_LONGEST_REASON]}"
    limit, oldest = given.limits.health_max_ship_delay_seconds, ledger.oldest_pending_at
    if limit is None or oldest is None or not ledger.pending:
        return ""
    age = (given.now - oldest) / 1e9
    if age <= limit:
        return ""
    reasons = ", ".join(f"{count} for {reason}" for reason, count in sorted(ledger.retries.items()))
    told = f"; requests made again: {reasons}" if reasons else ""
    return f"is behind: {ledger.pending} events wait, the oldest for {age:.3g} s; the limit is {limit:g} s{told}"


def _unstored(books: StoreStats) -> str:
    """Return what is wrong with the store; "" of nothing."""
    waiting = f"takes nothing: {books.error[:_LONGEST_REASON]}; {books.waiting} minutes wait" if books.error else ""
    lost = f"lacks {books.dropped} minutes, which store_max_waiting had no room for" if books.dropped else ""
    return "; ".join(filter(None, (waiting, lost)))


def _alerts(given: HealthInput, _: SeriesData) -> CheckResult | None:
    """Tell of rules that fire. Those that are the other checks' own limits have been told by these."""
    told = {check.__name__.removeprefix("_") for check in _CHECKS}
    firing = [one for one in given.alerts.values() if one.state == "firing" and one.rule not in told]
    if not firing:
        return CheckResult("alerts", "pass", "no alert of a rule fires")
    firing.sort(key=lambda one: (one.severity != "critical", one.fired_at, one.rule, one.labels))
    names = [
        f"{one.rule}{''.join(f', {name} {value}' for name, value in one.labels if value)} ({one.value:.4g})"
        for one in firing[:_MOST_TOLD]
    ]
    more = f" and {len(firing) - _MOST_TOLD} more" if len(firing) > _MOST_TOLD else ""
    status: Status = "fail" if firing[0].severity == "critical" else "warn"
    return CheckResult("alerts", status, f"firing: {'; '.join(names)}{more}", len(firing), "alerts")


_CHECKS: Final[tuple[Callable[[HealthInput, SeriesData], CheckResult | None], ...]] = (
    _error_rate,
    _request_error_rate,
    _p95,
    _unpriced_share,
    _without_usage,
    _dropped,
    _event_age,
    _exporters,
    _alerts,
)

BUILT_IN: Final = tuple(check.__name__.removeprefix("_") for check in _CHECKS)
"""The names of the built-in checks."""


def _too_few(name: str, count: int, what: str, given: HealthInput) -> CheckResult | None:
    least = given.limits.health_min_calls
    if count >= least:
        return None
    return CheckResult(name, "pass", f"{count} {what}{_lately(given)}: too few to judge, which takes {least}")


def _lately(given: HealthInput) -> str:
    window = given.limits.health_window
    return f" in the last {window / 60:g} minutes" if window >= 120 else f" in the last {window:g} s"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
