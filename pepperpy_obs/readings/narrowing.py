"""Readings of some of the calls: those of an agent, a model, an operation, a provider, or of one customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from pepperpy_obs.aggregate.series import ALSO_BY, SeriesKey, parted
from pepperpy_obs.aggregate.series_data import NO_CALLS, LlmStats, SeriesData
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.errors import SetupError
from pepperpy_obs.readings.reading import Reading

__all__ = ["narrowed"]

_SERIES: Final = frozenset(SeriesKey._fields)


def narrowed(reading: Reading, wanted: Mapping[str, str]) -> Reading:
    """Return the reading of the calls that have all these labels; "" stands for none.

    Of a field of the user's (`Config(cost_attributes=...)`) requests alone are counted: there are tokens and costs,
    and no calls and durations. SetupError where a field is not counted, or not together with the others.
    """
    if not wanted:
        return reading
    labels = {name: value for name, value in wanted.items() if name in _SERIES}
    fields = {name: value for name, value in wanted.items() if name not in _SERIES}
    snapshot = reading.snapshot
    series = _by_fields(snapshot, labels, fields) if fields else _by_labels(snapshot, labels)
    nothing: Mapping[str, int] = MappingProxyType({})
    return replace(
        reading,
        counted=replace(
            snapshot,
            series=MappingProxyType(series),
            caches=MappingProxyType({}),
            metrics=MappingProxyType({}),
            attributes=MappingProxyType({}),
            days=MappingProxyType({}),
            events=nothing,
            refused=nothing,
            overflow=nothing,
        ),
        live=replace(
            reading.live,
            active={
                (operation, agent): count
                for (operation, agent), count in reading.live.active.items()
                if labels.get("operation", operation) == operation and labels.get("agent", agent) == agent
            },
            agents={name: n for name, n in reading.live.agents.items() if labels.get("agent", name) == name},
            caches={},
        ),
    )


def _by_labels(snapshot: Snapshot, labels: Mapping[str, str]) -> dict[SeriesKey, SeriesData]:
    places = [(SeriesKey._fields.index(name), value) for name, value in labels.items()]
    return {key: data for key, data in snapshot.series.items() if all(key[place] == value for place, value in places)}


def _by_fields(snapshot: Snapshot, labels: Mapping[str, str], fields: Mapping[str, str]) -> dict[SeriesKey, SeriesData]:
    """Return requests by whatever else they are counted by together with these fields."""
    names = _counted_by(snapshot, {*labels, *fields})
    together = names.split(ALSO_BY)
    found: dict[SeriesKey, LlmStats] = {}
    for (name, value), requests in snapshot.attributes.items():
        if name != names:
            continue
        values = dict(zip(together, parted(value, len(together)), strict=True))
        if all(values[field] == given for field, given in {**labels, **fields}.items()):
            key = SeriesKey(**{field: values[field] for field in together if field in _SERIES})
            found[key] = found[key].merge(requests) if key in found else requests
    return {key: _only(requests) for key, requests in found.items()}


def _counted_by(snapshot: Snapshot, wanted: set[str]) -> str:
    """Return the combination that has all of these, and as many labels beside them as can be had."""
    known = dict.fromkeys(name for name, _ in snapshot.attributes)
    fitting = [name for name in known if wanted <= set(name.split(ALSO_BY)) <= wanted | _SERIES]
    if fitting:
        return max(fitting, key=lambda name: name.count(ALSO_BY))
    if not snapshot.series:
        return ALSO_BY.join(sorted(wanted))  # nothing is counted yet, by this field or any other
    asked = ALSO_BY.join(sorted(wanted))
    told = ", ".join(known) or "none"
    msg = f'requests are not counted by {asked} (but by: {told}); name it: Config(cost_attributes=("{asked}",))'
    raise SetupError(msg)


def _only(requests: LlmStats) -> SeriesData:
    """Return requests of which nothing else is known."""
    none = NO_CALLS
    return SeriesData(none.outcomes, none.errors, none.duration, none.first_item, requests, 0, 0, None)
