"""What it cost, who spent it, and what could be spared. Exact US dollars, never floats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal

from pepperpy_obs.aggregate.cell import EXACT, Cell
from pepperpy_obs.reports import table
from pepperpy_obs.reports.report import Report
from pepperpy_obs.reports.totals import Totals

__all__ = ["CostReport", "cost_report"]

_DIVISION = Context(prec=28)


@dataclass(frozen=True, slots=True)
class CostReport(Report):
    """Costs of the calls whose price is known; `unpriced_calls` says how many are missing."""

    total_cost: Decimal
    """The sum of all priced calls; 0 if there were none."""
    cost_by_provider: Mapping[str, Decimal]
    cost_by_operation: Mapping[str, Decimal]
    cost_by_model: Mapping[str, Decimal]
    cost_by_agent: Mapping[str, Decimal]
    cost_per_request: Decimal | None
    """The average of a priced call, to 28 figures; None of none."""
    token_costs: Mapping[str, Decimal]
    """The same total by what it was paid for: input, cache_read, output, reasoning, request, ..."""
    priced_calls: int
    unpriced_calls: int
    """Answers with usage whose price is not known. Their cost is missing in all sums here."""
    unpriced_by_model: Mapping[str, int]
    savings: Decimal
    """What caches saved."""
    savings_rate: float | None
    """`savings` of what it would have cost without them."""
    waste: Decimal
    """The part of `total_cost` that went into calls that failed, were cancelled or abandoned."""
    waste_rate: float | None
    window: float | None
    seconds: float

    def __str__(self) -> str:
        """Show the figures, then the cost by provider, model, agent, operation and type."""
        facts = {
            "total cost": table.money(self.total_cost),
            "per request": table.money(self.cost_per_request),
            "priced calls": table.count(self.priced_calls),
            "unpriced calls": table.count(self.unpriced_calls),
            "saved by caches": f"{table.money(self.savings)} ({table.share(self.savings_rate)})",
            "wasted on failed calls": f"{table.money(self.waste)} ({table.share(self.waste_rate)})",
        }
        parts = [f"Cost ({table.span(self.window, self.seconds)})\n{table.pairs(facts)}"]
        for title, amounts in (
            ("provider", self.cost_by_provider),
            ("model", self.cost_by_model),
            ("agent", self.cost_by_agent),
            ("operation", self.cost_by_operation),
            ("paid for", self.token_costs),
        ):
            if amounts:
                costs = [
                    (name, table.money(amount), table.share(_share(amount, self.total_cost)))
                    for name, amount in amounts.items()
                ]
                parts.append(table.columns([title, "cost", "share"], costs))
        if self.unpriced_by_model:
            counts = [(name, table.count(number)) for name, number in self.unpriced_by_model.items()]
            parts.append(table.columns(["model without a price", "calls"], counts))
        return "\n\n".join(parts)


def cost_report(totals: Totals) -> CostReport:
    """Make the report."""
    requests = totals.everything.requests
    return CostReport(
        total_cost=requests.cost,
        cost_by_provider=_costs(totals.providers),
        cost_by_operation=_costs(totals.operations),
        cost_by_model=_costs(totals.models),
        cost_by_agent=_costs(totals.agents),
        cost_per_request=_DIVISION.divide(requests.cost, Decimal(requests.priced)) if requests.priced else None,
        token_costs=_dearest_first(requests.cost_by_type),
        priced_calls=requests.priced,
        unpriced_calls=requests.unpriced,
        unpriced_by_model={
            name: cell.requests.unpriced for name, cell in totals.models.items() if cell.requests.unpriced
        },
        savings=requests.saved,
        savings_rate=_share(requests.saved, EXACT.add(requests.cost, requests.saved)),
        waste=requests.waste,
        waste_rate=_share(requests.waste, requests.cost),
        window=totals.snapshot.window,
        seconds=totals.snapshot.seconds,
    )


def _costs(groups: Mapping[str, Cell]) -> dict[str, Decimal]:
    return _dearest_first({name: cell.requests.cost for name, cell in groups.items() if cell.requests.priced})


def _dearest_first(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return dict(sorted(amounts.items(), key=lambda item: (-item[1], item[0])))


def _share(part: Decimal, whole: Decimal) -> float | None:
    return float(_DIVISION.divide(part, whole)) if whole else None
