"""OTLP metrics as protobuf: from the dicts that its JSON has to the bytes that every receiver reads.

Readers of the JSON form differ about numbers that it writes as text; some drop whole histograms without a word. The
table names of each message what OTLP 1.x's `metrics.proto` has of it and we write.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["rejected_points", "to_wire"]

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2

_TABLE: Final[Mapping[str, Mapping[str, tuple[int, str]]]] = {
    "Export": {"resourceMetrics": (1, "ResourceMetrics")},
    "ResourceMetrics": {"resource": (1, "Resource"), "scopeMetrics": (2, "ScopeMetrics")},
    "Resource": {"attributes": (1, "KeyValue")},
    "ScopeMetrics": {"scope": (1, "Scope"), "metrics": (2, "Metric")},
    "Scope": {"name": (1, "text")},
    "KeyValue": {"key": (1, "text"), "value": (2, "AnyValue")},
    "AnyValue": {"stringValue": (1, "text")},
    "Metric": {
        "name": (1, "text"),
        "description": (2, "text"),
        "unit": (3, "text"),
        "gauge": (5, "Points"),
        "sum": (7, "Sum"),
        "histogram": (9, "Histogram"),
        "exponentialHistogram": (10, "ExponentialHistogram"),
    },
    "Points": {"dataPoints": (1, "Number")},
    "Sum": {"dataPoints": (1, "Number"), "aggregationTemporality": (2, "int"), "isMonotonic": (3, "int")},
    "Histogram": {"dataPoints": (1, "HistogramPoint"), "aggregationTemporality": (2, "int")},
    "ExponentialHistogram": {"dataPoints": (1, "ExponentialPoint"), "aggregationTemporality": (2, "int")},
    "Number": {
        "startTimeUnixNano": (2, "fixed"),
        "timeUnixNano": (3, "fixed"),
        "asDouble": (4, "double"),
        "asInt": (6, "sfixed"),
        "attributes": (7, "KeyValue"),
    },
    "HistogramPoint": {
        "startTimeUnixNano": (2, "fixed"),
        "timeUnixNano": (3, "fixed"),
        "count": (4, "fixed"),
        "sum": (5, "double"),
        "attributes": (9, "KeyValue"),
    },
    "ExponentialPoint": {
        "attributes": (1, "KeyValue"),
        "startTimeUnixNano": (2, "fixed"),
        "timeUnixNano": (3, "fixed"),
        "count": (4, "fixed"),
        "sum": (5, "double"),
        "scale": (6, "zigzag"),
        "zeroCount": (7, "fixed"),
        "positive": (8, "Buckets"),
        "negative": (9, "Buckets"),
        "exemplars": (11, "Exemplar"),
        "min": (12, "double"),
        "max": (13, "double"),
    },
    "Buckets": {"offset": (1, "zigzag"), "bucketCounts": (2, "packed")},
    "Exemplar": {
        "timeUnixNano": (2, "fixed"),
        "asDouble": (3, "double"),
        "spanId": (4, "hex"),
        "traceId": (5, "hex"),
    },
}
"""By message, the number and the type of each field: a message's name, or how a value is written."""


def to_wire(message: Mapping[str, Any], name: str = "Export") -> bytes:
    """Return a message, by default an export request, in protobuf's wire format."""
    parts: list[bytes] = []
    fields = _TABLE[name]
    for key, value in message.items():
        number, kind = fields.get(key, (0, ""))
        if number == 0:
            continue
        if kind in _TABLE:
            listed = value if isinstance(value, list) else (value,)
            parts.extend(_sized(number, to_wire(one, kind)) for one in listed)
        else:
            parts.append(_WRITERS[kind](number, value))
    return b"".join(parts)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _tag(number: int, how: int) -> bytes:
    return _varint(number << 3 | how)


def _sized(number: int, body: bytes) -> bytes:
    return _tag(number, _BYTES) + _varint(len(body)) + body


def _packed(number: int, values: Any) -> bytes:
    return _sized(number, b"".join(_varint(int(value)) for value in values)) if values else b""


_WRITERS: Final[Mapping[str, Any]] = {
    "text": lambda number, value: _sized(number, str(value).encode("utf-8", "replace")),
    "hex": lambda number, value: _sized(number, bytes.fromhex(value)),
    "int": lambda number, value: _tag(number, _VARINT) + _varint(int(value)),
    "zigzag": lambda number, value: _tag(number, _VARINT) + _varint(value << 1 if value >= 0 else (-value << 1) - 1),
    "fixed": lambda number, value: _tag(number, _FIXED64) + struct.pack("<Q", int(value)),
    "sfixed": lambda number, value: _tag(number, _FIXED64) + struct.pack("<q", int(value)),
    "double": lambda number, value: _tag(number, _FIXED64) + struct.pack("<d", value),
    "packed": _packed,
}


def rejected_points(answer: bytes) -> int:
    """Return how many points an export response says were refused; 0 of what is none."""
    partial = _field(answer, 1)
    found = _field(partial, 1) if isinstance(partial, bytes) else None
    return found if isinstance(found, int) else 0


def _field(message: bytes, wanted: int) -> int | bytes | None:
    """Return the first field with this number, of a varint or of bytes; None if it is not there."""
    place = 0
    try:
        while place < len(message):
            tag, place = _read_varint(message, place)
            told, place = _read_varint(message, place)
            value: int | bytes = told
            if tag & 7 == _BYTES:
                value, place = message[place : place + told], place + told
            elif tag & 7 != _VARINT:
                return None
            if tag >> 3 == wanted:
                return value
    except IndexError:
        return None
    return None


def _read_varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
