"""Requests of one series, added up: by column, not one by one."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from pepperpy_obs.aggregate.requests import RequestTotals, cost_type, total_of
from pepperpy_obs.aggregate.series_data import TOKEN_TYPES
from pepperpy_obs.events import TOKEN_FIELDS
from pepperpy_obs.formats.fast_decode import FastRequest

__all__ = ["sums_of"]

_tokens: Final = attrgetter(*TOKEN_FIELDS)


def sums_of(facts: Sequence[FastRequest]) -> RequestTotals:
    """Return what usual requests add up to; ValueError if an amount might not be counted by itself."""
    tokens: dict[str, int] = {}
    for name, column in zip(TOKEN_TYPES, zip(*map(_tokens, facts), strict=True), strict=True):
        told = column if None not in column else [number for number in column if number is not None]
        if told:
            tokens[name] = sum(told)
    costs = [one.cost_usd for one in facts if one.cost_usd is not None]
    saved = [one.saved_usd for one in facts if one.saved_usd is not None]
    unpriced = [one for one in facts if one.cost_usd is None and one.cost_source == "unpriced"]
    return RequestTotals(
        len(facts),
        tokens,
        len(costs),
        len(unpriced),
        total_of(costs),
        {name: total_of(amounts) for name, amounts in _parts(facts).items()},
        total_of(saved) if saved else None,
    )


def _parts(facts: Sequence[FastRequest]) -> dict[str, list[str]]:
    """Return the parts of all costs, by the name under which they are counted."""
    parts = [one.cost_by_type for one in facts if one.cost_by_type and one.cost_usd is not None]
    columns: dict[str, list[str]] = {}
    names = list(parts[0]) if parts else []
    if all(list(part) == names for part in parts):
        # So it is with most requests of one model.
        for name, amounts in zip(names, zip(*[part.values() for part in parts], strict=True), strict=True):
            columns.setdefault(cost_type(name), []).extend(amounts)
        return columns
    for part in parts:
        for name, amount in part.items():
            columns.setdefault(cost_type(name), []).append(amount)
    return columns
