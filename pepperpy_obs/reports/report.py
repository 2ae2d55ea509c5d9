"""What all reports have in common: plain values and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from msgspec import Struct

__all__ = ["Report", "plain", "to_json"]

_PLAIN: Final = frozenset({bool, float, int, str, type(None)})
_MANY: Final = 256
"""Values that are encoded together: some 20 us."""
_encode: Final = json.JSONEncoder(allow_nan=False).encode


class Report:
    """A frozen dataclass or struct that turns into plain values; `print` shows it as tables."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the names of the fields; money as strings, so that no digit is lost."""
        return {name: plain(value) for name, value in _fields(self)}

    def to_json(self) -> str:
        """Return the same as JSON."""
        return to_json(self)


def to_json(value: Any) -> str:
    """Return a report, or a mapping of reports, as JSON.

    It is encoded row by row, and each row's plain form is let go of at once. To encode 10,000 series in one call would
    hold the interpreter lock for 70 ms, and so would the collector that looks at as many objects.
    """
    return "".join(_pieces(value))


def _pieces(value: Any) -> Iterator[str]:
    if _is_report(value):
        yield from _joined(_fields(value))
    elif isinstance(value, Mapping) and (len(value) > _MANY or any(map(_has_rows, islice(value.values(), _MANY)))):
        yield from _joined(value.items())
    else:
        yield _encode(plain(value))


def _joined(pairs: Iterable[tuple[str, Any]]) -> Iterator[str]:
    before = "{"
    for name, value in pairs:
        text = _encode(plain(value)) if type(value) in _PLAIN else "".join(_pieces(value))
        yield f"{before}{_encode(name)}: {text}"
        before = ", "
    yield "{}" if before == "{" else "}"


def _has_rows(value: Any) -> bool:
    return isinstance(value, Mapping) or _is_report(value)


def plain(value: Any) -> Any:
    """Return the plain form of anything that stands in a report."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if _is_report(value):
        return {name: plain(part) for name, part in _fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    return value


def _is_report(value: Any) -> bool:
    return isinstance(value, Struct) or (is_dataclass(value) and not isinstance(value, type))


def _fields(report: Any) -> list[tuple[str, Any]]:
    names = report.__struct_fields__ if isinstance(report, Struct) else [field.name for field in fields(report)]
    return [(name, getattr(report, name)) for name in names]
