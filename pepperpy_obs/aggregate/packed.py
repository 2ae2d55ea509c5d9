"""Ledgers in few bytes, and the sums of many of them.

A packed table is two bytes, which say what the rest is, and a `_Body` in MessagePack, compressed. The calls of all
series are columns (`columns`); what few data have (errors, requests, first items) follows in `_Rest`. Series are
named by the numbers that a `Keys` gives them, so that many tables name each series once. Numbers that
have no place in 64 bits, and what else no fold of events makes, are kept as JSON instead: larger, but as exact.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from typing import Any, Final, Generic, NamedTuple, Self, TypeVar

import msgspec
from msgspec.structs import astuple

from pepperpy_obs.aggregate.bins import EMPTY, Bins, width_of
from pepperpy_obs.aggregate.columns import Columns, Row, columns_of, data_of, data_of_one, rows_of
from pepperpy_obs.aggregate.histogram import Durations, Histogram
from pepperpy_obs.aggregate.metric import Latest, MetricData
from pepperpy_obs.aggregate.plain import plain_of, table_of
from pepperpy_obs.aggregate.series import Attribute, MetricKey, SeriesKey
from pepperpy_obs.aggregate.series_data import NO_LLM, CacheData, LlmStats, SeriesData, add_counts, add_errors
from pepperpy_obs.aggregate.series_table import Entries, SeriesTable

__all__ = [
    "UNREADABLE",
    "Hist",
    "Keys",
    "Names",
    "Numbers",
    "Reqs",
    "add_up",
    "add_up_all",
    "hist_of",
    "histogram_of",
    "pack",
    "unpack",
]

UNREADABLE: Final = (zlib.error, msgspec.MsgspecError, struct.error)
"""What unpacking raises, beside Python's own errors, of bytes that nothing here has packed."""

_COLUMNS: Final = b"\x01"
_JSON: Final = b"\x02"
_RAW: Final = b"\x01"
_DEFLATED: Final = b"\x02"
_SMALL: Final = 300
"""Bytes below which compressing is not worth its tables of a quarter of a megabyte."""

_Key = TypeVar("_Key", bound=Hashable)

_Row = tuple[int, int, bytes]
Hist = tuple[int, bytes, float, float, int, int, _Row, _Row]
_Amounts = dict[str, Decimal]
Reqs = tuple[dict[str, int], dict[str, int], Decimal, _Amounts, _Amounts, _Amounts, int, int, dict[str, int]]


class Names(Generic[_Key]):
    """Numbers of keys, from 0 on, for good; may be read while another thread adds to it."""

    __slots__ = ("_numbers", "keys")

    def __init__(self, keys: Sequence[_Key] = ()) -> None:
        self.keys = list(keys)
        self._numbers = {key: number for number, key in enumerate(self.keys)}

    @classmethod
    def numbered(cls, numbers: Mapping[_Key, int]) -> Self:
        """Return names that have these numbers, from elsewhere: to pack with, and for no other keys than these."""
        made = cls()
        made._numbers = dict(numbers)
        return made

    def numbers(self, keys: Sequence[_Key]) -> list[int]:
        """Return the numbers of these keys, new ones for those that have none."""
        known = self._numbers
        for key in keys:
            if key not in known:
                known[key] = len(self.keys)
                self.keys.append(key)
        return [known[key] for key in keys]


class Numbers(NamedTuple):
    """The numbers of some keys among other keys, found by their own numbers."""

    series: Sequence[int] | Mapping[int, int]
    attributes: Sequence[int] | Mapping[int, int]
    metrics: Sequence[int] | Mapping[int, int]


class Keys:
    """What the numbers in packed tables stand for."""

    __slots__ = ("attributes", "metrics", "series", "sums")

    def __init__(
        self, series: Sequence[SeriesKey] = (), attributes: Sequence[Attribute] = (), metrics: Sequence[MetricKey] = ()
    ) -> None:
        self.series = Names(series)
        self.attributes = Names(attributes)
        self.metrics = Names(metrics)
        self.sums: tuple[tuple[Sequence[bytes], SeriesTable], ...] = ()
        """The latest sums of many pieces: a page that is live asks for the same window every few seconds."""

    def as_they_are(self) -> Numbers:
        """Return the numbers of these keys among themselves: for tables that were packed with them."""
        return Numbers(*[range(len(names.keys)) for names in (self.series, self.attributes, self.metrics)])


class _Rest(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What the data of one series have beside their row."""

    number: int
    outcomes: dict[str, int]
    errors: dict[str, int]
    first_item: Hist | None
    requests: Reqs | None


class _Value(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One series of a user's metric."""

    number: int
    unit: str
    description: str
    total: bytes
    latest: tuple[int, float] | None
    histogram: Hist | None


class _Body(msgspec.Struct, array_like=True, frozen=True, gc=False):
    span: tuple[int | None, int | None]
    calls: Columns | None
    rest: list[_Rest]
    attributes: list[tuple[int, Reqs]]
    metrics: list[_Value]
    days: dict[str, Reqs]
    caches: dict[str, tuple[int, int]]
    events: dict[str, int]
    refused: dict[str, int]
    overflow: dict[str, int]


class _Whole(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A table by itself: what its numbers stand for, and the table."""

    series: list[tuple[str, ...]]
    attributes: list[tuple[str, str]]
    metrics: list[tuple[str, str, list[tuple[str, str]]]]
    body: _Body


_encode: Final = msgspec.msgpack.Encoder().encode
_decode_body: Final = msgspec.msgpack.Decoder(_Body).decode
_decode_whole: Final = msgspec.msgpack.Decoder(_Whole).decode


def pack(entries: Entries, keys: Keys | None = None) -> bytes:
    """Return the entries packed; without `keys`, which get numbers for what has none, with all that `unpack` needs."""
    try:
        own = Keys() if keys is None else keys
        body = _body(entries, own)
        if keys is None:
            metrics = [(key.name, key.kind, list(key.labels)) for key in own.metrics.keys]
            whole = _Whole([tuple(key) for key in own.series.keys], own.attributes.keys, metrics, body)
            form, text = _COLUMNS, _encode(whole)
        else:
            form, text = _COLUMNS, _encode(body)
    except (ValueError, TypeError, ArithmeticError, struct.error):
        form, text = _JSON, json.dumps(plain_of(entries), separators=(",", ":")).encode()
    if len(text) < _SMALL:
        return form + _RAW + text
    # Runs are all that it looks for: most bytes are zeros, and hardly anything else comes twice.
    press = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return form + _DEFLATED + press.compress(text) + press.flush()


def unpack(packed: bytes) -> SeriesTable:
    """Return the table that was packed without `keys`."""
    form, text = _opened(packed)
    if form == _JSON:
        return table_of(json.loads(text))
    whole = _decode_whole(text)
    metrics = [MetricKey(name, kind, tuple(labels)) for name, kind, labels in whole.metrics]
    keys = Keys([SeriesKey(*key) for key in whole.series], whole.attributes, metrics)
    return _sum([(whole.body, keys.as_they_are())], keys)


def add_up(packed: Sequence[bytes], keys: Keys) -> SeriesTable:
    """Return the sum of tables that were packed with these `keys`; needs no lock."""
    numbers = keys.as_they_are()
    return add_up_all([(one, numbers) for one in packed], keys)


def add_up_all(packed: Iterable[tuple[bytes, Numbers]], keys: Keys) -> SeriesTable:
    """Return the sum of tables that were packed with keys of their own, whose numbers among `keys` are given."""
    bodies: list[tuple[_Body, Numbers]] = []
    others: list[SeriesTable] = []
    for one, numbers in packed:
        form, text = _opened(one)
        if form == _JSON:
            others.append(table_of(json.loads(text)))
        else:
            bodies.append((_decode_body(text), numbers))
    total = _sum(bodies, keys)
    total.absorb(*others)
    return total


def _opened(packed: bytes) -> tuple[bytes, bytes]:
    form, how, text = packed[:1], packed[1:2], packed[2:]
    if form not in (_COLUMNS, _JSON) or how not in (_RAW, _DEFLATED):
        msg = f"{packed[:2]!r} is not how a packed table begins"
        raise ValueError(msg)
    if how == _DEFLATED:
        opener = zlib.decompressobj()
        text = opener.decompress(text)
        if not opener.eof or opener.unused_data:
            msg = "bytes are missing at the end, or are too many"
            raise ValueError(msg)
    return form, text


def _body(entries: Entries, keys: Keys) -> _Body:
    series, attributes, metrics = entries.series, entries.attributes, entries.metrics
    all_data, numbers = list(series.values()), keys.series.numbers(list(series))
    return _Body(
        (entries.start, entries.end),
        columns_of(numbers, all_data) if all_data else None,
        [_rest(number, data) for number, data in zip(numbers, all_data, strict=True) if not _is_plain(data)],
        list(zip(keys.attributes.numbers(list(attributes)), map(astuple, attributes.values()), strict=True)),
        [_value(*one) for one in zip(keys.metrics.numbers(list(metrics)), metrics.values(), strict=True)],
        {day: astuple(requests) for day, requests in entries.days.items()},
        dict(entries.caches),
        dict(entries.events),
        dict(entries.refused),
        dict(entries.overflow),
    )


def _is_plain(data: SeriesData) -> bool:
    """Tell whether the columns hold all of the data."""
    return (
        data.requests is NO_LLM
        and not data.errors
        and not data.first_item.count
        and not (len(data.outcomes) > 1 or (data.outcomes and not data.outcomes.get("ok")))
    )


def _rest(number: int, data: SeriesData) -> _Rest:
    outcomes = dict(data.outcomes)
    if outcomes.get("ok"):
        del outcomes["ok"]
    return _Rest(
        number,
        outcomes,
        dict(data.errors),
        hist_of(data.first_item) if data.first_item.count else None,
        None if data.requests is NO_LLM else astuple(data.requests),
    )


def _value(number: int, data: MetricData) -> _Value:
    histogram = hist_of(data.histogram) if data.histogram.count else None
    return _Value(number, data.unit, data.description, _of_int(data.total), data.latest, histogram)


def hist_of(one: Histogram) -> Hist:
    """Return a histogram as plain values, for MessagePack."""
    rows = _row(one.positive), _row(one.negative)
    return one.count, _of_int(one.total), one.low, one.high, one.zero, one.scale, *rows


def _row(bins: Bins) -> _Row:
    return bins.offset, bins.total, bins.packed.to_bytes(len(bins) * width_of(bins.total), "little")


def _of_int(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)


def histogram_of(kind: type[Histogram], found: Hist) -> Any:
    """Return the histogram of these plain values."""
    count, total, low, high, zero, scale, *rows = found
    # A row without values has the finest scale, whatever the other has: so equal histograms are equal.
    bins = [
        Bins(scale, offset, values, int.from_bytes(lanes, "little")) if values else EMPTY
        for offset, values, lanes in rows
    ]
    return kind(count, int.from_bytes(total, "little", signed=True), low, high, zero, *bins)


def _sum(bodies: Sequence[tuple[_Body, Numbers]], keys: Keys) -> SeriesTable:
    total = SeriesTable()
    for body, to in bodies:
        one = SeriesTable()
        one.span(*body.span)
        one.attributes = {
            keys.attributes.keys[to.attributes[number]]: LlmStats(*found) for number, found in body.attributes
        }
        one.metrics = {keys.metrics.keys[to.metrics[found.number]]: _metric(found) for found in body.metrics}
        one.days = {day: LlmStats(*found) for day, found in body.days.items()}
        one.caches = {name: CacheData(*found) for name, found in body.caches.items()}
        one.events.update(body.events)
        one.refused.update(body.refused)
        one.overflow.update(body.overflow)
        total.absorb(one)
    names = keys.series.keys
    all_data = _calls(bodies)
    total.series = {names[number]: data for number, data in all_data.items()}
    return total


def _calls(bodies: Sequence[tuple[_Body, Numbers]]) -> Mapping[int, SeriesData]:
    rows = [(to, rows_of(body.calls)) for body, (to, _, _) in bodies if body.calls]
    if len(rows) == 1:
        to, only = rows[0]
        all_data = {to[row[0]]: data_of_one(row) for row in only}
    else:
        groups: defaultdict[int, list[Row]] = defaultdict(list)
        for to, some in rows:
            for row in some:
                groups[to[row[0]]].append(row)
        all_data = {number: data_of(found) for number, found in groups.items()}
    rests: defaultdict[int, list[_Rest]] = defaultdict(list)
    for body, (to, _, _) in bodies:
        for rest in body.rest:
            rests[to[rest.number]].append(rest)
    for number, found in rests.items():
        all_data[number] = _with_rests(all_data[number], found)
    return all_data


def _with_rests(data: SeriesData, rests: Sequence[_Rest]) -> SeriesData:
    """Return the data of columns with all that is kept beside them."""
    if len(rests) == 1:
        return _with_rest(data, rests[0])
    first_items = [histogram_of(Durations, rest.first_item) for rest in rests if rest.first_item is not None]
    return SeriesData(
        reduce(add_counts, [rest.outcomes for rest in rests if rest.outcomes], data.outcomes),
        reduce(add_errors, [rest.errors for rest in rests if rest.errors], data.errors),
        data.duration,
        Durations.merged(first_items) if first_items else data.first_item,
        LlmStats.merged([LlmStats(*rest.requests) for rest in rests if rest.requests is not None]),
        data.first,
        data.last,
        data.exemplar,
    )


def _with_rest(data: SeriesData, rest: _Rest) -> SeriesData:
    return SeriesData(
        add_counts(data.outcomes, rest.outcomes),
        add_errors(data.errors, rest.errors),
        data.duration,
        data.first_item if rest.first_item is None else histogram_of(Durations, rest.first_item),
        NO_LLM if rest.requests is None else LlmStats(*rest.requests),
        data.first,
        data.last,
        data.exemplar,
    )


def _metric(found: _Value) -> MetricData:
    return MetricData(
        found.unit,
        found.description,
        int.from_bytes(found.total, "little", signed=True),
        Latest(*found.latest) if found.latest else None,
        Histogram() if found.histogram is None else histogram_of(Histogram, found.histogram),
    )
