"""Cross tables: what each combination of a customer and a model cost, or of any other fields."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

from pepperpy_obs.aggregate.series import ALSO_BY, SeriesKey, parted
from pepperpy_obs.aggregate.series_data import NO_LLM, LlmStats
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.errors import SetupError
from pepperpy_obs.reports import table
from pepperpy_obs.reports.report import Report, plain
from pepperpy_obs.reports.spending import Spending, dearest_first, spending
from pepperpy_obs.reports.totals import NO_LABEL

__all__ = ["CrossRow", "CrossTable", "cross_table"]

_Names = tuple[str, ...]
_SERIES: Final = SeriesKey._fields


@dataclass(frozen=True, slots=True)
class CrossRow(Report):
    """One combination, and what its requests cost."""

    names: Mapping[str, str]
    """Field -> value; "(none)" where the requests did not say."""
    spending: Spending


@dataclass(frozen=True, slots=True)
class CrossTable(Report):
    """Every combination of the values of some fields that occurred, the dearest first."""

    fields: tuple[str, ...]
    rows: tuple[CrossRow, ...]

    def __str__(self) -> str:
        """Show one line for each combination."""
        head = [*self.fields, "requests", "tokens", "cost", "per request"]
        rows = [
            (
                *row.names.values(),
                table.count(row.spending.requests),
                table.count(row.spending.tokens),
                table.money(row.spending.cost),
                table.money(row.spending.cost_per_request),
            )
            for row in self.rows
        ]
        return table.columns(head, rows, words=len(self.fields))

    def to_csv(self) -> str:
        """Return one line for each combination; money is exact."""
        out = io.StringIO()
        lines = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        lines.writerow([*self.fields, *Spending.__struct_fields__])
        for row in self.rows:
            lines.writerow([*map(table.harmless, row.names.values()), *map(plain, row.spending.to_dict().values())])
        return out.getvalue()


def cross_table(snapshot: Snapshot, fields: Sequence[str]) -> CrossTable:
    """Make the table; SetupError if requests are not counted by these fields together."""
    found: dict[_Names, list[LlmStats]] = {}
    if not fields or len(set(fields)) < len(fields):
        msg = f"a cost table by {', '.join(fields) or 'nothing'}; give the names of different fields"
        raise SetupError(msg)
    for names, requests in _counted(snapshot, fields):
        found.setdefault(names, []).append(requests)
    merged = {names: reduce(LlmStats.merge, parts, NO_LLM) for names, parts in found.items()}
    spent = {names: spending(one) for names, one in merged.items() if one.outcomes or one.priced or one.saved_by}
    rows = tuple(CrossRow(dict(zip(fields, names, strict=True)), one) for names, one in dearest_first(spent).items())
    return CrossTable(tuple(fields), rows)


def _counted(snapshot: Snapshot, fields: Sequence[str]) -> list[tuple[_Names, LlmStats]]:
    if all(field in _SERIES for field in fields):
        places = [_SERIES.index(field) for field in fields]
        return [(_named([key[place] for place in places]), data.requests) for key, data in snapshot.series.items()]
    if list(fields) == ["day"]:
        return [((day,), requests) for day, requests in snapshot.days.items()]
    known = sorted({name for name, _ in snapshot.attributes}, key=len)
    for name in known:
        parts = name.split(ALSO_BY)
        if set(fields) <= set(parts):
            places = [parts.index(field) for field in fields]
            return [
                (_named([values[place] for place in places]), requests)
                for (other, value), requests in snapshot.attributes.items()
                if other == name
                for values in [parted(value, len(parts))]
            ]
    if not snapshot.series:
        return []
    together = ALSO_BY.join(fields)
    msg = f"cost is not counted by {together}; set Config(cost_attributes=({together!r},)) before the calls"
    raise SetupError(msg)


def _named(values: Sequence[str]) -> _Names:
    return tuple(value or NO_LABEL for value in values)
