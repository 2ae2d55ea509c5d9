"""The data of one series in bytes: what stands in a row of a database, beside the figures that SQL can add up."""

from __future__ import annotations

import json
import struct
from typing import Final

import msgspec
from msgspec.structs import astuple

from pepperpy_obs.aggregate.histogram import Durations
from pepperpy_obs.aggregate.packed import UNREADABLE, Hist, Reqs, hist_of, histogram_of
from pepperpy_obs.aggregate.series_data import NO_LLM, Exemplar, LlmStats, SeriesData
from pepperpy_obs.errors import SetupError

__all__ = ["data_to_row", "requests_to_row", "row_to_data", "row_to_requests"]

_NONE: Final = Durations()
_PACKED: Final = b"\x01"
_JSON: Final = b"\x02"
"""Of what MessagePack does not take: numbers beyond 64 bits, halves of characters."""


class _Row(msgspec.Struct, array_like=True, frozen=True, gc=False):
    outcomes: dict[str, int]
    errors: dict[str, int]
    duration: Hist | None
    first_item: Hist | None
    requests: Reqs | None
    first: int
    last: int
    exemplar: tuple[int, float, int, str, str] | None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode_row: Final = msgspec.msgpack.Decoder(_Row).decode
_decode_requests: Final = msgspec.msgpack.Decoder(Reqs).decode
_ODD: Final = (ValueError, TypeError, ArithmeticError, struct.error)


def data_to_row(data: SeriesData) -> bytes:
    """Return the data in bytes; the first of them names the format."""
    shown = data.exemplar
    try:
        return _PACKED + _encode(
            _Row(
                dict(data.outcomes),
                dict(data.errors),
                hist_of(data.duration) if data.duration.count else None,
                hist_of(data.first_item) if data.first_item.count else None,
                None if data.requests is NO_LLM else astuple(data.requests),
                data.first,
                data.last,
                None if shown is None else (shown.interval, shown.value, shown.at, shown.trace_id, shown.span_id),
            )
        )
    except _ODD:
        return _JSON + json.dumps(data.to_dict(), separators=(",", ":")).encode()


def row_to_data(packed: bytes) -> SeriesData:
    """Return the data that `data_to_row` was asked of; anything else is a `SetupError`."""
    try:
        if packed[:1] == _JSON:
            return SeriesData.from_dict(json.loads(packed[1:]))
        row = _decode_row(_checked(packed))
        return SeriesData(
            row.outcomes,
            row.errors,
            histogram_of(Durations, row.duration) if row.duration else _NONE,
            histogram_of(Durations, row.first_item) if row.first_item else _NONE,
            LlmStats(*row.requests) if row.requests else NO_LLM,
            row.first,
            row.last,
            Exemplar(*row.exemplar) if row.exemplar else None,
        )
    except (*_ODD, KeyError, AttributeError, *UNREADABLE) as error:
        raise _unreadable(packed, error) from error


def requests_to_row(requests: LlmStats) -> bytes:
    """Return requests in bytes; the first of them names the format."""
    try:
        return _PACKED + _encode(astuple(requests))
    except _ODD:
        return _JSON + json.dumps(requests.to_dict(), separators=(",", ":")).encode()


def row_to_requests(packed: bytes) -> LlmStats:
    """Return the requests that `requests_to_row` was asked of; anything else is a `SetupError`."""
    try:
        if packed[:1] == _JSON:
            return LlmStats.from_dict(json.loads(packed[1:]))
        return LlmStats(*_decode_requests(_checked(packed)))
    except (*_ODD, KeyError, AttributeError, *UNREADABLE) as error:
        raise _unreadable(packed, error) from error


def _checked(packed: bytes) -> memoryview:
    if packed[:1] != _PACKED:
        msg = f"format {packed[:1]!r}, and this version reads format {_PACKED!r}"
        raise ValueError(msg)
    return memoryview(packed)[1:]


def _unreadable(packed: bytes, error: Exception) -> SetupError:
    return SetupError(f"this is not what a store has kept of a series ({error!r}); it begins {packed[:20]!r}")
