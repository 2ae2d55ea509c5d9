"""Price tables in TOML: the user's own, and the overrides that we ship. Read once, checked to the last key.

[[price]]
provider = "vllm"
model = "llama-3.1-70b*"
input = 0.40
output = 0.80
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from pepperpy_obs.errors import SetupError
from pepperpy_obs.pricing.cost import EXACT
from pepperpy_obs.pricing.names import canonical_provider
from pepperpy_obs.pricing.rates import FALLBACKS, TOKEN_RATES, Price, Rates
from pepperpy_obs.pricing.source import ALWAYS, Quote, Span, Wanted
from pepperpy_obs.pricing.window import DAYS, Window

__all__ = ["PriceTable", "read_table"]

_RATES: Final = (*TOKEN_RATES, "request", "web_search", "second", "audio_hour")
_KEYS: Final = (
    "provider",
    "model",
    "same_as",
    "from",
    "until",
    "service_tier",
    "inference_geo",
    "days",
    "hours",
    "times",
    "per",
    "tiers",
    "units",
    "source",
    *_RATES,
)
_MILLION: Final = 1_000_000
_HOURS: Final = re.compile(r"([0-2]\d):([0-5]\d)-([0-2]\d):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Row:
    """One priced model, or several by a pattern."""

    position: int
    provider: str | None
    models: tuple[str, ...]
    tier: str | None
    geo: str | None
    span: Span
    window: Window | None
    same_as: str | None
    times: Decimal | None
    rates: Rates | None

    def fits(self, wanted: Wanted) -> bool:
        """Tell whether the row is for this model, at whatever time."""
        if self.provider is not None and self.provider != wanted.provider:
            return False
        if self.tier not in (None, wanted.tier) or self.geo not in (None, wanted.geo):
            return False
        return any(fnmatchcase(wanted.model, pattern) for pattern in self.models)

    def holds(self, at: int) -> bool:
        """Tell whether the row is for this time."""
        return self.span.start <= at < self.span.end and (self.window is None or self.window.holds(at))

    def weight(self, model: str) -> tuple[Any, ...]:
        """Return how telling the row is: a name before a pattern, conditions before none, later before earlier."""
        named = (each is not None for each in (self.provider, self.tier, self.geo, self.window))
        return model in self.models, *named, self.span.start, self.position


class PriceTable:
    """The rows of one file."""

    edition: object = None

    def __init__(self, rows: tuple[Row, ...], version: str) -> None:
        self._rows = rows
        self._version = version

    def find(self, wanted: Wanted, at: int) -> Quote:
        """Return the rates of the most telling row that holds at the time."""
        wanted = wanted._replace(model=wanted.model.lower())
        fitting = [row for row in self._rows if row.fits(wanted)]
        limits = {limit for row in fitting for limit in row.span} | set(ALWAYS)
        span = Span(max(limit for limit in limits if limit <= at), min(limit for limit in limits if limit > at))
        for row in fitting:
            if row.window is not None:
                span = span.within(row.window.within(at))
        holding = [row for row in fitting if row.holds(at)]
        if not holding:
            return Quote(None, "custom", "", span)
        best = max(holding, key=lambda row: row.weight(wanted.model))
        return Quote(best.rates, "custom", self._version, span, best.same_as, best.times)


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
            meant = "".join(f"did you mean {close!r}? " for close in get_close_matches(key, _KEYS, 1))
            text = f"unknown key {key!r}; {meant}known are {', '.join(_KEYS)}"
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
        _text(row, "inference_geo", wrong),
        _span(row, wrong),
        _window(row, wrong),
        _text(row, "same_as", wrong),
        _times(row, wrong),
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


def _window(row: Mapping[str, Any], wrong: _Complaints) -> Window | None:
    """Return at which days and hours the row holds, or None if at all of them."""
    if "days" not in row and "hours" not in row:
        return None
    days = row.get("days", list(DAYS))
    if not isinstance(days, list) or not days or not all(day in DAYS for day in days):
        text = f"days = {days!r}; give a list of {', '.join(DAYS)}"
        raise wrong.complain(text)
    hours = row.get("hours", "00:00-24:00")
    found = _HOURS.fullmatch(hours) if isinstance(hours, str) else None
    minutes = [int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])] if found else [0, 0]
    if minutes[0] == minutes[1] or max(minutes) > 24 * 60:
        text = f"hours = {hours!r}; give a time of day in UTC, such as '16:30-00:30'"
        raise wrong.complain(text)
    return Window(frozenset(DAYS.index(day) for day in days), *minutes)


def _times(row: Mapping[str, Any], wrong: _Complaints) -> Decimal | None:
    return _amount(row["times"], "times", wrong) if "times" in row else None


def _rates(row: Mapping[str, Any], wrong: _Complaints) -> Rates | None:
    per = row.get("per", _MILLION)
    if type(per) is not int or per not in {1, 1000, _MILLION}:
        text = f"per = {per!r}; prices of tokens are per 1, 1000 or 1000000"
        raise wrong.complain(text)
    found = {key: _amount(row[key], key, wrong) for key in _RATES if key in row}
    units = _units(row, wrong)
    if bool(found or units) == ("same_as" in row or "times" in row):
        text = f"give same_as, or times, or both, or prices (at least one of {', '.join(_RATES)}, units)"
        raise wrong.complain(text)
    if not found and not units:
        return None
    _refuse_parts_alone(found, wrong)
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


def _refuse_parts_alone(found: Mapping[str, Decimal], wrong: _Complaints) -> None:
    """Refuse a price of a part without one of the whole: the rest would be free, silently."""
    for part in found:
        whole = FALLBACKS[part][-1] if part in FALLBACKS else part
        if whole not in found:
            text = f"has {part!r} but no {whole!r}, so that the rest would cost nothing; give {whole} = 0 if it does"
            raise wrong.complain(text)


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
            key = (row.provider, model, row.tier, row.geo, row.window, row.span.start)
            if key in seen:
                msg = (
                    f"price file {str(path)!r}: rows {seen[key]} and {row.position} both price {model!r} from the same"
                    " date; leave one out or give it another 'from'"
                )
                raise SetupError(msg)
            seen[key] = row.position
