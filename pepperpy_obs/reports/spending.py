"""What one group of requests cost: those of a provider, a model, an agent, a day, a customer."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Final, TypeVar

from msgspec import Struct

from pepperpy_obs.aggregate.series_data import LlmStats
from pepperpy_obs.reports import table
from pepperpy_obs.reports.report import Report

__all__ = ["Spending", "dearest_first", "divided", "part", "spending", "spending_table"]

_DIVISION: Final = Context(prec=28)
_Name = TypeVar("_Name", str, tuple[str, ...])


class Spending(Report, Struct, frozen=True, gc=False):
    """The requests of one group, and what they cost."""

    requests: int
    """Whatever became of them; those that a local cache answered are none."""
    tokens: int
    cost: Decimal | None
    """The sum of the priced ones; None of none."""
    cost_per_request: Decimal | None
    """The average of a priced one, to 28 figures; None of none."""
    priced: int
    unpriced: int
    without_usage: int
    """Those whose cost is unknown because nothing told their usage, failed ones among them."""
    savings: Decimal | None
    waste: Decimal | None


def spending(requests: LlmStats) -> Spending:
    """Return what these cost."""
    tokens = requests.tokens
    return Spending(
        requests.count,
        tokens.get("input", 0) + tokens.get("output", 0) + tokens.get("unsplit", 0),
        requests.cost if requests.priced else None,
        divided(requests.cost, requests.priced),
        requests.priced,
        requests.unpriced,
        requests.incidents.get("no_usage", 0),
        requests.saved,
        requests.waste,
    )


def spending_table(title: str, groups: Mapping[str, Spending], total: Decimal) -> str:
    """Return one line for each group."""
    rows = [
        (
            name,
            table.count(one.requests),
            table.count(one.tokens),
            table.money(one.cost),
            table.share(None if one.cost is None else part(one.cost, total)),
            table.money(one.cost_per_request),
        )
        for name, one in groups.items()
    ]
    return table.columns([title, "requests", "tokens", "cost", "share", "per request"], rows, cut=True)


def divided(cost: Decimal, number: int) -> Decimal | None:
    """Return the average; None of none."""
    return _DIVISION.divide(cost, Decimal(number)) if number else None


def part(amount: Decimal, whole: Decimal) -> float | None:
    """Return which part of the whole an amount is; None of nothing."""
    return float(_DIVISION.divide(amount, whole)) if whole else None


def dearest_first(groups: Mapping[_Name, Spending]) -> dict[_Name, Spending]:
    """Return the groups, the dearest first."""
    return dict(sorted(groups.items(), key=lambda item: (-(item[1].cost or 0), -item[1].requests, item[0])))
