"""The data: what is known of one series in one stretch of time.

`SeriesData` holds the calls of one (operation, agent, kind, provider, model), `LlmStats` its language model side,
`CacheData` the lookups of one cache, `Exemplar` a call to look at. All are immutable, all merge exactly, in any
order, and all go to plain values and back. Absent facts are empty: a cost that is unknown is not 0, it is in
`LlmStats.unpriced`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from functools import reduce
from typing import Any, Final, NamedTuple, Self

from msgspec import Struct
from msgspec.structs import astuple

from pepperpy_obs.aggregate.histogram import Durations
from pepperpy_obs.events import OUTCOMES, OVERFLOW, TOKEN_FIELDS

__all__ = [
    "EXACT",
    "INTERVAL",
    "NO_CALLS",
    "NO_LLM",
    "TOKEN_TYPES",
    "ZERO",
    "CacheData",
    "Exemplar",
    "LlmStats",
    "SeriesData",
    "add_counts",
    "add_errors",
    "add_money",
    "add_up",
]

EXACT: Final = Context(prec=120, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Where money is added: wide enough that no digit is ever rounded off, whatever a thread's own context says."""
ZERO: Final = Decimal(0)
INTERVAL: Final = 10_000_000_000
"""The finest interval of time, in nanoseconds."""

TOKEN_TYPES: Final = tuple(field.removesuffix("_tokens") for field in TOKEN_FIELDS)
"""What kinds of tokens are counted, named as the event's fields."""

_MOST_ERRORS: Final = 32


def add_counts(one: Mapping[str, int], two: Mapping[str, int]) -> Mapping[str, int]:
    """Return the sum of two counts by name."""
    if not one or not two:
        return one or two
    total = dict(one)
    for name, count in two.items():
        total[name] = total.get(name, 0) + count
    return total


def _sums(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            total[name] = total.get(name, 0) + count
    return total


def add_money(one: Mapping[str, Decimal], two: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    """Return the exact sum of two amounts by name."""
    if not one or not two:
        return one or two
    return {**one, **{name: EXACT.add(one.get(name, ZERO), amount) for name, amount in two.items()}}


def _amounts_of(parts: Iterable[Mapping[str, Decimal]]) -> Mapping[str, Decimal]:
    total: dict[str, Decimal] = {}
    for one in parts:
        for name, amount in one.items():
            known = total.get(name)
            total[name] = amount if known is None else EXACT.add(known, amount)
    return total


def add_up(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum."""
    return reduce(EXACT.add, amounts, ZERO)


def add_errors(one: Mapping[str, int], two: Mapping[str, int]) -> Mapping[str, int]:
    """Return the sum of two counts by error type, of which the first 32 in the alphabet keep their names.

    Not those that came first: then the order of merging would matter.
    """
    if not one and not two:
        return one
    errors = add_counts(one, two)
    if len(errors) <= _MOST_ERRORS:
        return errors
    names = sorted(errors.keys() - {OVERFLOW})
    kept = {name: errors[name] for name in names[:_MOST_ERRORS]}
    rest = errors.get(OVERFLOW, 0) + sum(errors[name] for name in names[_MOST_ERRORS:])
    return {**kept, OVERFLOW: rest} if rest else kept


class Exemplar(Struct, frozen=True, order=True, gc=False):
    """One call to look at: the slowest of the latest 10 seconds in which a call had a trace."""

    interval: int
    """Which 10 seconds; `at` // `INTERVAL`."""
    value: float
    """Its duration in seconds."""
    at: int
    """When it ended, UTC epoch nanoseconds."""
    trace_id: str
    span_id: str


class LlmStats(Struct, frozen=True, gc=False):
    """The requests to language models: how many by outcome, tokens by type, and what they cost."""

    outcomes: Mapping[str, int]
    tokens: Mapping[str, int]
    """By type (`TOKEN_TYPES`); cache and reasoning are parts of input and output."""
    cost: Decimal
    cost_by_type: Mapping[str, Decimal]
    saved_by: Mapping[str, Decimal]
    """What caches saved: `prompt_cache` is the provider's, `local_cache` the application's own."""
    waste_by: Mapping[str, Decimal]
    """What was paid for nothing, by outcome: `error`, `cancelled`, `abandoned`. Of `error`, `retried` is what went
    into tries that others followed. Beside these, `over_budget` is what calls spent past their budgets."""
    priced: int
    unpriced: int
    """Answers with usage whose price is not known; `cost` lacks theirs."""
    incidents: Mapping[str, int]
    """How many requests were `retries` of failed ones, were `cached` locally, had `odd` or `incomplete` usage or
    `no_usage` at all (failed ones among them), so that their cost is unknown, or calls went `over_budget`."""

    @property
    def count(self) -> int:
        """All requests, whatever became of them."""
        return sum(self.outcomes.values())

    @property
    def saved(self) -> Decimal:
        """What caches saved, in all."""
        return add_up(self.saved_by.values())

    @property
    def waste(self) -> Decimal:
        """The part of `cost` that went into requests that failed, were cancelled or abandoned."""
        return add_up(amount for outcome, amount in self.waste_by.items() if outcome in OUTCOMES)

    def merge(self, other: Self) -> Self:
        """Return the sum of both."""
        if other is NO_LLM:
            return self
        if self is NO_LLM:
            return other
        return type(self)(
            add_counts(self.outcomes, other.outcomes),
            add_counts(self.tokens, other.tokens),
            EXACT.add(self.cost, other.cost),
            add_money(self.cost_by_type, other.cost_by_type),
            add_money(self.saved_by, other.saved_by),
            add_money(self.waste_by, other.waste_by),
            self.priced + other.priced,
            self.unpriced + other.unpriced,
            add_counts(self.incidents, other.incidents),
        )

    @classmethod
    def merged(cls, all_stats: Sequence[LlmStats]) -> LlmStats:
        """Return the sum of all: the same as one merge after the other, in a fraction of the time of many."""
        if len(all_stats) < 3:
            return reduce(LlmStats.merge, all_stats, NO_LLM)
        columns = list(zip(*map(astuple, all_stats), strict=True))
        outcomes, tokens, costs, by_type, saved, waste, priced, unpriced, incidents = columns
        return cls(
            _sums(outcomes),
            _sums(tokens),
            add_up(costs),
            _amounts_of(by_type),
            _amounts_of(saved),
            _amounts_of(waste),
            sum(priced),
            sum(unpriced),
            _sums(incidents),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; money as strings of plain digits."""
        return {
            "outcomes": dict(self.outcomes),
            "tokens": dict(self.tokens),
            "cost": format(self.cost, "f"),
            "cost_by_type": _texts(self.cost_by_type),
            "saved_by": _texts(self.saved_by),
            "waste_by": _texts(self.waste_by),
            "priced": self.priced,
            "unpriced": self.unpriced,
            "incidents": dict(self.incidents),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the requests that `to_dict` was asked of."""
        return cls(
            plain["outcomes"],
            plain["tokens"],
            Decimal(plain["cost"]),
            _amounts(plain["cost_by_type"]),
            _amounts(plain["saved_by"]),
            _amounts(plain["waste_by"]),
            plain["priced"],
            plain["unpriced"],
            plain["incidents"],
        )


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: format(amount, "f") for name, amount in amounts.items()}


def _amounts(texts: Mapping[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(text) for name, text in texts.items()}


NO_LLM: Final = LlmStats({}, {}, ZERO, {}, {}, {}, 0, 0, {})


class SeriesData(Struct, frozen=True, gc=False):
    """The calls of one series.

    >>> from msgspec.structs import replace
    >>> one = replace(NO_CALLS, outcomes={"ok": 2}, duration=Durations.of([0.1, 0.3]), first=10, last=20)
    >>> two = replace(NO_CALLS, outcomes={"error": 1}, errors={"TimeoutError": 1}, first=5, last=9)
    >>> both = one.merge(two)
    >>> both.calls, both.errors, both.duration.high, both.first, both.last
    (3, {'TimeoutError': 1}, 0.3, 5, 20)
    """

    outcomes: Mapping[str, int]
    """Finished calls by outcome; only outcomes that came."""
    errors: Mapping[str, int]
    """Failed calls by error type; past 32 types the others are counted as `_other`."""
    duration: Durations
    first_item: Durations
    """Streams: the time to the first item."""
    requests: LlmStats
    first: int
    """When the earliest event was, UTC epoch nanoseconds."""
    last: int
    """When the latest event was."""
    exemplar: Exemplar | None

    @property
    def calls(self) -> int:
        """All finished calls."""
        return sum(self.outcomes.values())

    def merge(self, other: Self) -> Self:
        """Return the sum of both."""
        if other is NO_CALLS:
            return self
        if self is NO_CALLS:
            return other
        exemplar = self.exemplar
        if exemplar is None or (other.exemplar is not None and other.exemplar > exemplar):
            exemplar = other.exemplar
        # Most have none of the facts that are asked for first: a merge for each would double the time.
        return type(self)(
            add_counts(self.outcomes, other.outcomes),
            add_errors(self.errors, other.errors) if self.errors or other.errors else self.errors,
            self.duration.merge(other.duration),
            self.first_item.merge(other.first_item) if other.first_item.count else self.first_item,
            self.requests if other.requests is NO_LLM else self.requests.merge(other.requests),
            min(other.first, self.first),
            max(other.last, self.last),
            exemplar,
        )

    @classmethod
    def merged(cls, all_data: Sequence[SeriesData]) -> SeriesData:
        """Return the sum of all: the same as one merge after the other, in a fraction of the time of many."""
        if len(all_data) < 3:
            return reduce(SeriesData.merge, all_data, NO_CALLS)
        all_data = [data for data in all_data if data is not NO_CALLS] or [NO_CALLS]
        exemplars = [data.exemplar for data in all_data if data.exemplar]
        return cls(
            _sums([data.outcomes for data in all_data]),
            reduce(add_errors, [data.errors for data in all_data if data.errors], {}),
            Durations.merged([data.duration for data in all_data]),
            Durations.merged([data.first_item for data in all_data]),
            LlmStats.merged([data.requests for data in all_data if data.requests is not NO_LLM]),
            min([data.first for data in all_data]),
            max([data.last for data in all_data]),
            max(exemplars) if exemplars else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; what is empty is left out."""
        plain: dict[str, Any] = {"outcomes": dict(self.outcomes), "first": self.first, "last": self.last}
        if self.errors:
            plain["errors"] = dict(self.errors)
        if self.duration.count:
            plain["duration"] = self.duration.to_dict()
        if self.first_item.count:
            plain["first_item"] = self.first_item.to_dict()
        if self.requests != NO_LLM:
            plain["requests"] = self.requests.to_dict()
        if self.exemplar:
            plain["exemplar"] = list(astuple(self.exemplar))
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the data that `to_dict` was asked of."""
        return cls(
            plain["outcomes"],
            plain.get("errors", {}),
            Durations.from_dict(plain.get("duration", {"count": 0})),
            Durations.from_dict(plain.get("first_item", {"count": 0})),
            LlmStats.from_dict(plain["requests"]) if "requests" in plain else NO_LLM,
            plain["first"],
            plain["last"],
            Exemplar(*plain["exemplar"]) if "exemplar" in plain else None,
        )


NO_CALLS: Final = SeriesData({}, {}, Durations(), Durations(), NO_LLM, 0, 0, None)
"""The data of no events; merging it changes nothing."""


class CacheData(NamedTuple):
    """The lookups of one cache."""

    hits: int = 0
    misses: int = 0

    def merge(self, other: Self) -> Self:
        """Return the sum of both."""
        return type(self)(self.hits + other.hits, self.misses + other.misses)
