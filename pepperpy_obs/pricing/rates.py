"""The rates of one model at one time, made ready for arithmetic.

Every token falls into exactly one bucket, and each bucket has one rate: the most specific one
that the model has. So nothing is charged twice, and the parts add up to the whole. All
arithmetic is exact as long as the thread's decimal context has 28 digits: see `Pricer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pepperpy_obs.pricing.cost import EXACT, QUOTIENT, ZERO

__all__ = ["TOKEN_RATES", "Bill", "Price", "Rates"]

FALLBACKS: Final[Mapping[str, tuple[str, ...]]] = {
    "input": ("input",),
    "cache_read": ("cache_read", "input"),
    "cache_write": ("cache_write", "input"),
    "cache_write_1h": ("cache_write_1h", "cache_write", "input"),
    "audio_input": ("audio_input", "input"),
    "audio_cache_read": ("audio_cache_read", "cache_read", "audio_input", "input"),
    "image_input": ("image_input", "input"),
    "image_cache_read": ("image_cache_read", "cache_read", "image_input", "input"),
    "output": ("output",),
    "reasoning": ("reasoning", "output"),
    "audio_output": ("audio_output", "output"),
    "image_output": ("image_output", "output"),
}
"""Which rate a bucket is charged at: the first that the model has. None at all is no charge."""
TOKEN_RATES: Final = tuple(FALLBACKS)
_MILLION: Final = Decimal(1_000_000)

Get = Callable[..., Any]
"""An event's `get`."""


@dataclass(frozen=True, slots=True)
class Price:
    """A rate in US dollars per million tokens, and what it becomes above so many input tokens (for all of them)."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()

    def at(self, input_tokens: int) -> Decimal:
        """Return the rate of a request with so much input."""
        rate = self.base
        for above, price in self.tiers:
            if input_tokens > above:
                rate = price
        return rate


class Bill:
    """What a usage costs at some rates, split by type."""

    __slots__ = ("by_type", "saved", "total")

    def __init__(self) -> None:
        self.by_type: dict[str, Decimal] = {}
        self.total = ZERO
        self.saved = ZERO

    def add(self, kind: str, amount: Decimal) -> None:
        """Charge one more amount."""
        by_type = self.by_type
        by_type[kind] = by_type[kind] + amount if kind in by_type else amount
        self.total += amount


class Rates:
    """All that one model charges for.

    `tokens` maps names of `TOKEN_RATES` to prices; the rest are US dollars per request, web
    search, second of the call's duration, hour of audio, and for each of an event's `usage_units`.
    """

    __slots__ = (
        "_audio_hour",
        "_bounds",
        "_fees",
        "_least_audio",
        "_levels",
        "_request",
        "_search",
        "_second",
        "_units",
    )

    def __init__(
        self,
        tokens: Mapping[str, Price],
        *,
        request: Decimal | None = None,
        web_search: Decimal | None = None,
        second: Decimal | None = None,
        audio_hour: Decimal | None = None,
        units: Mapping[str, Decimal] | None = None,
        least_audio_seconds: int = 0,
    ) -> None:
        self._request = request
        self._search = web_search
        self._second = second
        self._audio_hour = audio_hour
        self._least_audio = least_audio_seconds
        self._units = units or {}
        self._fees = bool(units) or any(fee is not None for fee in (request, web_search, second, audio_hour))
        self._bounds = tuple(sorted({above for price in tokens.values() for above, _ in price.tiers}))
        self._levels = tuple(_level(tokens, above + 1) for above in (-1, *self._bounds)) if tokens else ()

    def bill(self, event: Mapping[str, Any]) -> Bill | None:
        """Return what the event's usage costs, or None if the model charges for nothing that the event counts.

        A sum over several `requests` is charged at the tier of their average.
        """
        bill = Bill()
        get = event.get
        if self._levels:
            read, written = get("input_tokens"), get("output_tokens")
            rates = self._levels[0] if read is None or not self._bounds else self._level(read // (get("requests") or 1))
            if read is not None:
                if get("audio_input_tokens") or get("image_input_tokens"):
                    _charge_mixed_input(get, read, rates, bill)
                else:
                    _charge_input(get, read, rates, bill)
            if written is not None:
                _charge_output(get, written, rates, bill)
        if self._fees:
            self._charge_fees(get, bill)
        return bill if bill.by_type else None

    def _level(self, input_tokens: int) -> Mapping[str, Decimal]:
        return self._levels[sum(input_tokens > above for above in self._bounds)]

    def _charge_fees(self, get: Get, bill: Bill) -> None:
        if self._request is not None and (bill.by_type or get("outcome", "ok") == "ok"):
            bill.add("request", self._request * get("requests", 1))
        if self._search is not None and (searches := get("web_searches")):
            bill.add("request", self._search * searches)
        if self._second is not None and (seconds := get("duration_seconds")) is not None:
            bill.add("request", self._second * Decimal(repr(seconds)))
        used = get("usage_units")
        if used:
            self._charge_units(used, bill)

    def _charge_units(self, used: Mapping[str, int | Decimal], bill: Bill) -> None:
        if self._audio_hour is not None and (heard := used.get("audio_seconds")):
            heard = max(Decimal(heard), Decimal(self._least_audio))
            bill.add("request", QUOTIENT.divide(self._audio_hour * heard, Decimal(3600)))
        for name, price in self._units.items():
            if name in used:
                bill.add("request", price * Decimal(used[name]))


def _level(tokens: Mapping[str, Price], input_tokens: int) -> dict[str, Decimal]:
    """Return the dollars per token of each bucket for a request with so much input, and two differences of these."""
    rates = {}
    for bucket, names in FALLBACKS.items():
        price = next((tokens[name] for name in names if name in tokens), None)
        rates[bucket] = ZERO if price is None else EXACT.divide(price.at(input_tokens), _MILLION)
    rates["saved"] = EXACT.subtract(rates["input"], rates["cache_read"])
    rates["hour_more"] = EXACT.subtract(rates["cache_write_1h"], rates["cache_write"])
    return rates


def _charge_input(get: Get, read: int, rates: Mapping[str, Decimal], bill: Bill) -> None:
    """Charge input of one modality. Written out, because nearly every answer comes through here."""
    by_type = bill.by_type
    total = ZERO
    full = rates["input"]
    if cached := get("cache_read_tokens"):
        read -= cached
        total = by_type["cache_read"] = rates["cache_read"] * cached
        bill.saved = rates["saved"] * cached
    if stored := get("cache_write_tokens"):
        read -= stored
        amount = rates["cache_write"] * stored
        if hour := get("cache_write_1h_tokens"):
            amount += rates["hour_more"] * hour
        by_type["cache_write"] = amount
        total += amount
    amount = by_type["input"] = full * read
    bill.total = total + amount if total else amount


def _charge_mixed_input(get: Get, left: int, rates: Mapping[str, Decimal], bill: Bill) -> None:
    """Charge input of several modalities; what is said of their cached parts may be less than all that was cached."""
    cached, stored = get("cache_read_tokens") or 0, get("cache_write_tokens") or 0
    left -= cached + stored
    for modality, kind in (("audio", "audio_input"), ("image", "input")):
        part = get(f"{modality}_cache_read_tokens") or 0
        plain = min((get(f"{modality}_input_tokens") or 0) - part, left)
        left -= plain
        cached -= part
        if plain:
            bill.add(kind, rates[f"{modality}_input"] * plain)
        if part:
            _charge_read(part, rates[f"{modality}_input"], rates[f"{modality}_cache_read"], bill)
    bill.add("input", rates["input"] * left)
    if cached:
        _charge_read(cached, rates["input"], rates["cache_read"], bill)
    if stored:
        hour = get("cache_write_1h_tokens") or 0
        bill.add("cache_write", rates["cache_write"] * (stored - hour) + rates["cache_write_1h"] * hour)


def _charge_read(tokens: int, full: Decimal, reduced: Decimal, bill: Bill) -> None:
    amount = reduced * tokens
    bill.add("cache_read", amount)
    bill.saved += full * tokens - amount


def _charge_output(get: Get, written: int, rates: Mapping[str, Decimal], bill: Bill) -> None:
    by_type = bill.by_type
    if reasoned := get("reasoning_tokens"):
        written -= reasoned
        amount = by_type["reasoning"] = rates["reasoning"] * reasoned
        bill.total += amount
    if spoken := get("audio_output_tokens"):
        spoken = min(spoken, written)
        written -= spoken
        bill.add("audio_output", rates["audio_output"] * spoken)
    amount = rates["output"] * written
    if drawn := get("image_output_tokens"):
        amount += (rates["image_output"] - rates["output"]) * min(drawn, written)
    by_type["output"] = amount
    bill.total += amount
