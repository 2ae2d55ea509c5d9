"""Prices from genai-prices: the one room that knows this library, which it loads with the first question.

The library's own lookup is asked, its arithmetic is not: that costs some 60 us a call. Its
background update is never started here; if the application runs it, newer prices are used.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs.pricing.cost import EXACT, ZERO
from pepperpy_obs.pricing.rates import Price, Rates
from pepperpy_obs.pricing.source import ALWAYS, STANDARD_TIERS, PriceQuery, PriceResult, Validity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo, ModelPrice, Provider

__all__ = ["GenaiPrices"]

_TOKENS: Final = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "audio_input",
    "cache_audio_read_mtok": "audio_cache_read",
    "input_image_mtok": "image_input",
    "cache_image_read_mtok": "image_cache_read",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "output_audio_mtok": "audio_output",
    "output_image_mtok": "image_output",
    "input_video_mtok": "video_input",
    "cache_video_read_mtok": "video_cache_read",
    "output_video_mtok": "video_output",
}
_THOUSAND: Final = Decimal(1000)
_MILLION: Final = Decimal(1_000_000)
_UNITS: Final = {
    "storage_searches": ("storage_searches_kcount", _THOUSAND),
    "search_units": ("rerank_searches_kcount", _THOUSAND),
    "document_pages": ("input_document_kpages", _THOUSAND),
    "citation_tokens": ("output_citation_mtok", _MILLION),
    "characters": ("input_mchars", _MILLION),
    "text_messages": ("input_text_messages_kcount", _THOUSAND),
}
"""Of an event's `usage_units`, those that the table has a price for."""
_SECOND: Final = 1_000_000_000
_HALF_DAY: Final = {"openai": Decimal(2), "azure": Decimal(2)}
"""How many times a write of half an hour one of twelve hours costs; the table has no rate for these."""
_SOUND: Final = (("audio_input", "input"), ("audio_output", "output"))
_DRAWERS: Final = ("gpt-image-", "chatgpt-image-")
"""Models whose output is pictures, so that the only price of output is theirs."""
_SEARCH_ONCE: Final = ("gemini-1", "gemini-2")
"""Models of Google that are billed by the grounded prompt; later ones are by the query."""
_LEAST_BILLED: Final = {("groq", "whisper-large-v3"): 10, ("groq", "whisper-large-v3-turbo"): 10}
"""Seconds of audio that are billed at least."""


class GenaiPrices:
    """Finds the rates of a model in the price table that genai-prices brings along."""

    def __init__(self) -> None:
        self._snapshot: Callable[[], DataSnapshot] | None = None

    def find(self, query: PriceQuery, at: int) -> PriceResult:
        """Return the rates that the table has for a model, found by the library's own rules for names."""
        snapshot = self._load()
        moment = datetime.fromtimestamp(at / _SECOND, UTC)
        owner = _owner(snapshot, query)
        info = None if owner is None else owner.find_model(query.model, all_providers=snapshot.providers)
        if owner is None or info is None:
            return PriceResult(None, "genai-prices")
        context = _context(owner, info, query.tier)
        rates = _rates(owner, info, info.get_prices(moment, context))
        is_tiered = query.tier in STANDARD_TIERS or _has_variant(info, moment, context)
        stamp = f" {snapshot.timestamp:%Y-%m-%d}" if snapshot.from_auto_update else ""
        return PriceResult(
            rates, "genai-prices", f"genai-prices {_version()}{stamp}", _validity(info, moment), is_tiered=is_tiered
        )

    @property
    def edition(self) -> object:
        """The table in force: another one after an update that the application has the library make."""
        return None if self._snapshot is None else self._snapshot()

    def _load(self) -> DataSnapshot:
        if self._snapshot is None:
            from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - 150 ms and 30 MB, only where prices are asked for

            self._snapshot = get_snapshot
        return self._snapshot()


@lru_cache(maxsize=1)
def _version() -> str:
    try:
        return version("genai-prices")
    except PackageNotFoundError:  # bundlers leave the metadata of packages out
        return "unknown"


def _owner(snapshot: DataSnapshot, query: PriceQuery) -> Provider | None:
    """Return the provider as `snapshot.find_provider` does, which keeps each name that it was ever asked for."""
    from genai_prices.data_snapshot import find_provider_by_id  # noqa: PLC0415 - loaded by now

    if query.provider is not None:
        return find_provider_by_id(snapshot.providers, query.provider)
    model = query.model.lower()
    return next((each for each in snapshot.providers if each.model_match and each.model_match.is_match(model)), None)


def _context(owner: Provider, info: ModelInfo, tier: str | None) -> dict[str, str] | None:
    """Return what the table knows to distinguish; models that a provider has from another have no variants there."""
    if tier is None or not any(info is model for model in owner.models):
        return None
    if tier == "batch":
        return {"processing": "batch"}
    return {"service_tier": tier, "speed": tier}


def _has_variant(info: ModelInfo, moment: datetime, context: dict[str, str] | None) -> bool:
    """Tell whether a tier has prices of its own; the library charges the standard ones where it has not."""
    return context is not None and any(
        (variant.constraint is None or variant.constraint.active(moment))
        and all(context.get(key) == value for key, value in variant.when.items())
        for variant in info.price_variants or ()
    )


def _rates(owner: Provider, info: ModelInfo, price: ModelPrice) -> Rates | None:
    said = {key: value for key, value in vars(price).items() if value is not None}
    tokens = {name: _price(said[key]) for key, name in _TOKENS.items() if key in said}
    if owner.id == "google":
        # Where its page has no price of sound, the one that is there is for all; speech models write nothing else.
        tokens |= {name: tokens[text] for name, text in _SOUND if text in tokens and name not in tokens}
    if info.id.startswith(_DRAWERS) and "output" in tokens:
        tokens.setdefault("image_output", tokens["output"])
    if owner.id in _HALF_DAY and "cache_write" in tokens:
        tokens["cache_write_12h"] = tokens["cache_write"].times(_HALF_DAY[owner.id])
    units = {name: rate for name, (key, per) in _UNITS.items() if (rate := _each(said.get(key), per)) is not None}
    if (annotated := _each(said.get("input_annotated_document_kpages"), _THOUSAND)) is not None:
        # Annotated pages are pages, too: what they cost more.
        units["annotated_pages"] = EXACT.subtract(annotated, units.get("document_pages", ZERO))
    rest: dict[str, Any] = {
        "request": _each(said.get("requests_kcount"), _THOUSAND),
        "web_search": _each(said.get("web_searches_kcount"), _THOUSAND),
        "audio_hour": _each(said.get("audio_hours"), Decimal(1)),
        "search_once": owner.id == "google" and info.id.startswith(_SEARCH_ONCE),
    }
    if not tokens and not units and not any(value is not None and value is not False for value in rest.values()):
        return None
    return Rates(tokens, **rest, units=units, least_audio_seconds=_LEAST_BILLED.get((owner.id, info.id), 0))


def _price(said: Any) -> Price:
    if isinstance(said, Decimal):
        return Price(said)
    return Price(said.base, tuple((tier.start, tier.price) for tier in said.tiers))


def _each(said: Any, per: Decimal) -> Decimal | None:
    """Return a plain rate; a tiered one of these is in no table so far, and its base is the best there is."""
    if said is None:
        return None
    return EXACT.divide(said if isinstance(said, Decimal) else said.base, per)


def _validity(info: ModelInfo, moment: datetime) -> Validity:
    """Return how long around `moment` no constraint changes: the next dates and times of day that any speaks of."""
    limits = sorted(_limits(info, moment))
    before = [limit for limit in limits if limit <= moment]
    after = [limit for limit in limits if limit > moment]
    return Validity(_ns(before[-1]) if before else ALWAYS.start, _ns(after[0]) if after else ALWAYS.end)


def _limits(info: ModelInfo, moment: datetime) -> Iterator[datetime]:
    constraints = [price.constraint for price in info.prices] if isinstance(info.prices, list) else []
    constraints += [variant.constraint for variant in info.price_variants or ()]
    for constraint in constraints:
        since: date | None = getattr(constraint, "start_date", None)
        if since is not None:
            yield datetime.combine(since, time(), UTC)
        for name in ("start_time", "end_time"):
            turn: time | None = getattr(constraint, name, None)
            if turn is not None:
                for day in (-1, 0, 1):
                    moved = datetime.combine(moment.date() + timedelta(days=day), turn)
                    yield moved if moved.tzinfo else moved.replace(tzinfo=UTC)


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * _SECOND
