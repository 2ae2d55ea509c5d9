"""The rows of a price table, and which of them is for a model at a time."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from pepperpy_obs.pricing.rates import Rates
from pepperpy_obs.pricing.source import ALWAYS, STANDARD_TIERS, PriceQuery, PriceResult, Validity
from pepperpy_obs.pricing.window import Window

__all__ = ["PriceTable", "Row"]


@dataclass(frozen=True, slots=True)
class Row:
    """One priced model, or several by a pattern."""

    position: int
    provider: str | None
    models: tuple[str, ...]
    tier: str | None
    geo: str | None
    span: Validity
    window: Window | None
    same_as: str | None
    times: Decimal | None
    rates: Rates | None
    of_standard: Decimal | None = None

    def fits(self, query: PriceQuery) -> bool:
        """Tell whether the row is for this model, at whatever time."""
        if self.provider is not None and self.provider != query.provider:
            return False
        if self.tier not in (None, query.tier) or self.geo not in (None, query.geo):
            return False
        return any(fnmatchcase(query.model, pattern) for pattern in self.models)

    def holds(self, at: int) -> bool:
        """Tell whether the row is for this time."""
        return self.span.start <= at < self.span.end and (self.window is None or self.window.holds(at))

    def weight(self, model: str) -> tuple[Any, ...]:
        """Return how telling the row is: a name before a pattern, conditions before none, later before earlier."""
        named = (each is not None for each in (self.provider, self.tier, self.geo, self.window))
        return model in self.models, *named, self.span.start, self.position


class PriceTable:
    """The rows of one file; without any, a table that knows no price."""

    def __init__(self, rows: tuple[Row, ...] = (), version: str = "") -> None:
        self._rows = rows
        self._version = version
        self._is_ours = False

    def shipped(self) -> PriceTable:
        """Return the same table as ours: a row without a tier is for the standard one, while a user's is for all."""
        table = PriceTable(self._rows, self._version)
        table._is_ours = True
        return table

    def find(self, query: PriceQuery, at: int) -> PriceResult:
        """Return the rates of the most telling row that holds at the time."""
        query = query._replace(model=query.model.lower())
        fitting = [row for row in self._rows if row.fits(query)]
        limits = {limit for row in fitting for limit in row.span} | set(ALWAYS)
        span = Validity(max(limit for limit in limits if limit <= at), min(limit for limit in limits if limit > at))
        for row in fitting:
            if row.window is not None:
                span = span.within(row.window.within(at))
        holding = sorted((row for row in fitting if row.holds(at)), key=lambda row: row.weight(query.model))
        best = next((row for row in reversed(holding) if row.of_standard is None), None)
        part = next((row.of_standard for row in reversed(holding) if row.of_standard is not None), None)
        if best is None:
            return PriceResult(None, "custom", self._version, span, of_standard=part)
        for_all_tiers = part is None and (not self._is_ours or query.tier in STANDARD_TIERS)
        is_tiered = best.tier is not None or for_all_tiers
        return PriceResult(best.rates, "custom", self._version, span, best.same_as, best.times, is_tiered, part)
