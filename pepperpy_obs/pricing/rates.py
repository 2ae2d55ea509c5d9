"""The rates of one model at one time, made ready for arithmetic.

Every token falls into exactly one bucket, and each bucket has one rate: the most specific one
that the model has. So nothing is charged twice, and the parts add up to the whole. All
arithmetic is exact as long as the thread's decimal context has 28 digits: see `Pricer`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NamedTuple

from pepperpy_obs.pricing.cost import EXACT, QUOTIENT, ZERO

__all__ = ["FALLBACKS", "TOKEN_RATES", "Charge", "Price", "Rates"]

FALLBACKS: Final[Mapping[str, tuple[str, ...]]] = {
    "input": ("input",),
    "cache_read": ("cache_read", "input"),
    "cache_write": ("cache_write", "input"),
    "cache_write_1h": ("cache_write_1h", "cache_write", "input"),
    "cache_write_12h": ("cache_write_12h", "cache_write", "input"),
    "audio_input": ("audio_input", "input"),
    "audio_cache_read": ("audio_cache_read", "cache_read", "audio_input", "input"),
    "image_input": ("image_input", "input"),
    "image_cache_read": ("image_cache_read", "cache_read", "image_input", "input"),
    "video_input": ("video_input", "input"),
    "video_cache_read": ("video_cache_read", "cache_read", "video_input", "input"),
    "output": ("output",),
    "reasoning": ("reasoning", "output"),
    "audio_output": ("audio_output", "output"),
    "image_output": ("image_output", "output"),
    "video_output": ("video_output", "output"),
}
"""Which rate a bucket is charged at: the first that the model has. None at all is no charge."""
TOKEN_RATES: Final = tuple(FALLBACKS)
_MILLION: Final = Decimal(1_000_000)

Get = Callable[..., Any]
"""An event's `get`."""


class Modality(NamedTuple):
    """Input that is not text: where an event counts it and the part of it that was cached, and at which rates."""

    tokens: str
    cached: str
    rate: str
    cached_rate: str
    saved: str


_AUDIO, *_PICTURES = (
    Modality(
        f"{name}_input_tokens", f"{name}_cache_read_tokens", f"{name}_input", f"{name}_cache_read", f"{name}_saved"
    )
    for name in ("audio", "image", "video")
)
_MADE: Final = (("image_output_tokens", "image_output"), ("video_output_tokens", "video_output"))
"""Output that is neither text nor audio, and its rate."""
_OF_THEIR_OWN: Final = (("audio_input_tokens", "audio_input"), ("audio_output_tokens", "audio_output"), *_MADE)
"""What never costs what text does. Pictures that are read mostly do."""


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

    def times(self, factor: Decimal) -> Price:
        """Return the price times a factor, in every tier."""
        tiers = tuple((above, EXACT.multiply(price, factor)) for above, price in self.tiers)
        return Price(EXACT.multiply(self.base, factor), tiers)


Charge = tuple[Decimal, dict[str, Decimal], Decimal]
"""What a usage costs at some rates: in all, by type, and what reading from caches saved."""


class Rates:
    """All that one model charges for.

    `tokens` maps names of `TOKEN_RATES` to prices; the rest are US dollars per request, web
    search (`search_once`: per request that searched, however often), second of the call's duration, hour of
    audio, and for each of an event's `usage_units`.
    """

    __slots__ = (
        "_always",
        "_as_text",
        "_audio_hour",
        "_bounds",
        "_fees",
        "_least_audio",
        "_levels",
        "_made",
        "_pictured",
        "_pictures",
        "_request",
        "_search",
        "_search_once",
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
        search_once: bool = False,
    ) -> None:
        self._request = request
        self._search = web_search
        self._search_once = search_once
        self._second = second
        self._audio_hour = audio_hour
        self._least_audio = least_audio_seconds
        self._units = units or {}
        self._fees = bool(units) or any(fee is not None for fee in (request, web_search, second, audio_hour))
        self._always = request is not None or second is not None
        self._bounds = tuple(sorted({above for price in tokens.values() for above, _ in price.tiers}))
        self._levels = tuple(_level(tokens, above + 1) for above in (-1, *self._bounds)) if tokens else ()
        # Pictures that cost what text does are left among it; audio never is, for the sake of the split by type.
        self._pictures = tuple(each for each in _PICTURES if each.rate in tokens or each.cached_rate in tokens)
        self._pictured = tuple(each.tokens for each in self._pictures)
        self._as_text = tuple(name for name, rate in _OF_THEIR_OWN if tokens and rate not in tokens)
        self._made = tuple((counted, f"{rate}_more") for counted, rate in _MADE if rate in tokens)

    def times(self, factor: Decimal) -> Rates:
        """Return the same rates with every token dearer or cheaper by a factor; what is no token costs as before."""
        other = copy(self)
        other._levels = tuple(  # noqa: SLF001 - of the same class
            {name: EXACT.multiply(rate, factor) for name, rate in each.items()} for each in self._levels
        )
        return other

    def bill(self, event: Mapping[str, Any]) -> Charge | None:  # noqa: C901, PLR0912 - flat: calls are paid per answer
        """Return what the event's usage costs, or None if the model charges for nothing that the event counts.

        A sum over several `requests` is charged at the tier of their average.
        """
        get = event.get
        by_type: dict[str, Decimal] = {}
        total = saved = ZERO
        if self._levels:
            rates = self._levels[0]
            if (read := get("input_tokens")) is not None:
                if self._bounds:
                    rates = self._levels[bisect_left(self._bounds, read // (get("requests") or 1))]
                if get("audio_input_tokens") or (self._pictured and any(map(get, self._pictured))):
                    total, saved = self._charge_mixed(get, read, rates, by_type)
                else:
                    if cached := get("cache_read_tokens"):
                        read -= cached
                        total = by_type["cache_read"] = rates["cache_read"] * cached
                        saved = rates["saved"] * cached
                    if stored := get("cache_write_tokens"):
                        read -= stored
                        amount = by_type["cache_write"] = _of_writes(get, stored, rates)
                        total += amount
                    amount = by_type["input"] = rates["input"] * read
                    total += amount
            if (written := get("output_tokens")) is not None:
                if reasoned := get("reasoning_tokens"):
                    written -= reasoned
                    amount = by_type["reasoning"] = rates["reasoning"] * reasoned
                    total += amount
                if spoken := get("audio_output_tokens"):
                    spoken = min(spoken, written)
                    written -= spoken
                    amount = by_type["audio_output"] = rates["audio_output"] * spoken
                    total += amount
                amount = rates["output"] * written
                for tokens, more in self._made:
                    if drawn := get(tokens):
                        amount += rates[more] * min(drawn, written)
                by_type["output"] = amount
                total += amount
        if self._fees and (self._always or "web_searches" in event or "usage_units" in event):
            total += self._charge_fees(get, by_type)
        return (total, by_type, saved) if by_type else None

    def flags(self, event: Mapping[str, Any]) -> list[str]:
        """Return what the event counts and the model has no rate for: it is in no bill, or at the rate of text."""
        names = [
            name for name, amount in (event.get("usage_units") or {}).items() if amount and name not in self._units
        ]
        if self._audio_hour is not None and "audio_seconds" in names:
            names.remove("audio_seconds")
        if self._search is None and event.get("web_searches"):
            names.append("web_searches")
        flags = [f"{name}: left out of the cost, no price" for name in names]
        flags += [f"{name}: charged as text, no price" for name in self._as_text if event.get(name)]
        return flags

    def _charge_mixed(
        self, get: Get, left: int, rates: Mapping[str, Decimal], by_type: dict[str, Decimal]
    ) -> tuple[Decimal, Decimal]:
        """Charge input of several modalities; the cached parts that are given may be less than all that was cached."""
        cached, stored = get("cache_read_tokens") or 0, get("cache_write_tokens") or 0
        left -= cached + stored
        total = seen = reads = saved = ZERO
        heard = get("audio_input_tokens") or 0
        if part := get("audio_cache_read_tokens"):
            heard -= part
            cached -= part
            reads, saved = rates["audio_cache_read"] * part, rates["audio_saved"] * part
        if heard:
            heard = min(heard, left)
            left -= heard
            total = by_type["audio_input"] = rates["audio_input"] * heard
        for picture in self._pictures:
            tokens = get(picture.tokens) or 0
            if part := get(picture.cached):
                tokens -= part
                cached -= part
                reads += rates[picture.cached_rate] * part
                saved += rates[picture.saved] * part
            if tokens:
                tokens = min(tokens, left)
                left -= tokens
                seen += rates[picture.rate] * tokens
        if cached:
            reads += rates["cache_read"] * cached
            saved += rates["saved"] * cached
        if reads:
            by_type["cache_read"] = reads
            total += reads
        if stored:
            amount = by_type["cache_write"] = _of_writes(get, stored, rates)
            total += amount
        amount = rates["input"] * left
        by_type["input"] = amount = amount + seen if seen else amount
        return total + amount, saved

    def _charge_fees(self, get: Get, by_type: dict[str, Decimal]) -> Decimal:
        fees: list[Decimal] = []
        if self._request is not None and (by_type or get("outcome", "ok") == "ok"):
            fees.append(self._request * get("requests", 1))
        if self._search is not None and (searches := get("web_searches")):
            fees.append(self._search * (min(searches, get("requests") or 1) if self._search_once else searches))
        if self._second is not None and (seconds := get("duration_seconds")) is not None:
            fees.append(self._second * Decimal(repr(seconds)))
        if used := get("usage_units"):
            fees += self._of_units(used)
        total = sum(fees, ZERO)
        if fees:
            by_type["request"] = total
        return total

    def _of_units(self, used: Mapping[str, int | Decimal]) -> Iterator[Decimal]:
        if self._audio_hour is not None and (heard := used.get("audio_seconds")):
            heard = max(Decimal(heard), Decimal(self._least_audio))
            yield QUOTIENT.divide(self._audio_hour * heard, Decimal(3600))
        for name, price in self._units.items():
            if name in used:
                yield price * Decimal(used[name])


def _level(tokens: Mapping[str, Price], input_tokens: int) -> dict[str, Decimal]:
    """Return the dollars per token of each bucket for a request with so much input, and some differences of these."""
    rates = {}
    for bucket, names in FALLBACKS.items():
        price = next((tokens[name] for name in names if name in tokens), None)
        rates[bucket] = ZERO if price is None else EXACT.divide(price.at(input_tokens), _MILLION)
    rates["saved"] = EXACT.subtract(rates["input"], rates["cache_read"])
    rates["hour_more"] = EXACT.subtract(rates["cache_write_1h"], rates["cache_write"])
    rates["half_day_more"] = EXACT.subtract(rates["cache_write_12h"], rates["cache_write"])
    for modality in (_AUDIO, *_PICTURES):
        rates[modality.saved] = EXACT.subtract(rates[modality.rate], rates[modality.cached_rate])
    for _, bucket in _MADE:
        rates[f"{bucket}_more"] = EXACT.subtract(rates[bucket], rates["output"])
    return rates


def _of_writes(get: Get, stored: int, rates: Mapping[str, Decimal]) -> Decimal:
    amount = rates["cache_write"] * stored
    if hour := get("cache_write_1h_tokens"):
        amount += rates["hour_more"] * hour
    if half_day := get("cache_write_12h_tokens"):
        amount += rates["half_day_more"] * half_day
    return amount
