"""What any source of prices answers with, and what it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol

from pepperpy_obs.pricing.rates import Rates

__all__ = ["ALWAYS", "PriceSource", "Quote", "Span"]


class Span(NamedTuple):
    """From when (inclusive) until when (exclusive) something holds, in epoch ns."""

    start: int
    end: int

    def within(self, other: Span) -> Span:
        """Return the part that both have in common."""
        return Span(max(self.start, other.start), min(self.end, other.end))


ALWAYS: Final = Span(-(1 << 63), 1 << 63)


@dataclass(frozen=True, slots=True)
class Quote:
    """A source's answer: a model's rates, or that it has none (None), and for how long that holds."""

    rates: Rates | None
    source: Literal["custom", "genai-prices"]
    version: str = ""
    span: Span = ALWAYS


class PriceSource(Protocol):
    """Knows the prices of some models."""

    def find(self, provider: str | None, model: str, tier: str | None, at: int) -> Quote:
        """Return what the model costs in a service tier at a time (epoch ns)."""

    @property
    def edition(self) -> object:
        """Something that is another object once the prices are others."""
