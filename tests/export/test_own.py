from __future__ import annotations

from typing import Any

import pytest

from pepperpy_obs import _guard
from pepperpy_obs.aggregate.metric import Metric
from pepperpy_obs.errors import SetupError
from pepperpy_obs.export.families import DURATION_BOUNDS, VALUE_BOUNDS, Family, MetricFamily
from pepperpy_obs.export.own import own_families
from tests.still import Still


def record(still: Still, metric: Metric, value: float, **labels: str) -> None:
    """Record a value as `MetricsCollector.record_metric` does."""
    still.fold("metric.recorded", **metric.fields(value, labels))


def exposed(still: Still) -> list[MetricFamily]:
    """Return the user's families."""
    return list(own_families(still.reading().snapshot.metrics))


@pytest.mark.parametrize(
    "metric,name,unit",
    [
        (Metric("custom_operation", unit="operations"), "custom_operation_operations_total", "operations"),
        (Metric("tickets"), "tickets_total", ""),
        (Metric("tickets_total"), "tickets_total", ""),
        (Metric("tickets", unit="tickets"), "tickets_total", ""),
        (Metric("wait_seconds", unit="seconds", kind="histogram"), "wait_seconds", "seconds"),
        (Metric("wait", unit="s", kind="histogram"), "wait_seconds", "seconds"),
        (Metric("memory", unit="By", kind="gauge"), "memory_bytes", "bytes"),
        (Metric("speed", unit="tokens/s", kind="gauge"), "speed_tokens_per_s", "tokens_per_s"),
        (Metric("share", unit="1", kind="gauge"), "share", ""),
        (Metric("share", unit="%", kind="gauge"), "share_percent", "percent"),
        (Metric("odd", unit="{things}", kind="gauge"), "odd_things", "things"),
    ],
)
def test_names_are_spelled_as_prometheus_wants_them(still: Still, metric: Metric, name: str, unit: str) -> None:
    """A user's metric is exposed under its own name, with its unit and a counter's suffix, each once."""
    record(still, metric, 1.0)
    (filled,) = exposed(still)
    assert (filled.family.name, filled.family.unit, filled.family.type) == (name, unit, metric.kind)


def test_counters_and_gauges_have_a_row_for_each_label_set(still: Still) -> None:
    """Label sets that differ share a table; a label that a series lacks is empty, which is absent to Prometheus."""
    solved = Metric("solved", "Tickets that were solved.")
    record(still, solved, 1.0, queue="mail")
    record(still, solved, 2.5, queue="mail")
    record(still, solved, 4.0, by="owl")
    record(still, solved, 0.5)
    assert exposed(still) == [
        MetricFamily(
            Family("solved_total", "counter", ("by", "queue"), "Tickets that were solved."),
            {("", "mail"): 3.5, ("owl", ""): 4.0, ("", ""): 0.5},
        )
    ]


def test_histograms_are_counted_exactly_at_their_bounds(still: Still) -> None:
    """Values of unknown size have bounds that are powers of four, seconds have those of our durations."""
    sizes = Metric("size", "How big.", kind="histogram")
    waits = Metric("wait", "How long.", "s", kind="histogram")
    found = [-3.0, 0.0, 0.25, 1.0, 1.5, 2e6]
    for value in found:
        record(still, sizes, value)
    record(still, waits, 0.5)
    size, wait = exposed(still)
    assert list(size.samples[()].counts) == [
        *(sum(value <= bound for value in found) for bound in VALUE_BOUNDS),
        6,
    ]
    assert size.samples[()].sum == sum(found)
    assert list(wait.samples[()].counts) == [int(bound >= 0.5) for bound in (*DURATION_BOUNDS, 1.0)]


@pytest.mark.parametrize(
    "one,two",
    [
        (Metric("wait", unit="s", kind="gauge"), Metric("wait_seconds", kind="gauge")),
        (Metric("jobs"), Metric("jobs_total")),
        (Metric("jobs"), Metric("jobs", unit="jobs")),
    ],
)
def test_two_metrics_are_not_mixed_up(still: Still, one: Metric, two: Metric) -> None:
    """Of two metrics that would come out under one name only one is exposed, and the other is counted as a failure."""
    record(still, one, 1.0)
    record(still, two, 2.0)
    expected = 1 if one.name != two.name else 0
    assert len(exposed(still)) == 1
    assert _guard.failures().get("collect", 0) == expected


@pytest.mark.parametrize("name", ["pepperpy_operations", "pepperpy_anything"])
def test_our_names_are_refused_when_a_metric_is_made(name: str) -> None:
    """A metric cannot take a name of ours, now or in future: the whole prefix is refused at set-up."""
    with pytest.raises(SetupError, match="leave the prefix out"):
        Metric(name)


def test_descriptions_default_to_the_name(still: Still) -> None:
    """Every family has help, as promlint wants."""
    record(still, Metric("mood", kind="gauge"), 1.0)
    helps: list[Any] = [filled.family.help for filled in exposed(still)]
    assert helps == ["The user's metric mood."]
