"""A table as plain values, which JSON takes, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pepperpy_obs.aggregate.metric import MetricData
from pepperpy_obs.aggregate.series import MetricKey, SeriesKey
from pepperpy_obs.aggregate.series_data import CacheData, LlmStats, SeriesData
from pepperpy_obs.aggregate.series_table import Entries, SeriesTable

__all__ = ["plain_of", "table_of"]


def plain_of(entries: Entries, rows: Callable[[Iterable[Any]], Any] = list) -> dict[str, Any]:
    """Return plain values; `rows=iter` makes those of each series when they are asked for.

    Ten thousand series at once are 60,000 objects for the garbage collector to look at, again and again.
    """
    return {
        "start": entries.start,
        "end": entries.end,
        "series": rows({**key._asdict(), **data.to_dict()} for key, data in sorted(entries.series.items(), key=_key)),
        "caches": {name: data._asdict() for name, data in entries.caches.items()},
        "metrics": rows(
            {"name": key.name, "kind": key.kind, "labels": dict(key.labels), **data.to_dict()}
            for key, data in sorted(entries.metrics.items(), key=_key)
        ),
        "attributes": rows(
            {"name": name, "value": value, **requests.to_dict()}
            for (name, value), requests in sorted(entries.attributes.items(), key=_key)
        ),
        "days": {day: requests.to_dict() for day, requests in entries.days.items()},
        "events": dict(entries.events),
        "refused": dict(entries.refused),
        "overflow": dict(entries.overflow),
    }


def table_of(plain: Mapping[str, Any]) -> SeriesTable:
    """Return the table of these plain values; one of many errors of values that are none."""
    table = SeriesTable()
    for row in plain["series"]:
        table.series[SeriesKey(*(row[name] for name in SeriesKey._fields))] = SeriesData.from_dict(row)
    for name, row in plain["caches"].items():
        table.caches[name] = CacheData(**row)
    for row in plain["metrics"]:
        key = MetricKey(row["name"], row["kind"], tuple(sorted(row["labels"].items())))
        table.metrics[key] = MetricData.from_dict(row)
    for row in plain["attributes"]:
        table.attributes[row["name"], row["value"]] = LlmStats.from_dict(row)
    for day, row in plain["days"].items():
        table.days[day] = LlmStats.from_dict(row)
    table.events.update(plain["events"])
    table.refused.update(plain["refused"])
    table.overflow.update(plain["overflow"])
    table.span(plain["start"], plain["end"])
    return table


def _key(entry: tuple[Any, Any]) -> Any:
    return entry[0]
