"""A ledger as plain values, which JSON takes, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pepperpy_obs.aggregate.cell import CacheCell, Cell, Requests
from pepperpy_obs.aggregate.ledger import Entries, Ledger
from pepperpy_obs.aggregate.metric import MetricCell
from pepperpy_obs.aggregate.series import MetricKey, SeriesKey

__all__ = ["ledger_of", "plain_of"]


def plain_of(entries: Entries) -> dict[str, Any]:
    """Return plain values."""
    return {
        "start": entries.start,
        "end": entries.end,
        "series": [{**key._asdict(), **cell.to_dict()} for key, cell in sorted(entries.series.items(), key=_key)],
        "caches": {name: cell._asdict() for name, cell in entries.caches.items()},
        "metrics": [
            {"name": key.name, "kind": key.kind, "labels": dict(key.labels), **cell.to_dict()}
            for key, cell in sorted(entries.metrics.items(), key=_key)
        ],
        "attributes": [
            {"name": name, "value": value, **requests.to_dict()}
            for (name, value), requests in sorted(entries.attributes.items(), key=_key)
        ],
        "days": {day: requests.to_dict() for day, requests in entries.days.items()},
        "events": dict(entries.events),
        "refused": dict(entries.refused),
        "overflow": dict(entries.overflow),
    }


def ledger_of(plain: Mapping[str, Any]) -> Ledger:
    """Return the ledger of these plain values; one of many errors of values that are none."""
    ledger = Ledger()
    for row in plain["series"]:
        ledger.series[SeriesKey(*(row[name] for name in SeriesKey._fields))] = Cell.from_dict(row)
    for name, row in plain["caches"].items():
        ledger.caches[name] = CacheCell(**row)
    for row in plain["metrics"]:
        key = MetricKey(row["name"], row["kind"], tuple(sorted(row["labels"].items())))
        ledger.metrics[key] = MetricCell.from_dict(row)
    for row in plain["attributes"]:
        ledger.attributes[row["name"], row["value"]] = Requests.from_dict(row)
    for day, row in plain["days"].items():
        ledger.days[day] = Requests.from_dict(row)
    ledger.events.update(plain["events"])
    ledger.refused.update(plain["refused"])
    ledger.overflow.update(plain["overflow"])
    ledger.span(plain["start"], plain["end"])
    return ledger


def _key(entry: tuple[Any, Any]) -> Any:
    return entry[0]
