"""The price of an event, and what is remembered of its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal, getcontext, localcontext
from pathlib import Path
from typing import Any, Final

from pepperpy_obs.pricing.cost import EXACT, ZERO, Cost
from pepperpy_obs.pricing.source import ALWAYS, PriceResult, Validity
from pepperpy_obs.pricing.sources import Asked, Sources

__all__ = ["Pricer"]

_DIGITS: Final = 28
_NOISE: Final = Decimal("1e-12")
"""By which part costs may differ that are the same: litellm adds them up as floats."""
_CHECK_EVERY: Final = 256
_REMEMBERED: Final = 4096
"""Models whose rates are remembered; more names than that are invented ones."""
_IN_COMMON: Final = ("provider", "model", "service_tier", "inference_geo")
"""What an answer's entries have from it unless they say otherwise."""


class _Plan:
    """What was found out about one model: the quote if there is one, and between which times that holds."""

    __slots__ = ("end", "flags", "rates", "stamp", "start")

    def __init__(self, result: PriceResult | None, span: Validity, flags: tuple[str, ...]) -> None:
        self.rates = None if result is None else result.rates
        self.stamp = () if result is None else (result.source, result.version)
        self.flags = flags
        self.start, self.end = span


class Pricer:
    """Prices events.

    The provider's own word comes first, then the table in `price_file`, then our overrides, then
    genai-prices. What none of them knows has no price. Loads prices with the first question;
    the price file at once, so that a wrong one is refused where it was named (`SetupError`).
    Thread-safe in that threads may at worst look up the same model twice.
    """

    def __init__(self, price_file: Path | None = None) -> None:
        self._sources = Sources(price_file)
        self._plans: dict[tuple[Any, ...], _Plan] = {}
        self._edition: object = None
        self._since_check = 0

    @property
    def is_loaded(self) -> bool:
        """Whether it has been asked before."""
        return bool(self._plans)

    def price(self, event: Mapping[str, Any], at: int) -> Cost | None:
        """Return what the usage in `event` cost at the time `at` (UTC epoch ns), or None if that is not known.

        An event with `usage_entries` costs what each of these does: a tier or a model is that of
        one request, not of their sum.
        """
        if getcontext().prec < _DIGITS:
            with localcontext(EXACT):
                return self.price(event, at)
        get = event.get
        if "usage_entries" in event:
            cost = self._of_entries(event, at)
        else:
            self._since_check += 1
            key = (get("provider"), get("response_model"), get("model"), get("service_tier"), get("inference_geo"))
            plan = self._plans.get(key)
            if plan is None or not plan.start <= at < plan.end or self._since_check > _CHECK_EVERY:
                plan = self._recall(key, at)
            bill = None if plan.rates is None else plan.rates.bill(event)
            # A third quicker than Cost(...), which is a Python function.
            cost = None if bill is None else tuple.__new__(Cost, bill + plan.stamp)
        if "reported_cost_usd" not in event or (reported := event["reported_cost_usd"]) is None:
            return cost
        return _reported(reported, cost)

    def flags(self, event: Mapping[str, Any], at: int) -> list[str]:
        """Return a flag for each count that the price leaves out, or charges at another rate for want of its own."""
        if event.get("reported_cost_usd") is not None:
            return []
        if "usage_entries" in event:
            found = [flag for entry in _entries(event) for flag in self.flags(entry, at)]
            return list(dict.fromkeys(found))
        plan = self._recall(_key(event), at)
        return [] if plan.rates is None else [*plan.flags, *plan.rates.flags(event)]

    def _of_entries(self, event: Mapping[str, Any], at: int) -> Cost | None:
        """Add up the entries' prices; if one has none, the whole has none."""
        by_type: dict[str, Decimal] = {}
        total: Cost | None = None
        for entry in _entries(event):
            cost = self.price(entry, at)
            if cost is None:
                return None
            if total is None:
                total, by_type = cost, dict(cost.by_type)
                continue
            for kind, amount in cost.by_type.items():
                by_type[kind] = by_type[kind] + amount if kind in by_type else amount
            total = Cost(total.total + cost.total, by_type, total.saved + cost.saved, cost.source, cost.version)
        return total

    def _recall(self, key: tuple[Any, ...], at: int) -> _Plan:
        """Return the plan for a model, made now if need be; what came from prices replaced since is forgotten."""
        self._since_check = 0
        if self._sources.edition is not self._edition:
            self._edition = self._sources.edition
            self._plans.clear()
        plan = self._plans.get(key)
        return self._plan(key, at) if plan is None or not plan.start <= at < plan.end else plan

    def _plan(self, key: tuple[Any, ...], at: int) -> _Plan:
        """Ask the sources, and remember what they said."""
        asked = Asked(*key)
        span, factors, part = ALWAYS, dict[str, Decimal](), dict[str, Decimal]()
        found: PriceResult | None = None
        flags: tuple[str, ...] = ()
        for result in self._sources.quotes(asked, at):
            span = span.within(result.span)
            if result.times is not None:
                factors.setdefault(result.version, result.times)
            if result.of_standard is not None and not part:
                part[result.version] = result.of_standard
            if result.rates is not None:
                found = result
                break
        if found is not None and not found.is_tiered:
            if not part:
                flags = (f"service_tier: {asked.tier} charged as standard, no price",)
            found = _times(found, part)
        plan = _Plan(None if found is None else _times(found, factors), span, flags)
        if self._edition is None:  # this question was the first, and had the library load its prices
            self._edition = self._sources.edition
        if len(self._plans) >= _REMEMBERED:
            self._plans.clear()
        self._plans[key] = plan
        return plan


def _key(event: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(map(event.get, ("provider", "response_model", "model", "service_tier", "inference_geo")))


def _entries(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    names = {name: event[name] for name in _IN_COMMON if name in event}
    for entry in event["usage_entries"]:
        yield entry if names.keys() <= entry.keys() else {**names, **entry}


def _reported(reported: Decimal | str, cost: Cost | None) -> Cost:
    """Return the provider's word; the split by type is ours, and is only known to be the provider's if sums agree."""
    if isinstance(reported, str):  # read back from a log
        reported = Decimal(reported)
    if cost is None:
        return Cost(reported, {"request": reported}, ZERO, "provider")
    if abs(cost.total - reported) > cost.total * _NOISE:
        return Cost(reported, {"request": reported}, cost.saved, "provider")
    return Cost(cost.total, cost.by_type, cost.saved, "provider")


def _times(result: PriceResult, factors: Mapping[str, Decimal]) -> PriceResult:
    """Return a quote with what other tables put on it or take off it; each table's factor counts once."""
    for version, factor in factors.items():
        rates = None if result.rates is None else result.rates.times(factor)
        result = replace(result, rates=rates, source="custom", version=f"{version}: {factor} times {result.version}")
    return result
