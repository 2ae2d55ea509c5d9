"""The price of an event: who is asked, in which order, and what is remembered of the answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal, getcontext, localcontext
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from pepperpy_obs.pricing.cost import EXACT, ZERO, Cost
from pepperpy_obs.pricing.genai import GenaiPrices
from pepperpy_obs.pricing.names import canonical_provider, model_names
from pepperpy_obs.pricing.source import ALWAYS, Quote, Span, Wanted
from pepperpy_obs.pricing.table import PriceTable, read_table

__all__ = ["Pricer"]

_Source = PriceTable | GenaiPrices
"""Whoever can be asked `find(wanted, at)` for a `Quote`."""

_DIGITS: Final = 28
_NOISE: Final = Decimal("1e-12")
"""By which part costs may differ that are the same: litellm adds them up as floats."""
_CHECK_EVERY: Final = 256
_REMEMBERED: Final = 4096
"""Models whose rates are remembered; who has more names than that makes them up."""


class _Plan:
    """What was found out about one model: the quote if there is one, and between which times that holds."""

    __slots__ = ("end", "rates", "stamp", "start")

    def __init__(self, quote: Quote | None, span: Span) -> None:
        self.rates = None if quote is None else quote.rates
        self.stamp = () if quote is None else (quote.source, quote.version)
        self.start, self.end = span


class Pricer:
    """Prices events.

    The provider's own word comes first, then the table in `price_file`, then our overrides, then
    genai-prices. What none of them knows has no price. Loads prices with the first question;
    the price file at once, so that a wrong one is refused where it was named (`SetupError`).
    Thread-safe in that threads may at worst look up the same model twice.
    """

    def __init__(self, price_file: Path | None = None) -> None:
        self._custom = None if price_file is None else read_table(Path(price_file))
        self._genai = GenaiPrices()
        self._overrides: PriceTable | None = None
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
        if isinstance(reported, str):  # read back from a log
            reported = Decimal(reported)
        if cost is None:
            return Cost(reported, {"request": reported}, ZERO, "provider")
        # The split by type is ours; it is only known to be the provider's where the sums agree.
        if abs(cost.total - reported) > cost.total * _NOISE:
            return Cost(reported, {"request": reported}, cost.saved, "provider")
        return Cost(cost.total, cost.by_type, cost.saved, "provider")

    def left_out(self, event: Mapping[str, Any], at: int) -> list[str]:
        """Return what the event counts and `price` does not charge, because nobody knows what it costs."""
        if "usage_entries" in event or event.get("reported_cost_usd") is not None:
            return []
        rates = self._recall(_key(event), at).rates
        return [] if rates is None else rates.left_out(event)

    def _of_entries(self, event: Mapping[str, Any], at: int) -> Cost | None:
        """Add up the entries' prices; if one has none, the whole has none."""
        names = {name: event[name] for name in ("provider", "model", "service_tier", "inference_geo") if name in event}
        by_type: dict[str, Decimal] = {}
        total: Cost | None = None
        for entry in event["usage_entries"]:
            cost = self.price(entry if names.keys() <= entry.keys() else {**names, **entry}, at)
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
        if self._genai.edition is not self._edition:
            self._edition = self._genai.edition
            self._plans.clear()
        plan = self._plans.get(key)
        return self._plan(key, at) if plan is None or not plan.start <= at < plan.end else plan

    def _plan(self, key: tuple[Any, ...], at: int) -> _Plan:
        """Ask the sources in their order, for what answered before what was asked for."""
        provider, answered, asked, tier, geo = key
        provider = canonical_provider(provider)
        wanted = [Wanted(provider, name, tier, geo) for name in dict.fromkeys((answered, asked)) if name]
        span, factors = ALWAYS, dict[str, Decimal]()
        found: Quote | None = None
        for quote in self._quotes(wanted, at):
            span = span.within(quote.span)
            if quote.times is not None:
                factors.setdefault(quote.version, quote.times)
            if quote.rates is not None:
                found = _times(quote, factors)
                break
        plan = _Plan(found, span)
        if self._edition is None:  # this question was the first, and had the library load its prices
            self._edition = self._genai.edition
        if len(self._plans) >= _REMEMBERED:
            self._plans.clear()
        self._plans[key] = plan
        return plan

    def _quotes(self, wanted: list[Wanted], at: int) -> Iterator[Quote]:
        """Yield what each source says, until one has a price."""
        if self._custom is not None:
            for quote in _ask(self._custom, wanted, at):
                yield quote
                if quote.same_as is not None:
                    wanted = [each._replace(model=quote.same_as) for each in wanted[:1]]
                if quote.same_as is not None or quote.times is not None:
                    break
        if self._overrides is None:
            with as_file(files("pepperpy_obs.pricing") / "overrides.toml") as path:
                self._overrides = read_table(path, name="pepperpy_obs overrides")
        for each in wanted:
            yield from _ask(self._overrides, [each], at)
            yield from _ask(self._genai, [each], at)


def _key(event: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(map(event.get, ("provider", "response_model", "model", "service_tier", "inference_geo")))


def _ask(source: _Source, wanted: list[Wanted], at: int) -> Iterator[Quote]:
    for each in wanted:
        for provider, model in model_names(each.provider, each.model):
            yield source.find(each._replace(provider=provider, model=model), at)


def _times(quote: Quote, factors: Mapping[str, Decimal]) -> Quote:
    """Return a quote with what other tables put on it or take off it; each table's factor counts once."""
    for version, factor in factors.items():
        rates = None if quote.rates is None else quote.rates.times(factor)
        quote = replace(quote, rates=rates, source="custom", version=f"{version}: {factor} times {quote.version}")
    return quote
