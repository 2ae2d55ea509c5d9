"""Reads price tables in TOML: the user's own, and the overrides that we ship. Checked to the last key, once.

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
from datetime import UTC, date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pepperpy_obs.errors import SetupError
from pepperpy_obs.pricing.cost import EXACT, ZERO
from pepperpy_obs.pricing.names import canonical_provider
from pepperpy_obs.pricing.rates import FALLBACKS, TOKEN_RATES, Price, Rates
from pepperpy_obs.pricing.source import ALWAYS, Validity
from pepperpy_obs.pricing.table import PriceTable, Row
from pepperpy_obs.pricing.window import DAYS, Window

__all__ = ["read_table", "table_of"]

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
    "of_standard",
    "per",
    "tiers",
    "units",
    "source",
    *_RATES,
)
_MILLION: Final = 1_000_000
_MOST_BYTES: Final = 1_000_000
_MOST_DOTS: Final = 256
"""In a line: tomllib takes a minute for a key of 50,000 parts."""
_LONGEST_MESSAGE: Final = 1000
_MOST_DIGITS: Final = 28
"""Of a price: as many as the arithmetic of bills has by default."""
_LARGEST: Final = 12
_SMALLEST: Final = -28
"""Powers of ten between which a price lies: one outside is a slip, and its digits would fill the memory."""
_HOURS: Final = re.compile(r"([0-2]\d):([0-5]\d)-([0-2]\d):([0-5]\d)")


def read_table(path: Path) -> PriceTable:
    """Read and check a table in a file; what is priced by it is stamped with the file's name and a hash of its content.

    Raises `SetupError`, naming file, row and key.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        msg = f"price file {str(path)!r} cannot be read ({error.strerror}); give a TOML file with [[price]] rows"
        raise SetupError(msg) from error
    return table_of(content, str(path), path.name)


def table_of(content: bytes, where: str, name: str) -> PriceTable:
    """Return the table that `content` spells, checked; `where` is for complaints, `name` for the stamp."""
    if len(content) > _MOST_BYTES:
        msg = f"price file {where!r} is longer than {_MOST_BYTES} bytes; give a TOML file with [[price]] rows"
        raise SetupError(msg)
    too_deep = f"price file {where!r} is nested too deeply; a row holds values, lists of values, and small tables"
    if any(line.count(b".") > _MOST_DOTS for line in content.splitlines()):
        raise SetupError(too_deep)
    try:
        rows = _rows(content, where)
        checked = tuple(_row(where, position, row) for position, row in enumerate(rows, 1))
    except RecursionError:
        raise SetupError(too_deep) from None
    _refuse_duplicates(where, checked)
    return PriceTable(checked, f"{name} {hashlib.sha256(content).hexdigest()[:8]}")


def _rows(content: bytes, where: str) -> list[dict[str, Any]]:
    try:
        said = tomllib.loads(content.decode(), parse_float=Decimal)
    except ValueError as error:  # no text, no TOML, or an integer of thousands of digits
        msg = f"price file {where!r} is not TOML: {error}"
        raise SetupError(msg) from error
    rows = said.pop("price", None)
    if said or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        stray = ", ".join(repr(key) for key in list(said)[:5]) or "no rows"
        msg = f"price file {where!r} has {stray}; it must hold [[price]] rows and nothing else"
        raise SetupError(msg)
    return rows


class _Complaints:
    """Says what is wrong with a row, and where."""

    def __init__(self, where: str, position: int, row: Mapping[str, Any]) -> None:
        self._where = f"price file {where!r}, row {position} (model {_short(repr(row.get('model')))})"

    def complain(self, text: str) -> SetupError:
        return SetupError(f"{self._where}: {_short(text)}")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}..."


def _row(where: str, position: int, row: Mapping[str, Any]) -> Row:
    wrong = _Complaints(where, position, row)
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
        _validity(row, wrong),
        _window(row, wrong),
        _text(row, "same_as", wrong),
        _factor(row, "times", wrong),
        _rates(row, wrong),
        _of_standard(row, wrong),
    )


def _text(row: Mapping[str, Any], key: str, wrong: _Complaints) -> str | None:
    value = row.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        text = f"{key} = {value!r}; give a text, or leave it out"
        raise wrong.complain(text)
    return value


def _validity(row: Mapping[str, Any], wrong: _Complaints) -> Validity:
    span = Validity(_instant(row, "from", wrong, ALWAYS.start), _instant(row, "until", wrong, ALWAYS.end))
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


def _factor(row: Mapping[str, Any], key: str, wrong: _Complaints) -> Decimal | None:
    return _amount(row[key], key, wrong) if key in row else None


def _of_standard(row: Mapping[str, Any], wrong: _Complaints) -> Decimal | None:
    factor = _factor(row, "of_standard", wrong)
    if factor is not None and "service_tier" not in row:
        text = f"of_standard = {factor} without a service_tier; give the tier that costs so much of the standard price"
        raise wrong.complain(text)
    return factor


def _rates(row: Mapping[str, Any], wrong: _Complaints) -> Rates | None:
    per = row.get("per", _MILLION)
    if type(per) is not int or per not in {1, 1000, _MILLION}:
        text = f"per = {per!r}; prices of tokens are per 1, 1000 or 1000000"
        raise wrong.complain(text)
    found = {key: _amount(row[key], key, wrong) for key in _RATES if key in row}
    units = _units(row, wrong)
    instead = [key for key in ("same_as", "times", "of_standard") if key in row]
    if bool(found or units) == bool(instead) or ("of_standard" in instead and len(instead) > 1):
        text = (
            f"give same_as, or times, or both, or prices (at least one of {', '.join(_RATES)}, units), or of_standard"
        )
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
    amount = Decimal(value)
    if amount and not (len(amount.as_tuple().digits) <= _MOST_DIGITS and _SMALLEST <= amount.adjusted() <= _LARGEST):
        text = f"{key} = {_short(str(value))[:40]}; give a price of at most {_MOST_DIGITS} digits, below 1e{_LARGEST}"
        raise wrong.complain(text)
    return amount or ZERO


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


def _refuse_duplicates(where: str, rows: tuple[Row, ...]) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    for row in rows:
        for model in row.models:
            key = (row.provider, model, row.tier, row.geo, row.window, row.span.start)
            if key in seen:
                msg = (
                    f"price file {where!r}: rows {seen[key]} and {row.position} both price {model!r} from the same"
                    " date; leave one out or give it another 'from'"
                )
                raise SetupError(msg)
            seen[key] = row.position
