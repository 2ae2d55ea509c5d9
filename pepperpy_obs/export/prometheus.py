"""Our one Collector: for applications that have a prometheus_client registry and want our families in it.

The only room that knows prometheus_client. What we serve ourselves is rendered by `exposition`, which loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, Timestamp

from pepperpy_obs import _guard
from pepperpy_obs.export.block import number
from pepperpy_obs.export.families import FAMILIES, Family, HistogramSample, MetricFamily, sendable
from pepperpy_obs.export.histograms import Histograms
from pepperpy_obs.export.projection import collect_families, read
from pepperpy_obs.readings.source import Collects, Source, source_of

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ["ObsCollector"]


class ObsCollector(Collector):
    """All families of a collector's runtime, or of the default one, from one consistent snapshot a scrape.

    Never raises at a scrape, where one raising collector would take all the others with it. Registers itself nowhere.

    >>> from prometheus_client import CollectorRegistry, generate_latest
    >>> registry = CollectorRegistry()
    >>> registry.register(ObsCollector())
    >>> b"pepperpy_obs_events_total" in generate_latest(registry)
    True
    """

    def __init__(self, collector: Collects | Source | None = None) -> None:
        self._source = source_of(collector)
        self._histograms = Histograms()

    def describe(self) -> Iterator[Metric]:
        """Yield our own families without samples, so that registering reads nothing and name clashes show."""
        return map(_empty, FAMILIES)

    def collect(self) -> Iterator[Metric]:
        """Yield every family with its samples."""
        for filled in collect_families(read(self._source), self._histograms):
            try:
                metric = _metric(filled)
            except Exception as error:
                _guard.failed("collect", error)
            else:
                yield metric


_MADE: Final[dict[str, type[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}


def _empty(family: Family) -> CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily:
    return _MADE[family.type](family.stem, family.help, labels=family.labels, unit=family.unit)


def _metric(filled: MetricFamily) -> Metric:
    metric = _empty(filled.family)
    if isinstance(metric, HistogramMetricFamily):
        names = [number(bound) for bound in (*filled.family.bounds, inf)]
        for labels, row in filled.samples.items():
            metric.add_metric([sendable(value) for value in labels], _buckets(names, row), row.sum)
    else:
        for labels, value in filled.values.items():
            metric.add_metric([sendable(value) for value in labels], float(value))
    return metric


def _buckets(names: Sequence[str], row: HistogramSample) -> list[tuple[str, float] | tuple[str, float, Exemplar]]:
    buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = list(zip(names, row.counts, strict=True))
    for place, found in row.exemplars.items():
        ids = {"trace_id": found.trace_id} | ({"span_id": found.span_id} if found.span_id else {})
        moment = Timestamp(*divmod(found.at, 1_000_000_000))
        buckets[place] = (names[place], row.counts[place], Exemplar(ids, found.value, moment))
    return buckets
