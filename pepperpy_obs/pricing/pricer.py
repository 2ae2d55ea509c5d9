"""The price of an event: who is asked, in which order, and what is remembered of the answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, getcontext, localcontext
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

from pepperpy_obs.pricing.cost import EXACT, ZERO, Cost
from pepperpy_obs.pricing.genai import GenaiPrices
from pepperpy_obs.pricing.names import canonical_provider, model_names
from pepperpy_obs.pricing.rates import Bill
from pepperpy_obs.pricing.source import ALWAYS, Quote, Span
from pepperpy_obs.pricing.table import PriceTable, read_table

__all__ = ["Pricer"]

_Source = PriceTable | GenaiPrices
"""Whoever can be asked `find(provider, model, service_tier, at)` for a `Quote`."""

_DIGITS: Final = 28
_CHECK_EVERY: Final = 256
_REMEMBERED: Final = 4096
"""Models whose rates are remembered; who has more names than that makes them up."""


class _Plan:
    """What was found out about one model: the quote if there is one, and between which times that holds."""

    __slots__ = ("end", "quote", "start")

    def __init__(self, quote: Quote | None, span: Span) -> None:
        self.quote = quote
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

    def price(self, event: Mapping[str, Any], at: int) -> Cost | None:
        """Return what the usage in `event` cost at the time `at` (UTC epoch ns), or None if that is not known.

        An event with `usage_entries` costs what each of these does: a tier or a model is that of
        one request, not of their sum.
        """
        if getcontext().prec < _DIGITS:
            with localcontext(EXACT):
                return self.price(event, at)
        cost = self._of_entries(event, at) if "usage_entries" in event else self._computed(event, at)
        reported = event.get("reported_cost_usd")
        if reported is None:
            return cost
        if isinstance(reported, str):  # read back from a log
            reported = Decimal(reported)
        # The split by type is ours; it is only known to be the provider's where the sums agree.
        if cost is not None and cost.total == reported:
            return Cost(reported, cost.by_type, cost.saved, "provider")
        return Cost(reported, {"request": reported}, ZERO if cost is None else cost.saved, "provider")

    def _computed(self, event: Mapping[str, Any], at: int) -> Cost | None:
        get = event.get
        key = (get("provider"), get("response_model"), get("model"), get("service_tier"))
        self._since_check += 1
        if self._since_check >= _CHECK_EVERY:
            self._check_edition()
        plan = self._plans.get(key)
        if plan is None or not plan.start <= at < plan.end:
            plan = self._plan(key, at)
        quote = plan.quote
        if quote is None or quote.rates is None:
            return None
        bill = quote.rates.bill(event)
        if bill is None:
            return None
        # A third quicker than Cost(...), which is a Python function.
        return tuple.__new__(Cost, (bill.total, bill.by_type, bill.saved, quote.source, quote.version))

    def _of_entries(self, event: Mapping[str, Any], at: int) -> Cost | None:
        """Add up the entries' prices; if one has none, the whole has none."""
        names = {name: event[name] for name in ("provider", "model", "service_tier") if name in event}
        bill = Bill()
        cost: Cost | None = None
        for entry in event["usage_entries"]:
            cost = self.price({**names, **entry}, at)
            if cost is None:
                return None
            for kind, amount in cost.by_type.items():
                bill.add(kind, amount)
            bill.saved += cost.saved
        return None if cost is None else Cost(bill.total, bill.by_type, bill.saved, cost.source, cost.version)

    def _check_edition(self) -> None:
        """Forget what came from prices that have been replaced since."""
        self._since_check = 0
        edition = self._genai.edition
        if edition is not self._edition:
            self._edition = edition
            self._plans.clear()

    def _plan(self, key: tuple[Any, ...], at: int) -> _Plan:
        """Ask the sources in their order, for what answered before what was asked for."""
        provider, answered, asked, tier = key
        provider = canonical_provider(provider)
        names = [name for name in dict.fromkeys((answered, asked)) if name]
        span = ALWAYS
        found: Quote | None = None
        for quote in self._quotes(provider, names, tier, at):
            span = span.within(quote.span)
            if quote.rates is not None:
                found = quote
                break
        plan = _Plan(found, span)
        if len(self._plans) >= _REMEMBERED:
            self._plans.clear()
        self._plans[key] = plan
        return plan

    def _quotes(self, provider: str | None, names: list[str], tier: str | None, at: int) -> Iterator[Quote]:
        """Yield what each source says, until one has a price."""
        if self._custom is not None:
            for quote in _ask(self._custom, provider, names, tier, at):
                yield quote
                if quote.same_as is not None:
                    names = [quote.same_as]
                    break
        if self._overrides is None:
            with as_file(files("pepperpy_obs.pricing") / "overrides.toml") as path:
                self._overrides = read_table(path, name="pepperpy_obs overrides")
        for name in names:
            yield from _ask(self._overrides, provider, [name], tier, at)
            yield from _ask(self._genai, provider, [name], tier, at)


def _ask(source: _Source, provider: str | None, names: list[str], tier: str | None, at: int) -> Iterator[Quote]:
    for name in names:
        for spelled_provider, spelled in model_names(provider, name):
            yield source.find(spelled_provider, spelled, tier, at)
