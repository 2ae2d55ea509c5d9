"""Any Python value made plain: what JSON can say, in bounded size.

Nothing is asked of an object but its type and, if it is a record of named fields, these:
never its `repr` or `str`, which may hold a prompt or a password. Iterators are not consumed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import islice
from math import isfinite
from numbers import Integral, Real
from operator import attrgetter
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, NoneType
from typing import Any, Final
from uuid import UUID

__all__ = ["ABSENT", "LARGEST_INT", "SizeLimit", "clean_text", "to_plain"]

ABSENT: Final = object()
"""Stands for a value that says nothing: NaN, infinity."""

LARGEST_INT: Final = 63
"""Bits of the largest whole number that Elasticsearch and most readers of JSON take as one."""
_LONGEST_INT: Final = 4096
"""Bits past which CPython refuses, or takes long, to write a number in decimal."""
_LONGEST_DECIMAL: Final = 64
_BEYOND: Final = 4096
"""Characters behind a cut that are looked at: more than keys and tokens have."""
_RUN: Final = "".join(sign for sign in map(chr, range(0x21, 0x7F)) if sign not in "\"',;&")
"""What keys, tokens and addresses are made of."""

_SIMPLER: Final = (
    (Enum, attrgetter("value")),
    (str, str.__str__),
    ((bytes, bytearray, memoryview), lambda value: f"<{len(value)} bytes>"),
    ((date, time), lambda value: value.isoformat()),
    (timedelta, timedelta.total_seconds),
    ((UUID, PurePath), str),
    (Decimal, Decimal),
    (Integral, int),
    (Real, float),
    ((type, FunctionType, BuiltinFunctionType, MethodType), attrgetter("__qualname__")),
)
"""What stands for a value of some other type; the first type that fits decides."""


_SCIENTIFIC: Final[Mapping[tuple[str, str], Callable[[Any], Any]]] = {
    ("numpy", "bool"): bool,
    ("numpy", "bool_"): bool,
    ("numpy", "datetime64"): lambda value: _unless_nat(str(value)),
    ("numpy", "timedelta64"): lambda value: _unless_nat(str(value)),
    ("pandas", "NaTType"): lambda _: ABSENT,
    ("pandas", "NAType"): lambda _: ABSENT,
}
"""What stands for values of numpy and pandas that look like none of these, by library and class.

NaT and NA are what NaN is to numbers. numpy's other numbers are registered as such."""


def _unless_nat(text: str) -> object:
    return ABSENT if text == "NaT" else text


class SizeLimit:
    """What one field may still take: characters, and nested values; `before_cut` is shown a text before it is cut."""

    __slots__ = ("before_cut", "characters", "values")

    def __init__(self, characters: int, values: int, before_cut: Callable[[str], str] | None = None) -> None:
        self.characters = characters
        self.values = values
        self.before_cut = before_cut

    def take(self, text: str) -> str:
        """Return `text`, or as much of it as there is room for."""
        if len(text) > self.characters > 0 and self.before_cut is not None:
            text = _shown(text, self.characters, self.before_cut)
        text = clean_text(text, self.characters)
        self.characters -= len(text)
        return text


def _shown(text: str, longest: int, before_cut: Callable[[str], str]) -> str:
    """Return the beginning of a text as `before_cut` makes it, seen far enough to know what lies across the cut."""
    head = text[: longest + _BEYOND]
    if len(head) == len(text):
        return before_cut(head)
    # What begins just before the end of the head cannot be judged, and may come forward if much before it goes.
    whole = head.rstrip(_RUN)
    return f"{before_cut(whole if len(whole) >= longest else head)}…"


def clean_text(text: str, longest: int) -> str:
    """Return `text` with its lone surrogates replaced, cut to `longest` characters; "…" marks the cut."""
    if len(text) > longest:
        text = f"{text[: longest - 1]}…" if longest > 0 else ""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def to_plain(value: Any, limit: SizeLimit, depth: int) -> Any:
    """Return `value` as str, int, float, bool, None, Decimal, or a list or dict of these, or as `ABSENT`.

    `depth` is how many levels of lists and dicts it may have. What is past a limit is left out;
    what cannot be read is named by its type.
    """
    limit.values -= 1
    try:
        return _to_plain(value, limit, depth)
    except Exception:  # raised by a property, a subclass or a metaclass of the user's
        return limit.take(f"<{type(value).__name__}>")


def _to_plain(value: Any, limit: SizeLimit, depth: int) -> Any:
    kind = type(value)
    if write := _EXACT.get(kind):
        return write(value, limit)
    if simpler := _SCIENTIFIC.get((kind.__module__.partition(".")[0], kind.__name__)):
        simple = simpler(value)
        return simple if simple is ABSENT else _to_plain(simple, limit, depth)
    for types, simpler in _SIMPLER:
        if issubclass(kind, types):
            return _to_plain(simpler(value), limit, depth)
    return _nested(value, kind, limit, depth)


def _integer(value: int, limit: SizeLimit) -> int | str:
    bits = value.bit_length()
    if bits <= LARGEST_INT:
        return value
    return limit.take(str(value) if bits <= _LONGEST_INT else f"<int of {bits} bits>")


def _decimal(value: Decimal, limit: SizeLimit) -> Any:
    if not value.is_finite():
        return ABSENT
    text = str(value)
    return value if len(text) <= _LONGEST_DECIMAL else limit.take(text)


_EXACT: Final[dict[type, Callable[[Any, SizeLimit], Any]]] = {
    str: lambda value, limit: limit.take(value),
    bool: lambda value, _: value,
    NoneType: lambda value, _: value,
    int: _integer,
    float: lambda value, _: value if isfinite(value) else ABSENT,
    Decimal: _decimal,
}
"""How values are written that are of a type that JSON knows, or of our money's."""


def _nested(value: Any, kind: type, limit: SizeLimit, depth: int) -> Any:
    """Walk a list, a dict or a record, as far as there is room."""
    if depth > 0:
        if issubclass(kind, dict | MappingProxyType):
            return _mapping(value.items(), limit, depth - 1)
        if names := _field_names(kind):
            return _mapping(((name, getattr(value, name, ABSENT)) for name in names), limit, depth - 1)
        if issubclass(kind, list | tuple | deque | set | frozenset):
            return _sequence(value, limit, depth - 1)
    return limit.take(f"<{kind.__name__}>")


def _field_names(kind: type) -> list[str]:
    """Return the fields of a dataclass, pydantic model, msgspec struct or named tuple, less those not in its repr."""
    if is_dataclass(kind):
        return [field.name for field in fields(kind) if field.repr]
    models = getattr(kind, "model_fields", None)
    if isinstance(models, dict):
        return [str(name) for name, field in models.items() if getattr(field, "repr", True)]
    names = getattr(kind, "__struct_fields__", None) or getattr(kind, "_fields", None)
    return list(names) if isinstance(names, tuple) else []


def _mapping(pairs: Iterable[tuple[Any, Any]], limit: SizeLimit, depth: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if limit.values <= 0 or limit.characters <= 0:
            break
        name = to_plain(key, limit, 0)
        if not isinstance(name, str):
            name = limit.take("NaN" if name is ABSENT else str(name))
        simple = ABSENT if value is ABSENT else to_plain(value, limit, depth)
        if simple is not ABSENT:
            result[name] = simple
    return result


def _sequence(values: Iterable[Any], limit: SizeLimit, depth: int) -> list[Any]:
    result: list[Any] = []
    for value in islice(values, max(limit.values, 0)):
        if limit.values <= 0 or limit.characters <= 0:
            break
        simple = to_plain(value, limit, depth)
        result.append(None if simple is ABSENT else simple)
    return result
