"""What the same requests would have cost otherwise: under another price table, or of another model."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pepperpy_obs.aggregate.series_data import ZERO, add_up
from pepperpy_obs.reports import table
from pepperpy_obs.reports.report import Report, plain

__all__ = ["SAME_TOKENS", "Comparison", "Difference"]

SAME_TOKENS: Final = (
    "token-equal: the same tokens at the other model's prices;\n its tokenizer, its answers and its cache would differ"
)


@dataclass(frozen=True, slots=True)
class Difference(Report):
    """Requests, what they cost, and what they would have.

    `recorded` + `difference` + `newly_priced_cost` - `no_longer_priced_cost` = `other`, to the last digit
    (None counts as nothing).
    """

    requests: int
    """Those that have a price on one side at least."""
    recorded: Decimal | None
    """Of those that had a price; None of none."""
    other: Decimal | None
    """Of those that have a price there; None of none."""
    difference: Decimal | None
    """`other` less `recorded`, of the requests that have a price on both sides; None of none."""
    newly_priced: int
    newly_priced_cost: Decimal
    no_longer_priced: int
    no_longer_priced_cost: Decimal


@dataclass(frozen=True, slots=True)
class Comparison(Report):
    """The difference by model, as it was recorded, the greatest first; and in total."""

    title: str
    note: str
    """What is to be kept in mind of it."""
    total: Difference
    models: Mapping[str, Difference]

    def __str__(self) -> str:
        """Show one line for each model, and the total."""
        rows = [_row(name, one) for name, one in (*self.models.items(), ("total", self.total))]
        head = ["model", "requests", "recorded", "other", "difference"]
        text = f"{self.title}\n{table.columns(head, rows, cut=True)}"
        for number, amount, said in (
            (self.total.newly_priced, self.total.newly_priced_cost, "with a price only there"),
            (self.total.no_longer_priced, self.total.no_longer_priced_cost, "without a price there"),
        ):
            if number:
                text += f"\nrequests {said}: {table.count(number)} ({table.money(amount)}), not in the difference"
        return f"{text}\n({self.note})" if self.note else text

    def to_csv(self) -> str:
        """Return one line for each model, and one of the total; money is exact."""
        out = io.StringIO()
        lines = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        lines.writerow(["model", *Difference.__dataclass_fields__])
        for name, one in (*self.models.items(), ("total", self.total)):
            lines.writerow([table.harmless(name), *map(plain, one.to_dict().values())])
        return out.getvalue()

    @classmethod
    def of(cls, title: str, note: str, models: Mapping[str, Difference]) -> Comparison:
        """Make it of the differences by model."""
        rows = dict(sorted(models.items(), key=lambda item: (-abs(item[1].difference or ZERO), item[0])))
        all_of = list(rows.values())
        total = Difference(
            sum(one.requests for one in all_of),
            _known(one.recorded for one in all_of),
            _known(one.other for one in all_of),
            _known(one.difference for one in all_of),
            sum(one.newly_priced for one in all_of),
            add_up(one.newly_priced_cost for one in all_of),
            sum(one.no_longer_priced for one in all_of),
            add_up(one.no_longer_priced_cost for one in all_of),
        )
        return cls(title, note, total, rows)


def _row(name: str, one: Difference) -> tuple[str, ...]:
    change = one.difference
    sign = "" if not change else "-" if change < 0 else "+"
    said = f"{sign}{table.money(None if change is None else abs(change))}"
    return name, table.count(one.requests), table.money(one.recorded), table.money(one.other), said


def _known(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return add_up(known) if known else None
