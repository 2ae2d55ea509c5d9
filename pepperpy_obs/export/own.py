"""The user's own metrics as families: their names as Prometheus spells them, and their rows.

The aggregator takes in no name or label that Prometheus would not. But two metrics may come out under one name ("x" in
seconds and "x_seconds"); they are not mixed: the later one is left out, and counted and explained as a failure.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, cast

from pepperpy_obs import _guard
from pepperpy_obs.aggregate.metric import MetricData, MetricKind
from pepperpy_obs.aggregate.series import MetricKey
from pepperpy_obs.errors import SetupError
from pepperpy_obs.export.families import (
    DURATION_BOUNDS,
    FAMILIES,
    VALUE_BOUNDS,
    Family,
    HistogramSample,
    Labels,
    MetricFamily,
    sendable,
)

__all__ = ["own_families"]

_UNITS: Final = {
    "": "", "1": "", "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
    "min": "minutes", "h": "hours", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "%": "percent",
    "$": "usd", "USD": "usd",
}  # fmt: skip
"""OpenTelemetry's units (UCUM) as Prometheus writes them out; any other is taken as it is."""

_ILLEGAL: Final = re.compile(r"[^a-zA-Z0-9_]+")
_SUFFIXES: Final = ("", "_total", "_created", "_bucket", "_count", "_sum")


def own_families(metrics: Mapping[MetricKey, MetricData]) -> Iterator[MetricFamily]:
    """Yield a family for each metric, in the order of their names."""
    claimed = {family.stem + suffix for family in FAMILIES for suffix in _SUFFIXES}
    by_metric: defaultdict[tuple[str, str], dict[MetricKey, MetricData]] = defaultdict(dict)
    for key, data in metrics.items():
        by_metric[key.name, key.kind][key] = data
    for (name, kind), all_data in sorted(by_metric.items()):
        try:
            family = _family(name, kind, all_data)
            claimed |= _names(family, claimed)
            filled = _fill(family, all_data)
        except Exception as error:
            _guard.failed("collect", error)
        else:
            yield filled


def _names(family: Family, claimed: set[str]) -> set[str]:
    """Return all names that belong to the family, none of which may be `claimed`."""
    names = {family.stem + suffix for suffix in _SUFFIXES}
    if not claimed.isdisjoint(names):
        msg = f"metric {family.name!r} is left out: its name, or that of a part of it, is another metric's; rename it"
        raise SetupError(msg)
    return names


def _family(name: str, kind: str, all_data: Mapping[MetricKey, MetricData]) -> Family:
    unit = max(data.unit for data in all_data.values())
    unit = _UNITS.get(unit, _ILLEGAL.sub("_", unit.replace("/", "_per_")).strip("_"))
    stem = name.removesuffix("_total")
    if unit == stem or not unit:
        unit = ""
    elif not stem.endswith(f"_{unit}"):
        stem = f"{stem}_{unit}"
    bounds = DURATION_BOUNDS if unit == "seconds" else VALUE_BOUNDS
    return Family(
        f"{stem}_total" if kind == "counter" else stem,
        cast("MetricKind", kind),
        tuple(sorted({label for key in all_data for label, _ in key.labels})),
        sendable(max(data.description for data in all_data.values())) or f"The user's metric {name}.",
        unit,
        bounds if kind == "histogram" else (),
    )


def _fill(family: Family, all_data: Mapping[MetricKey, MetricData]) -> MetricFamily:
    rows = {_row(family, key): data for key, data in all_data.items()}
    if family.type != "histogram":
        return MetricFamily(family, {labels: data.value for labels, data in rows.items()})
    return MetricFamily(
        family,
        samples={
            labels: HistogramSample((*found.buckets(family.bounds), found.count), found.sum, {})
            for labels, found in ((labels, data.histogram) for labels, data in rows.items())
        },
    )


def _row(family: Family, key: MetricKey) -> Labels:
    """Return the values of the family's labels; "" for one that this series lacks, which is the same to Prometheus."""
    values = dict(key.labels)
    return tuple(values.get(name, "") for name in family.labels)
