from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest, parser, utils
from prometheus_client.metrics_core import Metric as Parsed
from prometheus_client.openmetrics import exposition as openmetrics_exposition
from prometheus_client.openmetrics import parser as openmetrics_parser

from pepperpy_obs import _guard
from pepperpy_obs.aggregate.metric import Metric
from pepperpy_obs.export.block import number
from pepperpy_obs.export.exporter import PrometheusExporter
from pepperpy_obs.export.exposition import Exposition
from pepperpy_obs.export.families import DURATION, Family, HistogramSample, MetricFamily
from pepperpy_obs.export.prometheus import ObsCollector
from tests.still import AT, Still

# prometheus_client has no types here.
go_number: Callable[[float | Decimal], str] = utils.floatToGoString
generate_openmetrics: Callable[[CollectorRegistry], bytes] = openmetrics_exposition.generate_latest
parse_text: Callable[[str], Iterable[Parsed]] = parser.text_string_to_metric_families
parse_openmetrics: Callable[[str], Iterable[Parsed]] = openmetrics_parser.text_string_to_metric_families

NAUGHTY = st.text(st.sampled_from('a"\\\n\r\t{},= #\0\N{SNOWMAN}\u2028\ud800%s'), max_size=6) | st.text(max_size=6)


@settings(deadline=None)
@given(st.floats() | st.integers(0, 2**70) | st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_numbers_are_spelled_as_prometheus_client_spells_them(value: float | Decimal) -> None:
    """Any int, float or Decimal is written as Go would write it."""
    assert number(value) == go_number(value)


EVENTS = st.fixed_dictionaries(
    {"operation": NAUGHTY, "outcome": st.sampled_from(["ok", "error", "cancelled", "abandoned"])},
    optional={
        "agent": NAUGHTY,
        "kind": st.sampled_from(["agent", "llm"]),
        "model": NAUGHTY,
        "provider": NAUGHTY,
        "duration_seconds": st.floats(0, 1e6),
        "time_to_first_item_seconds": st.floats(0, 1e3),
        "input_tokens": st.integers(0, 10**9),
        "cost_usd": st.decimals(0, 10**6, places=9),
        "trace_id": st.just("0af7651916cd43dd8448eb211c80319c"),
        "span_id": st.sampled_from(["b7ad6b7169203331", ""]),
        "cache": NAUGHTY,
        "cache_hit": st.booleans(),
    },
)
METRICS = st.builds(
    lambda kind, unit, description, value, labels: Metric(f"mine_{kind}", description, unit, kind).fields(
        value, labels
    ),
    st.sampled_from(["counter", "gauge", "histogram"]),
    st.sampled_from(["", "s", "jobs"]),
    NAUGHTY,
    st.floats(0, 1e300),
    st.dictionaries(st.sampled_from(["queue", "zone", "_a"]), NAUGHTY),
)


def folded(events: Iterable[dict[str, object]], metrics: Iterable[dict[str, object]]) -> Still:
    """Return a runtime that has counted all of them."""
    still = Still()
    for event in events:
        still.fold(**event)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    for metric in metrics:
        still.fold("metric.recorded", **metric)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return still


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=8), st.lists(METRICS, max_size=4))
def test_our_text_is_prometheus_clients_own(events: list[dict[str, object]], metrics: list[dict[str, object]]) -> None:
    """Whatever was counted, our renderer and prometheus_client write the same bytes, in both formats."""
    still = folded(events, metrics)
    registry = CollectorRegistry()
    registry.register(ObsCollector(still))
    exporter = PrometheusExporter(still)
    for _ in range(2):  # the second time with the labels remembered
        assert exporter.text().encode() == generate_latest(registry)
        assert exporter.text(openmetrics=True).encode() == generate_openmetrics(registry)


def samples(families: Iterable[Parsed]) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return the value of every sample by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(EVENTS, max_size=8))
def test_what_is_written_is_read_back(events: list[dict[str, object]]) -> None:
    """Both of prometheus_client's parsers find in our text every sample of the Collector, with its labels and value."""
    still = folded(events, [])
    expected = samples(ObsCollector(still).collect())
    exporter = PrometheusExporter(still)
    assert samples(parse_text(exporter.text())) == expected
    assert samples(parse_openmetrics(exporter.text(openmetrics=True))) == expected


def test_labels_are_escaped(still: Still) -> None:
    """Quotes, backslashes and newlines are escaped, a snowman is not; half a surrogate pair becomes a question mark."""
    still.fold(operation='a"b\\c\nd\N{SNOWMAN}\ud83d', outcome="ok")
    lines = PrometheusExporter(still).text().splitlines()
    assert r'pepperpy_operations_total{agent="",kind="",operation="a\"b\\c\nd☃?",outcome="ok"} 1.0' in lines


def test_an_exemplar_stands_behind_its_bucket(still: Still) -> None:
    """OpenMetrics carries the trace of a call in the bucket of its duration; the text format has no place for it."""
    still.fold(operation="ask", outcome="ok", duration_seconds=1.5, trace_id="ab" * 16, span_id="cd" * 8)
    exporter = PrometheusExporter(still)
    (found,) = [line for line in exporter.text(openmetrics=True).splitlines() if "trace_id" in line]
    sample, exemplar = found.split(" # ")
    assert AT == 1700000000_123456789
    assert sample == 'pepperpy_operation_duration_seconds_bucket{agent="",kind="",le="2.0",operation="ask"} 1.0'
    assert exemplar == f'{{span_id="{"cd" * 8}",trace_id="{"ab" * 16}"}} 1.5 1700000000.123456789'
    assert "trace_id" not in exporter.text()


def test_millions_are_counted_to_the_last_one() -> None:
    """Counts too large for plain digits keep all their digits."""
    row = HistogramSample((*range(15), 999_999, 1_000_000, 123_456_789_012), math.pi, {})
    text = Exposition().text([MetricFamily(DURATION, samples={("a", "b", "c"): row})]).decode()
    labels = frozenset({("operation", "a"), ("agent", "b"), ("kind", "c")})
    assert samples(parse_text(text))["pepperpy_operation_duration_seconds_count", labels] == 123_456_789_012
    assert 'le="256.0",operation="a"} 999999.0\n' in text
    assert 'le="+Inf",operation="a"} 1.23456789012e+11\n' in text


def test_labels_of_series_that_are_gone_are_forgotten() -> None:
    """What is remembered is bounded by the latest scrape, however many label sets came and went."""
    family = Family("jobs_total", "counter", ("queue",), "Jobs.")
    exposition = Exposition()
    for queue in range(50):
        exposition.text([MetricFamily(family, {(str(queue),): 1})])
    assert [block.labels for block in exposition._remembered[family, False]._blocks] == [(("49",),)]
    exposition.text([])
    assert exposition._remembered == {}


def test_a_family_that_cannot_be_rendered_is_left_out() -> None:
    """A row that is no row costs only its own family, and is counted."""
    _guard.forget()
    good = MetricFamily(Family("good_total", "counter", (), "Good."), {(): 1})
    bad = MetricFamily(Family("bad_total", "counter", ("one",), "Bad."), {("a", "b"): 1})
    assert Exposition().text([bad, good]) == b"# HELP good_total Good.\n# TYPE good_total counter\ngood_total 1.0\n"
    assert _guard.failures() == {"collect": 1}


@pytest.mark.parametrize("openmetrics", [False, True])
def test_nothing_counted_is_still_a_valid_exposition(still: Still, openmetrics: bool) -> None:
    """An empty runtime gives text that a parser takes, with each of our families typed."""
    text = PrometheusExporter(still).text(openmetrics=openmetrics)
    parsed = list(parse_openmetrics(text) if openmetrics else parse_text(text))
    assert {family.name: family.type for family in parsed} == {
        family.name: family.type for family in ObsCollector(still).describe()
    }
