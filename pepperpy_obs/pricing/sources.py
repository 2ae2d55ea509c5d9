"""Asks the price tables in their order, under each spelling of a model's name."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple

from pepperpy_obs._guard import failed
from pepperpy_obs.pricing.genai import GenaiPrices
from pepperpy_obs.pricing.makers import SELLERS, is_same_model, maker_of
from pepperpy_obs.pricing.names import canonical_provider, model_names
from pepperpy_obs.pricing.price_file import read_table, table_of
from pepperpy_obs.pricing.source import PriceQuery, PriceResult, Validity
from pepperpy_obs.pricing.table import PriceTable

__all__ = ["Asked", "Sources"]

_STAGE: Final = "prices"
_MINUTE: Final = 60 * 1_000_000_000


class Asked(NamedTuple):
    """The fields of an event that decide its rates."""

    provider: str | None
    answered: str | None
    asked: str | None
    tier: str | None = None
    geo: str | None = None


class Sources:
    """The user's table, ours and that of genai-prices, in this order.

    A table of ours that fails or is not there (a bundler may leave out what is no code) is left out, counted and
    logged once: the others still have their prices. The user's is read at once and refused where it is wrong.
    """

    def __init__(self, price_file: Path | None = None) -> None:
        self._custom = None if price_file is None else read_table(Path(price_file))
        self._genai = GenaiPrices()
        self._overrides: PriceTable | None = None

    @property
    def edition(self) -> object:
        """The table of genai-prices in force."""
        return self._genai.edition

    def quotes(self, asked: Asked, at: int) -> Iterator[PriceResult]:
        """Yield what each source says, until one has a price; the caller stops there."""
        names = [list(_spellings(asked, name)) for name in _candidates(asked.answered, asked.asked)]
        if self._custom is not None:
            for query in (each for spellings in names for each in spellings):
                yield (result := self._custom.find(query, at))
                if result.same_as is not None:
                    names = [list(_spellings(asked, result.same_as))]
                if result.same_as is not None or result.times is not None or result.of_standard is not None:
                    break
        for spellings in names:
            yield from self._tables_of_ours(spellings, at)

    def _tables_of_ours(self, spellings: list[PriceQuery], at: int) -> Iterator[PriceResult]:
        if self._overrides is None:
            self._overrides = _shipped()
        if self._overrides is None:
            yield _for_now(at)
        else:
            for query in spellings:
                yield _find(self._overrides, query, at)
        for query in spellings:
            yield _find(self._genai, query, at)


def _candidates(answered: str | None, asked: str | None) -> list[str]:
    """Return the models whose price may be meant: never the one asked for if another one answered in its place."""
    if not answered or not asked or answered == asked:
        return [name for name in (answered or asked,) if name]
    return [answered, asked] if is_same_model(answered, asked) else [answered]


def _spellings(asked: Asked, model: str) -> Iterator[PriceQuery]:
    """Yield a model in all spellings: as the provider's, and as its maker's where the provider cannot have it."""
    provider, maker = canonical_provider(asked.provider), maker_of(model)
    sold_by = maker if maker in SELLERS and "/" not in model else None
    providers = [provider]
    if provider is None and sold_by is not None:
        providers = [sold_by, None]
    elif provider in SELLERS and maker is not None and maker != provider and sold_by is not None:
        providers = [provider, sold_by]
    for each in providers:
        for who, name in model_names(each, model):
            yield PriceQuery(who, name, asked.tier, asked.geo)


def _find(source: PriceTable | GenaiPrices, query: PriceQuery, at: int) -> PriceResult:
    try:
        return source.find(query, at)
    except Exception as error:
        failed(_STAGE, error)
        return _for_now(at)


def _for_now(at: int) -> PriceResult:
    """Return that there is no price, until the next minute: a failure may pass."""
    minute = at - at % _MINUTE
    return PriceResult(None, "custom", span=Validity(minute, minute + _MINUTE))


def _shipped() -> PriceTable | None:
    """Return our overrides, from wherever the package is: a folder, a zip file, a bundle. None says to ask again."""
    try:
        content = (files("pepperpy_obs.pricing") / "overrides.toml").read_bytes()
        return table_of(content, "overrides.toml", "pepperpy_obs overrides").shipped()
    except Exception as error:
        failed(_STAGE, error)
        # A process may be out of descriptors for a while; a file that is not there will not come.
        may_pass = isinstance(error, OSError) and not isinstance(error, FileNotFoundError)
        return None if may_pass else PriceTable()
