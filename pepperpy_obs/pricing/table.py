"""Price tables in TOML: the user's own, and the overrides that we ship. Read once, checked to the last key.

[[price]]
provider = "vllm"
model = "llama-3.1-70b*"
input = 0.40
output = 0.80
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from pepperpy_obs.errors import SetupError
from pepperpy_obs.pricing.cost import EXACT
from pepperpy_obs.pricing.names import canonical_provider
from pepperpy_obs.pricing.rates import TOKEN_RATES, Price, Rates
from pepperpy_obs.pricing.source import ALWAYS, Quote, Span

__all__ = ["PriceTable", "read_table"]

_RATES: Final = (*TOKEN_RATES, "request", "web_search", "second", "audio_hour")
_KEYS: Final = (
    "provider",
    "model",
    "same_as",
    "from",
    "until",
    "service_tier",
    "per",
    "tiers",
    "units",
    "source",
    *_RATES,
)
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One priced model, or several by a pattern."""

    position: int
    provider: str | None
    models: tuple[str, ...]
    tier: str | None
    span: Span
    same_as: str | None
    rates: Rates | None

    def fits(self, provider: str | None, model: str, tier: str | None) -> bool:
        """Tell whether the row is for this model, at whatever time."""
        if self.provider is not None and self.provider != provider:
            return False
        if self.tier is not None and self.tier != tier:
            return False
        return any(fnmatchcase(model, pattern) for pattern in self.models)

    def weight(self, model: str) -> tuple[bool, bool, bool, int, int]:
        """Return how telling the row is: name before pattern, provider and tier before none, later before earlier."""
        return model in self.models, self.provider is not None, self.tier is not None, self.span.start, self.position


class PriceTable:
    """The rows of one file."""

    edition: object = None

    def __init__(self, rows: tuple[Row, ...], version: str) -> None:
        self._rows = rows
        self._version = version

    def find(self, provider: str | None, model: str, tier: str | None, at: int) -> Quote:
        """Return the rates of the most telling row that holds at the time."""
        model = model.lower()
        fitting = [row for row in self._rows if row.fits(provider, model, tier)]
        limits = {limit for row in fitting for limit in row.span} | set(ALWAYS)
        span = Span(max(limit for limit in limits if limit <= at), min(limit for limit in limits if limit > at))
        holding = [row for row in fitting if row.span.start <= at < row.span.end]
        if not holding:
            return Quote(None, "custom", "", span)
        best = max(holding, key=lambda row: row.weight(model))
        return Quote(best.rates, "custom", self._version, span, best.same_as)


def read_table(path: Path, *, name: str | None = None) -> PriceTable:
    """Read and check a table; `name` is what prices of it are stamped with, followed by a hash of its content.

    Raises `SetupError`, naming file, row and key.
    """
    try:
        content = path.read_bytes()
        said = tomllib.loads(content.decode(), parse_float=Decimal)
    except OSError as error:
        msg = f"price file {str(path)!r} cannot be read ({error.strerror}); give a TOML file with [[price]] rows"
        raise SetupError(msg) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"price file {str(path)!r} is not TOML: {error}"
        raise SetupError(msg) from error
    rows = said.pop("price", None)
    if said or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        stray = ", ".join(repr(key) for key in said) or "no rows"
        msg = f"price file {str(path)!r} has {stray}; it must hold [[price]] rows and nothing else"
        raise SetupError(msg)
    checked = tuple(_row(path, position, row) for position, row in enumerate(rows, 1))
    _refuse_twins(path, checked)
    return PriceTable(checked, f"{name or path.name} {hashlib.sha256(content).hexdigest()[:8]}")


class _Complaints:
    """Says what is wrong with a row, and where."""

    def __init__(self, path: Path, position: int, row: Mapping[str, Any]) -> None:
        self._where = f"price file {str(path)!r}, row {position} (model {row.get('model')!r})"

    def complain(self, text: str) -> SetupError:
        return SetupError(f"{self._where}: {text}")


def _row(path: Path, position: int, row: Mapping[str, Any]) -> Row:
    wrong = _Complaints(path, position, row)
    for key in row:
        if key not in _KEYS:
            text = f"unknown key {key!r}; known are {', '.join(_KEYS)}"
            raise wrong.complain(text)
    models = row.get("model")
    models = [models] if isinstance(models, str) else models
    if not isinstance(models, list) or not models or not all(isinstance(each, str) and each for each in models):
        text = f"model = {row.get('model')!r}; give a name, a pattern with *, or a list of these"
        raise wrong.complain(text)
    return Row(
        position,
        canonical_provider(_text(row, "provider", wrong)),
        tuple(each.lower() for each in models),
        _text(row, "service_tier", wrong),
        _span(row, wrong),
        _text(row, "same_as", wrong),
        _rates(row, wrong),
    )


def _text(row: Mapping[str, Any], key: str, wrong: _Complaints) -> str | None:
    value = row.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        text = f"{key} = {value!r}; give a text, or leave it out"
        raise wrong.complain(text)
    return value


def _span(row: Mapping[str, Any], wrong: _Complaints) -> Span:
    span = Span(_instant(row, "from", wrong, ALWAYS.start), _instant(row, "until", wrong, ALWAYS.end))
    if span.start >= span.end:
        text = f"from = {row['from']} is not before until = {row['until']}"
        raise wrong.complain(text)
    return span


def _instant(row: Mapping[str, Any], key: str, wrong: _Complaints, default: int) -> int:
    """Return a date (from its first instant, UTC) or a date with time as epoch ns."""
    value = row.get(key)
    if value is None:
        return default
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    elif isinstance(value, date):
        moment = datetime.combine(value, time(), UTC)
    else:
        text = f"{key} = {value!r}; give a date without quotes, such as 2026-01-31"
        raise wrong.complain(text)
    return int(moment.timestamp()) * 1_000_000_000


def _rates(row: Mapping[str, Any], wrong: _Complaints) -> Rates | None:
    per = row.get("per", _MILLION)
    if type(per) is not int or per not in {1, 1000, _MILLION}:
        text = f"per = {per!r}; prices of tokens are per 1, 1000 or 1000000"
        raise wrong.complain(text)
    found = {key: _amount(row[key], key, wrong) for key in _RATES if key in row}
    units = _units(row, wrong)
    if bool(found or units) == ("same_as" in row):
        text = f"give same_as, or prices (at least one of {', '.join(_RATES)}, units), and not both"
        raise wrong.complain(text)
    if "same_as" in row:
        return None
    factor = Decimal(_MILLION // per)
    tiers = list(_tiers(row, wrong))
    tokens = {
        key: Price(
            EXACT.multiply(found[key], factor),
            tuple((above, EXACT.multiply(prices[key], factor)) for above, prices in tiers if key in prices),
        )
        for key in TOKEN_RATES
        if key in found
    }
    for _, prices in tiers:
        for key in prices:
            if key not in tokens:
                text = f"has {key!r} in a tier but no price below it"
                raise wrong.complain(text)
    return Rates(
        tokens,
        request=found.get("request"),
        web_search=found.get("web_search"),
        second=found.get("second"),
        audio_hour=found.get("audio_hour"),
        units=units,
    )


def _units(row: Mapping[str, Any], wrong: _Complaints) -> dict[str, Decimal]:
    units = row.get("units", {})
    if not isinstance(units, dict):
        text = f"units = {units!r}; give a table such as {{ search_units = 0.002 }}"
        raise wrong.complain(text)
    return {name: _amount(price, f"units: {name}", wrong) for name, price in units.items()}


def _amount(value: Any, key: str, wrong: _Complaints) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
        text = f"{key} = {value!r}; give US dollars as a number"
        raise wrong.complain(text)
    if value < 0:
        text = f"{key} = {value}; a price cannot be negative"
        raise wrong.complain(text)
    return Decimal(value)


def _tiers(row: Mapping[str, Any], wrong: _Complaints) -> Iterator[tuple[int, dict[str, Decimal]]]:
    """Yield (above so many input tokens, prices) in rising order."""
    tiers = row.get("tiers", [])
    if not isinstance(tiers, list) or not all(isinstance(tier, dict) for tier in tiers):
        text = f"tiers = {tiers!r}; give a list such as [{{ above = 200000, input = 2.5 }}]"
        raise wrong.complain(text)
    last = 0
    for tier in tiers:
        above = tier.get("above")
        if isinstance(above, bool) or not isinstance(above, int) or above <= last:
            text = f"tiers: above = {above!r}; give a rising number of input tokens"
            raise wrong.complain(text)
        last = above
        unknown = [key for key in tier if key != "above" and key not in TOKEN_RATES]
        if unknown:
            text = f"tiers: unknown key {unknown[0]!r}; known are above, {', '.join(TOKEN_RATES)}"
            raise wrong.complain(text)
        yield above, {key: _amount(value, f"tiers: {key}", wrong) for key, value in tier.items() if key != "above"}


def _refuse_twins(path: Path, rows: tuple[Row, ...]) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    for row in rows:
        for model in row.models:
            key = (row.provider, model, row.tier, row.span.start)
            if key in seen:
                msg = (
                    f"price file {str(path)!r}: rows {seen[key]} and {row.position} both price {model!r} from the same"
                    " date; leave one out or give it another 'from'"
                )
                raise SetupError(msg)
            seen[key] = row.position
