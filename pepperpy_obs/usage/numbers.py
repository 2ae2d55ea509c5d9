"""Reads what should be a number, and says what it was if it is none."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, Final

__all__ = ["MOST", "as_count", "as_money"]

MOST: Final = 10**15
"""No answer has more tokens than this: a larger number counts something else."""
_UNSET: Final = frozenset({"Unset", "NotGiven", "Omit"})
"""What SDKs put where nothing came."""


def as_count(value: Any, *, numerals: bool = False) -> tuple[int | None, str | None]:
    """Return a count and nothing, or nothing and why it is none.

    Floats are counts if they are whole (Cohere, Titan); booleans and, but for headers, texts are not.

    >>> as_count(12.0), as_count(True), as_count(-1)
    ((12, None), (None, 'bool'), (None, 'negative'))
    """
    if isinstance(value, str):
        if value in _UNSET:
            return None, None
        if not numerals or not (value.isascii() and value.isdigit()):
            return None, "not a number"
        value = int(value)
    if isinstance(value, bool):
        return None, "bool"
    if isinstance(value, float | Decimal) and (not isfinite(value) or value != int(value)):
        return None, "not whole"
    if value < 0:
        return None, "negative"
    return (int(value), None) if value <= MOST else (None, "too large")


def as_money(value: Any) -> tuple[Decimal | None, str | None]:
    """Return an amount of US dollars, read exactly as it was written, or why it is none.

    >>> as_money(0.00431125)
    (Decimal('0.00431125'), None)
    """
    if isinstance(value, str) and value in _UNSET:
        return None, None
    if isinstance(value, bool):
        return None, "bool"
    try:
        amount = value if isinstance(value, Decimal) else Decimal(repr(value) if isinstance(value, float) else value)
    except (InvalidOperation, TypeError, ValueError):
        return None, "not a number"
    if not amount.is_finite():
        return None, "not finite"
    return (amount, None) if amount >= 0 else (None, "negative")
