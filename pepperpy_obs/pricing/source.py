"""What every source of prices answers with."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from pepperpy_obs.pricing.rates import Rates

__all__ = ["ALWAYS", "STANDARD_TIERS", "PriceQuery", "PriceResult", "Validity"]

STANDARD_TIERS: Final = frozenset({None, "default", "standard", "standard_only", "auto", "on_demand"})
"""Tiers of service at which the plain price holds; all others have prices of their own."""


class Validity(NamedTuple):
    """From when (inclusive) until when (exclusive) something holds, in epoch ns."""

    start: int
    end: int

    def within(self, other: Validity) -> Validity:
        """Return the part that both have in common."""
        return Validity(max(self.start, other.start), min(self.end, other.end))


ALWAYS: Final = Validity(-(1 << 63), 1 << 63)


class PriceQuery(NamedTuple):
    """The query for a price: a model, its provider, tier and region."""

    provider: str | None
    model: str
    tier: str | None = None
    geo: str | None = None


@dataclass(frozen=True, slots=True)
class PriceResult:
    """A source's answer: a model's rates, or that it has none (None), and for how long that holds.

    `same_as` names the model whose price it is instead: a deployment has the price of what it runs.
    `times` is for what the sources after this one say: a discount, or a surcharge. `is_tiered` says that the
    rates are those of the tier wanted; `of_standard` is what part of the standard tier's price that tier costs,
    for rates that are not.
    """

    rates: Rates | None
    source: Literal["custom", "genai-prices"]
    version: str = ""
    span: Validity = ALWAYS
    same_as: str | None = None
    times: Decimal | None = None
    is_tiered: bool = True
    of_standard: Decimal | None = None
