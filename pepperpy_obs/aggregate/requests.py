"""Counts the language model side of events: requests, tokens, money.

What cannot be counted exactly is refused and named, never guessed: tokens that are not whole numbers,
amounts that are negative, a trillion dollars, or finer than 60 decimal places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import copy
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, Final

from pepperpy_obs.aggregate.cell import EXACT, TOKEN_TYPES, ZERO, Requests
from pepperpy_obs.events import OUTCOMES, OVERFLOW, TOKEN_FIELDS

__all__ = ["RequestTally", "outcome_of"]

_TOKENS: Final = tuple(zip(TOKEN_FIELDS, TOKEN_TYPES, strict=True))
_COST_TYPES: Final = frozenset(
    {"input", "cache_read", "cache_write", "output", "reasoning", "audio_input", "audio_output", "request"}
)
_TOO_MUCH: Final = Decimal(10) ** 12
# Would round, and so refuses, a digit beyond the 60th decimal place: every sum fits into the digits of `EXACT`.
_FINE: Final = Context(prec=61, Emin=0, traps=[Inexact, InvalidOperation])


def outcome_of(event: Mapping[str, Any]) -> str:
    """Return the event's outcome; where it is missing or strange, an error type tells error from ok."""
    outcome = event.get("outcome")
    if outcome in OUTCOMES:
        return str(outcome)
    return "error" if event.get("error_type") else "ok"


class RequestTally:
    """The changing counterpart of `Requests`; fields that it refuses are counted in `refused`."""

    __slots__ = ("_by_type", "_cost", "_outcomes", "_priced", "_refused", "_saved", "_tokens", "_unpriced", "_waste")

    def __init__(self, refused: Counter[str]) -> None:
        self._refused = refused
        self._outcomes: Counter[str] = Counter()
        self._tokens: dict[str, int] = {}
        self._by_type: dict[str, Decimal] = {}
        self._cost = self._saved = self._waste = ZERO
        self._priced = self._unpriced = 0

    def count(self, event: Mapping[str, Any]) -> None:
        """Count a request.

        A framework's total over several requests (`usage_aggregate`) has tokens and a cost, but is itself no request.
        """
        outcome = outcome_of(event)
        if not event.get("usage_aggregate"):
            self._outcomes[outcome] += 1
        self._count_tokens(event)
        cost = event.get("cost_usd")
        if cost is not None and (cost := self._money(cost, "cost_usd")) is not None:
            self._priced += 1
            self._cost = EXACT.add(self._cost, cost)
            if outcome != "ok":
                self._waste = EXACT.add(self._waste, cost)
            self._split(event.get("cost_by_type"))
        elif event.get("cost_source") == "unpriced":
            self._unpriced += 1
        if "saved_usd" in event:
            self.save(event)

    def save(self, event: Mapping[str, Any]) -> None:
        """Count what a cache saved."""
        saved = self._money(event["saved_usd"], "saved_usd")
        if saved is not None:
            self._saved = EXACT.add(self._saved, saved)

    def copy(self) -> RequestTally:
        """Return another one of the same requests."""
        other = copy(self)
        other._outcomes = self._outcomes.copy()
        other._tokens = self._tokens.copy()
        other._by_type = self._by_type.copy()
        return other

    def cell(self) -> Requests:
        """Return what was counted so far."""
        return Requests(
            dict(self._outcomes),
            self._tokens.copy(),
            self._cost,
            self._by_type.copy(),
            self._saved,
            self._waste,
            self._priced,
            self._unpriced,
        )

    def _count_tokens(self, event: Mapping[str, Any]) -> None:
        for field, name in _TOKENS:
            number = event.get(field)
            if number is None:
                continue
            if type(number) is int and number >= 0:
                self._tokens[name] = self._tokens.get(name, 0) + number
            else:
                self._refused[field] += 1

    def _split(self, by_type: object) -> None:
        if not isinstance(by_type, dict):
            return
        for name, value in by_type.items():
            amount = self._money(value, "cost_by_type")
            if amount is not None:
                known = name if name in _COST_TYPES else OVERFLOW
                self._by_type[known] = EXACT.add(self._by_type.get(known, ZERO), amount)

    def _money(self, value: object, field: str) -> Decimal | None:
        try:
            # Through text: a float that somebody's log pipeline made of a price still says what was meant.
            amount = value if type(value) is Decimal else Decimal(str(value))
            # NaN compares as an InvalidOperation, or as False where the thread does not trap it.
            if ZERO <= amount < _TOO_MUCH:
                return _FINE.plus(amount)
        except (Inexact, InvalidOperation):
            pass
        self._refused[field] += 1
        return None
