"""Calls of many series as columns of numbers: what most data hold, in the fewest bytes.

A column has 8 bytes for each data. A value that is mostly equal to another (the latest call to the first, the slowest
to the fastest) is kept as the bits in which it differs from it. All first bytes of all values lie together, then all
second bytes, and so on. So what says nothing is a run of zeros, which compression turns into nearly nothing.
Columns hold outcome `ok`, durations, first, last and exemplar of the data of a series; the rest is kept beside them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, repeat
from operator import mul
from typing import Any, Final

from msgspec import Struct

from pepperpy_obs.aggregate.bins import NARROW, SCALE, Bins, width_of
from pepperpy_obs.aggregate.histogram import Durations
from pepperpy_obs.aggregate.series_data import INTERVAL, NO_LLM, Exemplar, SeriesData

__all__ = ["Columns", "Row", "columns_of", "data_of", "data_of_one", "rows_of"]

_FIELDS: Final = ("number", "ok", "count", "values", "zero", "total", "offset", "size", "first", "last", "at", "low",
                  "high", "slowest")  # fmt: skip
_LIKE: Final = {"count": "ok", "values": "count", "last": "first", "at": "last", "high": "low", "slowest": "high"}
"""Which column another one is kept relative to; always one before it."""
_FLOATS: Final = frozenset({"low", "high", "slowest"})
_NEVER: Final = -(1 << 63)
"""Stands in the column `at` where there is no exemplar."""
_TRACE: Final = 32
_IDS: Final = 48
"""Hexadecimal digits of a trace id and a span id together."""
_NO_ITEMS: Final = Durations()


class Columns(Struct, array_like=True, frozen=True, gc=False):
    """The columns of the data of `size` series."""

    size: int
    numbers: bytes
    bins: bytes
    """The counts of all rows of bins, one after the other."""
    ids: bytes | list[str]
    """Trace and span id of each exemplar, 24 bytes each, or as text if one of them has another form; none if no data
    has an exemplar."""


_Shown = tuple[int, float, int, Any]
"""An exemplar: interval, seconds, time and both ids, ordered as exemplars are."""

Row = tuple[int, int, int, int, float, float, int, Bins, int, int, _Shown | None]
"""One data of the columns: the number of its series, calls that went well; count, sum in ns, least, greatest, zeros and
bins of its durations; first, last, and exemplar."""


def columns_of(numbers: Sequence[int], all_data: Sequence[SeriesData]) -> Columns:
    """Return the columns of these data.

    Raises ValueError, TypeError or `struct.error` of data that do not fit in, such as one of 2**63 calls.
    """
    durations = [data.duration for data in all_data]
    rows = [one.positive for one in durations]
    if any(row.scale != SCALE or one.negative.packed for row, one in zip(rows, durations, strict=True)):
        msg = "the bins are not those of durations"
        raise ValueError(msg)
    slowest = [data.exemplar for data in all_data]
    if any(one is not None and (one.interval != one.at // INTERVAL or one.at == _NEVER) for one in slowest):
        msg = "an exemplar is of another interval than its time"
        raise ValueError(msg)
    sizes = [len(row) for row in rows]
    columns: dict[str, Sequence[Any]] = {
        "number": numbers,
        "ok": [data.outcomes.get("ok", 0) for data in all_data],
        "count": [one.count for one in durations],
        "values": [row.total for row in rows],
        "zero": [one.zero for one in durations],
        "total": [one.total for one in durations],
        "offset": [row.offset for row in rows],
        "size": sizes,
        "first": [data.first for data in all_data],
        "last": [data.last for data in all_data],
        "at": [_NEVER if one is None else one.at for one in slowest],
        "low": [one.low for one in durations],
        "high": [one.high for one in durations],
        "slowest": [0.0 if one is None else one.value for one in slowest],
    }
    lanes = b"".join([_lanes(row.packed, size, width_of(row.total)) for row, size in zip(rows, sizes, strict=True)])
    return Columns(len(all_data), _packed(columns, len(all_data)), lanes, _ids_of(slowest))


def rows_of(columns: Columns) -> Iterator[Row]:
    """Return the data of the columns."""
    table = _unpacked(columns.numbers, columns.size)
    values, bins, at = table["values"], columns.bins, table["at"]
    widths = [1 if total <= NARROW else width_of(total) for total in values]
    ends = [0, *accumulate(map(mul, table["size"], widths))]
    # This is paid for each data that is read: a call for the narrow rows, which most are, would be a tenth of it all.
    lanes = [
        int.from_bytes(bins[begin:end], "little") if width == 1 else _joined(bins[begin:end], width)
        for begin, end, width in zip(ends, ends[1:], widths, strict=False)
    ]
    exemplars: Sequence[Any] = [None] * columns.size
    if columns.ids:
        exemplars = list(
            zip([time // INTERVAL for time in at], table["slowest"], at, _parted(columns.ids), strict=True)
        )
        if _NEVER in at:
            exemplars = [one if one[2] != _NEVER else None for one in exemplars]
    rows = map(Bins, repeat(SCALE), table["offset"], values, lanes)
    return zip(
        table["number"], table["ok"], table["count"], table["total"], table["low"], table["high"], table["zero"],
        rows, table["first"], table["last"], exemplars, strict=True,
    )  # fmt: skip


def data_of(rows: Sequence[Row]) -> SeriesData:
    """Return the sum of data of one series."""
    if len(rows) == 1:
        return data_of_one(rows[0])
    _, ok, count, total, low, high, zero, bins, first, last, exemplars = zip(*rows, strict=True)
    done = sum(ok)
    duration = Durations(sum(count), sum(total), min(low), max(high), sum(zero), Bins.merged(bins))
    shown = [one for one in exemplars if one is not None]
    return SeriesData(
        {"ok": done} if done else {},
        {},
        duration,
        _NO_ITEMS,
        NO_LLM,
        min(first),
        max(last),
        _latest(shown) if shown else None,
    )


def data_of_one(row: Row) -> SeriesData:
    """Return the data of one row."""
    _, ok, count, total, low, high, zero, bins, first, last, shown = row
    return SeriesData(
        {"ok": ok} if ok else {},
        {},
        Durations(count, total, low, high, zero, bins),
        _NO_ITEMS,
        NO_LLM,
        first,
        last,
        _exemplar(shown) if shown else None,
    )


def _latest(shown: Sequence[_Shown]) -> Exemplar:
    try:
        return _exemplar(max(shown))
    except TypeError:  # ids of both forms, of calls that ended in the same nanosecond and took as long
        return max(map(_exemplar, shown))


def _lanes(packed: int, size: int, width: int) -> bytes:
    """Return the counts of a row as bytes: the first byte of each, then the second of each."""
    lanes = packed.to_bytes(size * width, "little")
    return lanes if width == 1 else b"".join([lanes[byte::width] for byte in range(width)])


def _joined(lanes: bytes, width: int) -> int:
    size, counts = len(lanes) // width, bytearray(len(lanes))
    for byte in range(width):
        counts[byte::width] = lanes[byte * size : (byte + 1) * size]
    return int.from_bytes(counts, "little")


def _exemplar(found: _Shown) -> Exemplar:
    interval, value, at, ids = found
    if isinstance(ids, bytes):
        text = ids.hex()
        return Exemplar(interval, value, at, text[:_TRACE], text[_TRACE:])
    return Exemplar(interval, value, at, *ids)


def _ids_of(exemplars: Sequence[Exemplar | None]) -> bytes | list[str]:
    if not any(exemplars):
        return b""
    ids = [("0" * _TRACE, "0" * (_IDS - _TRACE)) if one is None else (one.trace_id, one.span_id) for one in exemplars]
    text = "".join([trace + span for trace, span in ids])
    if all(len(trace) == _TRACE and len(span) == _IDS - _TRACE for trace, span in ids):
        try:
            packed = bytes.fromhex(text)
        except ValueError:
            pass
        else:
            if packed.hex() == text:
                return packed
    return [part for pair in ids for part in pair]


def _parted(ids: bytes | list[str]) -> list[Any]:
    if isinstance(ids, bytes):
        return [ids[begin : begin + _IDS // 2] for begin in range(0, len(ids), _IDS // 2)]
    return list(zip(ids[::2], ids[1::2], strict=True))


def _packed(columns: dict[str, Sequence[Any]], size: int) -> bytes:
    whole, fractions = f"<{size}q", f"<{size}d"
    raw = {name: struct.pack(fractions if name in _FLOATS else whole, *columns[name]) for name in _FIELDS}
    one = b"".join([raw[name] if name not in _LIKE else _differing(raw[name], raw[_LIKE[name]]) for name in _FIELDS])
    return b"".join([one[byte::8] for byte in range(8)])


def _unpacked(packed: bytes, size: int) -> dict[str, tuple[Any, ...]]:
    one, length = bytearray(len(packed)), len(_FIELDS) * size
    for byte in range(8):
        one[byte::8] = packed[byte * length : (byte + 1) * length]
    raw: dict[str, bytes] = {}
    for place, name in enumerate(_FIELDS):
        part = bytes(one[place * 8 * size : (place + 1) * 8 * size])
        raw[name] = part if name not in _LIKE else _differing(part, raw[_LIKE[name]])
    unpack: Callable[[str, bytes], tuple[Any, ...]] = struct.unpack
    return {name: unpack(f"<{size}{'d' if name in _FLOATS else 'q'}", part) for name, part in raw.items()}


def _differing(one: bytes, two: bytes) -> bytes:
    return (int.from_bytes(one, "little") ^ int.from_bytes(two, "little")).to_bytes(len(one), "little")
