"""Counts the language model side of events: requests, tokens, money.

What cannot be counted exactly is refused and named, never guessed: tokens that are not whole numbers,
amounts that are negative, a trillion dollars, or finer than 60 decimal places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy
from decimal import Context, Decimal, Inexact, InvalidOperation, Rounded, localcontext
from typing import Any, Final, NamedTuple

from msgspec import Struct

from pepperpy_obs.aggregate.series_data import EXACT, TOKEN_TYPES, ZERO, LlmStats
from pepperpy_obs.events import OUTCOMES, OVERFLOW, TOKEN_FIELDS

__all__ = ["MOST_TOKENS", "LlmAccumulator", "RequestTotals", "cost_type", "is_request", "outcome_of", "total_of"]

_TOKENS: Final = tuple(zip(TOKEN_FIELDS, TOKEN_TYPES, strict=True))
_COST_TYPES: Final = frozenset(
    {"input", "cache_read", "cache_write", "output", "reasoning", "audio_input", "audio_output", "request"}
)
_TELLS: Final = frozenset({"input_tokens", "output_tokens", "cost_usd", "cost_source"})
_ANSWERED: Final = frozenset({"input_tokens", "output_tokens", "cost_source", "usage_flags", "usage_incomplete"})
"""An event with tokens has one of the first two; the link that prices it adds the third; the others are written
where usage was looked for, and is not known in full."""
_TOO_MUCH: Final = Decimal(10) ** 12
MOST_TOKENS: Final = 1 << 60
"""What is more, of tokens or requests, is a mistake: it may not even have a quotient."""
# Would round, and so refuses, a digit beyond the 60th decimal place: every sum fits into the digits of `EXACT`.
_FINE: Final = Context(prec=61, Emin=0, traps=[Inexact, InvalidOperation])
# The same for a sum, which is refused as well where it needs more digits: to add like this checks on the way.
_FINE_SUM: Final = Context(prec=61, Emin=0, traps=[Inexact, Rounded, InvalidOperation])
_ODD: Final = frozenset(
    {"cache_hit", "over_budget", "requests", "retry", "usage_aggregate", "usage_duplicate", "usage_flags",
     "usage_incomplete"}
)  # fmt: skip
"""What makes a request count as something else than one more with its tokens and its price."""


class RequestTotals(NamedTuple):
    """What many requests add up to, that went well."""

    requests: int
    tokens: Mapping[str, int]
    """By type; none that no request told."""
    priced: int
    unpriced: int
    cost: Decimal
    cost_by_type: Mapping[str, Decimal]
    saved: Decimal | None
    """What the provider's cache saved; None if no request told."""


def cost_type(name: str) -> str:
    """Return under which name a part of a cost is counted."""
    return name if name in _COST_TYPES else OVERFLOW


def total_of(amounts: Sequence[str]) -> Decimal:
    """Return the exact sum of amounts of money; ValueError if one of them might not be counted by itself."""
    try:
        money = list(map(Decimal, amounts))
        with localcontext(EXACT):
            total = sum(money, ZERO)
            # None is negative, so what is not finite, too fine or too much shows in the sum. Few are written with a -.
            _, digits, exponent = total.as_tuple()
            fits = type(exponent) is int and exponent >= _FINE.Etiny() and len(digits) <= _FINE.prec
            if fits and total < _TOO_MUCH and ("-" not in "".join(amounts) or min(money) >= ZERO):
                return total
    except InvalidOperation:
        pass
    msg = "an amount is negative, too large, too fine or no number"
    raise ValueError(msg)


def outcome_of(event: Mapping[str, Any]) -> str:
    """Return the event's outcome; where it is missing or strange, an error type tells error from ok."""
    outcome = event.get("outcome")
    if outcome in OUTCOMES:
        return str(outcome)
    return "error" if event.get("error_type") else "ok"


def is_request(event: Mapping[str, Any]) -> bool:
    """Tell whether an event is about a language model: it names one, has tokens or a price, or should have some."""
    if event.get("provider") or event.get("model") or event.get("kind") == "llm":
        return True
    return not _ANSWERED.isdisjoint(event)


def _is_silent(event: Mapping[str, Any]) -> bool:
    """Tell whether usage was looked for, in an answer or in vain, but nothing told what was used or what it cost."""
    flags = event.get("usage_flags")
    looked = event.get("usage_incomplete") or (isinstance(flags, (list, tuple)) and "missing" in flags)
    return bool(looked) and _TELLS.isdisjoint(event)


def _count(counts: dict[str, int], name: str, number: int) -> None:
    counts[name] = counts.get(name, 0) + number


class LlmAccumulator(Struct, gc=False, eq=False):
    """The changing counterpart of `LlmStats`; fields that it refuses are counted in `refused`.

    Like all that there is one of for each series it is nothing to the garbage collector, which looks at all that it
    knows in one go, while event loops wait: it holds numbers by name, and no way leads back to it.
    """

    refused: Counter[str]
    _outcomes: dict[str, int] = {}
    _tokens: dict[str, int] = {}
    _by_type: dict[str, Decimal] = {}
    _saved: dict[str, Decimal] = {}
    _waste: dict[str, Decimal] = {}
    _incidents: dict[str, int] = {}
    _cost: Decimal = ZERO
    _priced: int = 0
    _unpriced: int = 0

    def count(self, event: Mapping[str, Any]) -> None:
        """Count a request.

        An event that tells of several (`requests`: answers returned in one list) counts as so many. A framework's
        total over several requests (`usage_aggregate`) has tokens and a cost, but is itself no request.
        An answer that a local cache gave is none either: no provider was asked. Usage that was counted before is
        charged if it has a cost all the same: then nothing was charged where it was counted.
        """
        if event.keys().isdisjoint(_ODD):  # as with most
            outcome = outcome_of(event)
            self._outcomes[outcome] = self._outcomes.get(outcome, 0) + 1
            self._count_tokens(event)
            self._charge(event)
            if "saved_usd" in event:
                self._add(self._saved, "prompt_cache", event["saved_usd"], "saved_usd")
            return
        if event.get("cache_hit") is True:
            _count(self._incidents, "cached", 1)
        elif not event.get("usage_duplicate"):
            if not event.get("usage_aggregate"):
                _count(self._outcomes, outcome_of(event), self._number(event))
            self._count_tokens(event)
            self._charge(event)
            silent = _is_silent(event)
            if silent:
                _count(self._incidents, "no_usage", self._number(event))
            if event.get("usage_flags") and not (silent and outcome_of(event) != "ok"):
                _count(self._incidents, "odd", 1)  # of a request that failed it is nothing odd to tell no usage
            if event.get("usage_incomplete"):
                _count(self._incidents, "incomplete", 1)
        elif "cost_source" in event:
            self._charge(event)
        self.note(event)

    def count_many(self, sums: RequestTotals) -> None:
        """Count requests that went well and were nothing but requests."""
        _count(self._outcomes, "ok", sums.requests)
        for name, number in sums.tokens.items():
            self._tokens[name] = self._tokens.get(name, 0) + number
        self._priced += sums.priced
        self._unpriced += sums.unpriced
        self._cost = EXACT.add(self._cost, sums.cost)
        for name, amount in sums.cost_by_type.items():
            self._by_type[name] = EXACT.add(self._by_type.get(name, ZERO), amount)
        if sums.saved is not None:
            self._saved["prompt_cache"] = EXACT.add(self._saved.get("prompt_cache", ZERO), sums.saved)

    def note(self, event: Mapping[str, Any]) -> None:
        """Count what a call that may be no request saved or wasted."""
        if "saved_usd" in event:
            cause = "local_cache" if event.get("cache_hit") is True else "prompt_cache"
            self._add(self._saved, cause, event["saved_usd"], "saved_usd")
        if event.get("retry"):
            _count(self._incidents, "retries", 1)
            if "retried_usd" in event:
                self._add(self._waste, "retried", event["retried_usd"], "retried_usd")
        if event.get("over_budget"):
            _count(self._incidents, "over_budget", 1)
            if "over_budget_usd" in event:
                self._add(self._waste, "over_budget", event["over_budget_usd"], "over_budget_usd")

    def _charge(self, event: Mapping[str, Any]) -> None:
        cost = event.get("cost_usd")
        if cost is not None and (total := self._plus(self._cost, cost, "cost_usd")) is not None:
            self._priced += self._number(event)
            self._cost = total
            outcome = outcome_of(event)
            if outcome != "ok":
                self._add(self._waste, outcome, cost, "cost_usd")
            self._split(event.get("cost_by_type"))
        elif event.get("cost_source") == "unpriced":
            self._unpriced += self._number(event)

    def _number(self, event: Mapping[str, Any]) -> int:
        """Return how many requests an event tells of."""
        number = event.get("requests")
        if number is None or event.get("usage_aggregate"):
            return 1
        if type(number) is int and 0 < number <= MOST_TOKENS:
            return number
        self.refused["requests"] += 1
        return 1

    def _add(self, amounts: dict[str, Decimal], name: str, value: object, field: str) -> None:
        total = self._plus(amounts.get(name, ZERO), value, field)
        if total is not None:
            amounts[name] = total

    def _plus(self, total: Decimal, value: object, field: str) -> Decimal | None:
        """Return a sum with one more amount, or None if that is refused."""
        if type(value) is Decimal:
            try:
                if ZERO <= value < _TOO_MUCH:
                    return _FINE_SUM.add(total, value)
            except (Inexact, Rounded, InvalidOperation):
                pass
        amount = self._money(value, field)
        return None if amount is None else EXACT.add(total, amount)

    def copy(self) -> LlmAccumulator:
        """Return another one of the same requests."""
        other = copy(self)
        other._outcomes = self._outcomes.copy()
        other._tokens = self._tokens.copy()
        other._by_type = self._by_type.copy()
        other._saved = self._saved.copy()
        other._waste = self._waste.copy()
        other._incidents = self._incidents.copy()
        return other

    def data(self) -> LlmStats:
        """Return what was counted so far."""
        return LlmStats(
            self._outcomes.copy(),
            self._tokens.copy(),
            self._cost,
            self._by_type.copy(),
            self._saved.copy(),
            self._waste.copy(),
            self._priced,
            self._unpriced,
            self._incidents.copy(),
        )

    def brief(self) -> tuple[int, Decimal, int, int, int, int]:
        """Return requests, cost, how many of them are priced, unpriced and without usage, and tokens."""
        get = self._tokens.get
        tokens = get("input", 0) + get("output", 0) + get("unsplit", 0)
        requests, silent = sum(self._outcomes.values()), self._incidents.get("no_usage", 0)
        return requests, self._cost, self._priced, self._unpriced, silent, tokens

    def _count_tokens(self, event: Mapping[str, Any]) -> None:
        for field, name in _TOKENS:
            number = event.get(field)
            if number is None:
                continue
            if type(number) is int and 0 <= number <= MOST_TOKENS:
                self._tokens[name] = self._tokens.get(name, 0) + number
            else:
                self.refused[field] += 1

    def _split(self, by_type: object) -> None:
        if not isinstance(by_type, dict):
            return
        for name, value in by_type.items():
            self._add(self._by_type, name if name in _COST_TYPES else OVERFLOW, value, "cost_by_type")

    def _money(self, value: object, field: str) -> Decimal | None:
        try:
            # Through text: a float that a log pipeline made of a price still has the price's digits.
            amount = value if type(value) is Decimal else Decimal(str(value))
            # NaN compares as an InvalidOperation, or as False where the thread does not trap it.
            if ZERO <= amount < _TOO_MUCH:
                return _FINE.plus(amount)
        except (Inexact, InvalidOperation):
            pass
        self.refused[field] += 1
        return None
