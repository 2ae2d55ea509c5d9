"""A table as rows, and rows as a table: exact data in bytes, and beside them the figures that SQL can add up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pepperpy_obs.aggregate.packed import pack
from pepperpy_obs.aggregate.rows import data_to_row, requests_to_row, row_to_data, row_to_requests
from pepperpy_obs.aggregate.series import SeriesKey
from pepperpy_obs.aggregate.series_data import NO_LLM, LlmStats, SeriesData
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.storage.names import Name

__all__ = ["FIGURES", "figures_of", "merged_rows", "rest_of", "to_data"]

FIGURES: Final = (
    "calls", "errors", "duration_ns", "requests", "input_tokens", "output_tokens", "cost", "unpriced", "data",
)  # fmt: skip
"""The columns of a row beside its key."""

_GREATEST: Final = (1 << 63) - 1
Data = SeriesData | LlmStats


def to_data(table: SeriesTable) -> dict[Name, Data]:
    """Return what has a row of its own: series of calls, and values of the user's fields."""
    found: dict[Name, Data] = {("operation", tuple(key)): data for key, data in table.series.items()}
    found |= {("attribute", key): requests for key, requests in table.attributes.items()}
    return found


def rest_of(table: SeriesTable) -> bytes:
    """Return all else in bytes."""
    rest = SeriesTable()
    rest.absorb(table)
    rest.series, rest.attributes = {}, {}
    return pack(rest)


def merged_rows(rows: Mapping[int, list[bytes]], names: Mapping[int, Name]) -> SeriesTable:
    """Return the table of the rows of each series."""
    table = SeriesTable()
    for number, packed in rows.items():
        family, key = names[number]
        if family == "operation":
            table.series[SeriesKey(*key)] = SeriesData.merged([row_to_data(one) for one in packed])
        else:
            table.attributes[key[0], key[1]] = _sum(map(row_to_requests, packed))
    return table


def figures_of(data: Data) -> dict[str, Any]:
    """Return the columns of a row."""
    if isinstance(data, SeriesData):
        calls = {
            "calls": _fit(data.calls),
            "errors": _fit(data.outcomes.get("error", 0)),
            "duration_ns": _fit(data.duration.total),
        }
        return {**calls, **_money_of(data.requests), "data": data_to_row(data)}
    return {"calls": None, "errors": None, "duration_ns": None, **_money_of(data), "data": requests_to_row(data)}


def _money_of(requests: LlmStats) -> dict[str, Any]:
    return {
        "requests": _fit(requests.count),
        "input_tokens": _fit(requests.tokens.get("input")),
        "output_tokens": _fit(requests.tokens.get("output")),
        "cost": format(requests.cost, "f") if requests.priced else None,
        "unpriced": _fit(requests.unpriced),
    }


def _fit(number: int | None) -> int | None:
    """Return a number as a column of 64 bits takes it; the exact one is in the data."""
    return None if number is None else min(number, _GREATEST)


def _sum(requests: Iterable[LlmStats]) -> LlmStats:
    total = NO_LLM
    for one in requests:
        total = total.merge(one)
    return total
