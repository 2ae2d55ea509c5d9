"""The cost report: cost by every label, savings and waste. Exact US dollars, never floats."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from pepperpy_obs.aggregate.series_data import EXACT, ZERO, LlmStats, SeriesData
from pepperpy_obs.reports import table
from pepperpy_obs.reports.cross import CrossTable
from pepperpy_obs.reports.report import Report, plain
from pepperpy_obs.reports.spending import Spending, dearest_first, divided, part, spending, spending_table
from pepperpy_obs.reports.totals import Totals

__all__ = ["CostReport", "cost_report"]

_CSV: Final = ("group", "name", *Spending.__struct_fields__)
_CAUSES: Final = {"error": "failed", "cancelled": "cancelled", "abandoned": "abandoned"}


@dataclass(frozen=True, slots=True)
class CostReport(Report):
    """Costs of the calls whose price is known; `unpriced_calls` says how many are missing.

    The rows of `groups` have requests, tokens, cost per request, savings and waste of each; the `cost_by_...`
    are the costs among these.
    """

    total_cost: Decimal
    """The sum of all priced calls; 0 if there were none."""
    cost_by_provider: Mapping[str, Decimal]
    cost_by_operation: Mapping[str, Decimal]
    cost_by_model: Mapping[str, Decimal]
    cost_by_agent: Mapping[str, Decimal] | None
    cost_by_day: Mapping[str, Decimal] | None
    """By day (UTC, such as 2026-11-23), the earliest first."""
    cost_by_attribute: Mapping[str, Mapping[str, Decimal]]
    """By each field that `Config(cost_attributes=...)` names, and its value."""
    cost_per_request: Decimal | None
    """The average of a priced call, to 28 figures; None of none."""
    token_costs: Mapping[str, Decimal] | None
    """The same total by what it was paid for: input, cache_read, output, reasoning, request, ..."""
    priced_calls: int
    unpriced_calls: int
    """Answers with usage whose price is not known. Their cost is missing in all sums here."""
    calls_without_usage: int
    """Requests that told no usage: answers without it, and requests that failed, timed out or were cancelled. The
    provider may bill them; their cost is unknown and missing in all sums here, whatever the prices."""
    price_coverage: float | None
    """Which part of the requests has a known cost, those without usage counted in; None of no requests."""
    unpriced_by_model: Mapping[str, int]
    savings: Decimal | None
    """What caches saved: what cached tokens would have cost more at the plain rate, and what answers from local caches
    would have cost. That writing to a prompt cache costs more is not set against it."""
    savings_rate: float | None
    """`savings` of what it would have cost without them."""
    savings_by_cause: Mapping[str, Decimal] | None
    """`prompt_cache` (the provider's) and `local_cache` (one of yours)."""
    cached_calls: int | None
    """Calls that a local cache answered: no requests, and they cost nothing."""
    waste: Decimal | None
    """The part of `total_cost` that went into calls that failed, were cancelled or abandoned."""
    waste_rate: float | None
    waste_by_cause: Mapping[str, Decimal] | None
    """`retried` (failed, and tried again), `failed`, `cancelled`, `abandoned`."""
    retries: int | None
    """Requests that repeat one of the same caller which had failed."""
    over_budget_calls: int | None
    over_budget: Decimal | None
    """What these spent past their budgets: no part of `waste`, and budgets within budgets each count theirs."""
    groups: Mapping[str, Mapping[str, Spending]]
    """provider, model, operation, agent, day and each attribute -> name -> what it spent."""
    start: str | None
    """When the stretch begins (UTC, ISO 8601): with its first event, or with the window."""
    window: float | None
    seconds: float

    def dearest(self, most: int) -> CostReport:
        """Return the same with the `most` dearest rows of each group only; days are all there."""
        cut = {name: dict(islice(rows.items(), most)) for name, rows in self.groups.items()}
        return replace(self, groups={**cut, "day": self.groups["day"]})

    def __str__(self) -> str:
        """Show the figures, then the cost by each label, and requests without a price."""
        return self.text()

    def text(self, *by: str | CrossTable) -> str:
        """Return the same, with these tables only: cross tables, and groups such as "model" (KeyError of another)."""
        parts = [f"Cost ({table.span(self.window, self.seconds, self.start)})\n{table.pairs(self._facts())}"]
        for one in by or self.groups:
            if isinstance(one, CrossTable):
                parts.append(str(one))
            elif rows := self.groups[one]:
                parts.append(spending_table(one, rows, self.total_cost))
        if self.token_costs:
            costs = [
                (name, table.money(amount), table.share(part(amount, self.total_cost)))
                for name, amount in self.token_costs.items()
            ]
            parts.append(table.columns(["paid for", "cost", "share"], costs))
        if self.unpriced_by_model:
            counts = [(name, table.count(number)) for name, number in self.unpriced_by_model.items()]
            parts.append(table.columns(["model without a price", "requests"], counts, cut=True))
        if self.calls_without_usage:
            count = table.count(self.calls_without_usage)
            parts.append(f"requests without usage (failed ones, too): {count}, their cost is unknown and in no sum")
        return "\n\n".join(parts)

    def to_csv(self, *by: str | CrossTable) -> str:
        """Return one line for each row of `groups` (of these groups only), after one of the total; money is exact.

        A cross table has columns of its own, so it follows by itself.
        """
        out = io.StringIO()
        crossed = [one for one in by if isinstance(one, CrossTable)]
        groups = [one for one in by if not isinstance(one, CrossTable)]
        if groups or not crossed:
            lines = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
            lines.writerow(_CSV)
            lines.writerow(["total", "", *self._total()])
            for name in groups or self.groups:
                for whose, one in self.groups[name].items():
                    lines.writerow([name, table.harmless(whose), *one.to_dict().values()])
        return "\n".join([*([out.getvalue()] if groups or not crossed else []), *(one.to_csv() for one in crossed)])

    def _facts(self) -> dict[str, str]:
        saved = {f"  {_said(name)}": table.money(amount) for name, amount in (self.savings_by_cause or {}).items()}
        wasted = {f"  {_said(name)}": table.money(amount) for name, amount in (self.waste_by_cause or {}).items()}
        facts = {
            "total cost": table.money(self.total_cost),
            "per request": table.money(self.cost_per_request),
            "priced requests": f"{table.count(self.priced_calls)} ({table.share(self.price_coverage)})",
            "unpriced requests": table.count(self.unpriced_calls),
            "saved by caches": f"{table.money(self.savings)} ({table.share(self.savings_rate)})",
            **saved,
            "wasted": f"{table.money(self.waste)} ({table.share(self.waste_rate)})",
            **wasted,
        }
        if self.retries:
            facts["retries"] = table.count(self.retries)
        if self.over_budget_calls:
            facts["calls over budget"] = f"{table.count(self.over_budget_calls)} (by {table.money(self.over_budget)})"
        return facts

    def _total(self) -> list[Any]:
        models = self.groups["model"].values()
        requests, tokens = sum(one.requests for one in models), sum(one.tokens for one in models)
        money = plain(self.cost_per_request), self.priced_calls, self.unpriced_calls, self.calls_without_usage
        return [requests, tokens, plain(self.total_cost), *money, plain(self.savings), plain(self.waste)]


def cost_report(totals: Totals) -> CostReport:
    """Make the report."""
    requests, groups = totals.everything.requests, _groups(totals)
    costs = {name: _costs(rows) for name, rows in groups.items()}
    silent = requests.incidents.get("no_usage", 0)
    answers = requests.priced + requests.unpriced + silent
    return CostReport(
        total_cost=requests.cost,
        cost_by_provider=costs["provider"],
        cost_by_operation=costs["operation"],
        cost_by_model=costs["model"],
        cost_by_agent=costs["agent"],
        cost_by_day=costs["day"],
        cost_by_attribute={name: costs[name] for name in groups if name in totals.attributes and name != "day"},
        cost_per_request=divided(requests.cost, requests.priced),
        token_costs=dict(sorted(requests.cost_by_type.items(), key=lambda item: (-item[1], item[0]))),
        priced_calls=requests.priced,
        unpriced_calls=requests.unpriced,
        calls_without_usage=silent,
        price_coverage=requests.priced / answers if answers else None,
        unpriced_by_model={name: one.unpriced for name, one in groups["model"].items() if one.unpriced},
        savings=requests.saved,
        savings_rate=part(requests.saved, EXACT.add(requests.cost, requests.saved)),
        savings_by_cause=dict(sorted(requests.saved_by.items())),
        cached_calls=requests.incidents.get("cached", 0),
        waste=requests.waste,
        waste_rate=part(requests.waste, requests.cost),
        waste_by_cause=_waste(requests),
        retries=requests.incidents.get("retries", 0),
        over_budget_calls=requests.incidents.get("over_budget", 0),
        over_budget=requests.waste_by.get("over_budget", ZERO),
        groups=groups,
        start=totals.start,
        window=totals.snapshot.window,
        seconds=totals.snapshot.seconds,
    )


def _groups(totals: Totals) -> dict[str, Mapping[str, Spending]]:
    all_data: dict[str, Mapping[str, SeriesData]] = {
        "provider": totals.providers,
        "model": totals.models,
        "operation": totals.operations,
        "agent": totals.agents,
    }
    groups: dict[str, Mapping[str, Spending]] = {
        name: dearest_first(_spent({whose: data.requests for whose, data in group.items()}))
        for name, group in all_data.items()
    }
    # Days are kept for a year, and for good where they were asked for like a field.
    days = totals.attributes.get("day", totals.snapshot.days)
    groups["day"] = _spent(dict(sorted(days.items())))
    # A field of the user's that is called like one of these would hide it.
    named = {name: dearest_first(_spent(rows)) for name, rows in totals.attributes.items() if name not in groups}
    return {**groups, **named}


def _spent(groups: Mapping[str, LlmStats]) -> dict[str, Spending]:
    return {name: spending(one) for name, one in groups.items() if one.outcomes or one.priced or one.saved_by}


def _costs(groups: Mapping[str, Spending]) -> dict[str, Decimal]:
    return {name: one.cost for name, one in groups.items() if one.cost is not None}


def _waste(requests: LlmStats) -> dict[str, Decimal]:
    """Return the waste by cause; of a window, what was retried may have failed before it began."""
    wasted = {cause: requests.waste_by[name] for name, cause in _CAUSES.items() if name in requests.waste_by}
    retried = min(requests.waste_by.get("retried", ZERO), wasted.get("failed", ZERO))
    if retried:
        wasted = {"retried": retried, **wasted, "failed": EXACT.subtract(wasted["failed"], retried)}
    return {cause: amount for cause, amount in wasted.items() if amount}


def _said(name: str) -> str:
    return name.replace("_", " ")
