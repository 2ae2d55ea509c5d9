"""Whether a rule's condition holds at one moment, for which labels, at which value: pure functions of readings."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import exp, lgamma, log, log1p
from typing import Final, NamedTuple, Protocol

from pepperpy_obs.config.rule import COUNTS, QUANTILES, SHARES, Rule, offered
from pepperpy_obs.judgement.figures import Labels, Pair, grouped, pair_of, quantile_of
from pepperpy_obs.readings import Reading

__all__ = ["Look", "Sample", "binomial_tail", "condition_in_words", "evaluate"]

SIGNIFICANT: Final = 0.001
"""A burn rate that chance alone gives more often than this is no alert."""


class Sample(NamedTuple):
    """A condition that holds: for which labels, and at which value."""

    labels: Labels
    value: float


class Look(Protocol):
    """What is looked at. Several rules that ask for one window should get one reading."""

    def reading(self, window: float | None) -> Reading:
        """Return the counts of the latest `window` seconds, or since the start."""
        ...

    def lost(self, window: float) -> int | None:
        """Return how many log lines were lost within the window; None where that cannot be known."""
        ...


def evaluate(rule: Rule, look: Look, firing: Collection[Labels] = ()) -> list[Sample]:
    """Return for which labels the condition holds; for those that are `firing` already, up to `Rule.until`."""
    if rule.absent:
        return list(_absent(rule, look))
    if rule.slo is not None:
        return list(_burning(rule, look, rule.slo))
    values = _compared(rule, look) if rule.against is not None else _values(rule, look)
    return [Sample(labels, value) for labels, value in values if _passes(rule, value, is_firing=labels in firing)]


def _passes(rule: Rule, value: float, *, is_firing: bool) -> bool:
    limit = rule.until if is_firing and rule.until is not None else None
    if rule.above is not None:
        return value > (rule.above if limit is None else limit)
    return rule.below is not None and value < (rule.below if limit is None else limit)


def _values(rule: Rule, look: Look) -> Iterator[tuple[Labels, float]]:
    if (given := offered(rule.stat)) is not None:
        yield from given.items()
    elif rule.stat in QUANTILES:
        for labels, data in grouped(look.reading(rule.window), rule.by).items():
            value, count = quantile_of(rule.stat, data)
            if value is not None and count >= rule.least:
                yield labels, value
    elif rule.stat in (*COUNTS, *SHARES) or "/" in rule.stat:
        for labels, data in grouped(look.reading(rule.window), rule.by).items():
            pair = pair_of(rule.stat, data, 1.0)
            if (found := pair.value()) is not None and pair.calls >= rule.least:
                yield labels, found
    else:
        yield from _special(rule, look)


def _special(rule: Rule, look: Look) -> Iterator[tuple[Labels, float]]:
    if rule.stat == "dropped":
        if (lost := look.lost(rule.window)) is not None:
            yield (), float(lost)
        return
    reading = look.reading(None)
    if rule.stat == "event_age":
        latest = max((data.last for data in reading.snapshot.series.values()), default=None)
        if latest is not None:
            yield (), max(0.0, (reading.at - latest) / 1e9)
    elif rule.stat == "active" and reading.live.known:
        yield (), float(sum(reading.live.active.values()))
    elif rule.stat == "pending_events" and reading.own.known:
        yield (), float(sum(books.pending for books in reading.own.deliveries.values()))


def _compared(rule: Rule, look: Look) -> Iterator[tuple[Labels, float]]:
    """Yield how many times its value before the window a stat is; nothing where one of them is unknown or 0."""
    recent, long = look.reading(rule.window), look.reading(rule.window + float(rule.against or 0))
    before = grouped(long, rule.by)
    window = min(rule.window, long.snapshot.seconds)
    for labels, data in grouped(recent, rule.by).items():
        if labels not in before:
            continue
        now = pair_of(rule.stat, data, window)
        past = pair_of(rule.stat, before[labels], long.snapshot.seconds).without(now)
        if now.calls < rule.least or past.calls < rule.least:
            continue
        value, usual = now.value(), past.value()
        if value is not None and usual:
            yield labels, value / usual


def _absent(rule: Rule, look: Look) -> Iterator[Sample]:
    present = grouped(look.reading(rule.window), rule.by)
    for labels in grouped(look.reading(None), rule.by):
        if labels not in present or not pair_of(rule.stat, present[labels], 1.0).top:
            yield Sample(labels, 0.0)


def _burning(rule: Rule, look: Look, objective: float) -> Iterator[Sample]:
    """Yield how fast allowed errors are used up, where it is too fast in both windows and no work of chance."""
    short = float(rule.short or rule.window / 12)
    latest = grouped(look.reading(short), rule.by)
    allowed, limit = 1.0 - objective, rule.above or 0.0
    for labels, data in grouped(look.reading(rule.window), rule.by).items():
        long = pair_of(rule.stat, data, 1.0)
        near = pair_of(rule.stat, latest[labels], 1.0) if labels in latest else Pair(0.0, 0.0, 0)
        slow, fast = (long.value() or 0.0) / allowed, (near.value() or 0.0) / allowed
        if min(slow, fast) <= limit or long.calls < rule.least:
            continue
        if binomial_tail(int(long.top), int(long.bottom), allowed) <= SIGNIFICANT:
            yield Sample(labels, slow)


def binomial_tail(failed: int, calls: int, share: float) -> float:
    """Return how likely at least so many of the calls fail, if each fails with this probability.

    >>> round(binomial_tail(1, 100, 0.001), 4)
    0.0952
    """
    if failed <= calls * share:
        return 1.0
    if failed > calls:
        return 0.0
    rest = lgamma(calls + 1) + calls * log1p(-share)
    odds = log(share) - log1p(-share)
    total = 0.0
    for count in range(failed, calls + 1):
        term = exp(rest - lgamma(count + 1) - lgamma(calls - count + 1) + count * odds)
        total += term
        if term <= total * 1e-12:
            break
    return min(1.0, total)


def condition_in_words(rule: Rule) -> str:
    """Return the condition as a person reads it.

    >>> condition_in_words(Rule("dear", "cost", above=5, over="1h"))
    'cost above 5 over 1h'
    """
    over = _span(rule.window)
    if rule.absent:
        return f"no {rule.stat} over {over}"
    limit = f"above {rule.above:g}" if rule.above is not None else f"below {rule.below:g}"
    if rule.slo is not None:
        return f"burn rate of {rule.stat} {limit} over {over} and its end, objective {rule.slo:g}"
    if rule.against is not None:
        return f"{rule.stat} {limit} times the {_span(float(rule.against))} before, over {over}"
    return f"{rule.stat} {limit} over {over}"


def _span(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"
