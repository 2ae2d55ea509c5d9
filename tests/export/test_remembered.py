from __future__ import annotations

from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from pepperpy_obs.export import block
from pepperpy_obs.export.exporter import PrometheusExporter
from pepperpy_obs.export.prometheus import ObsCollector
from tests.aggregate.strategies import History, folded, histories
from tests.still import AT, Still

SECOND = 1_000_000_000

# Calls of many series, some of them large enough to be written with exponents; now and then another slot.
calls = st.fixed_dictionaries(
    {
        "operation": st.sampled_from(["ask", "plan", "100 %", "write"]),
        "outcome": st.sampled_from(["ok", "ok", "error", "cancelled"]),
        "duration_seconds": st.sampled_from([0.0, 1e-9, 0.004, 0.25, 1.0, 1.5, 700.0]),
    },
    optional={
        "agent": st.sampled_from(["", "scout"]),
        "model": st.sampled_from(["a", "b"]),
        "time_to_first_item_seconds": st.just(0.5),
        "trace_id": st.just("0af7651916cd43dd8448eb211c80319c"),
        "input_tokens": st.sampled_from([1, 999_999, 5_000_000]),
    },
)
values = st.fixed_dictionaries(
    {
        "metric": st.sampled_from(["jobs", "wait"]),
        "metric_kind": st.just("histogram"),
        "metric_description": st.sampled_from(["", "Another help text."]),
        "value": st.sampled_from([0.0, -2.0, 3.0, 1e9]),
    },
    optional={"labels": st.dictionaries(st.sampled_from(["queue"]), st.sampled_from(["a", "b"]))},
)
steps = st.one_of(
    st.tuples(st.just("call"), calls),
    st.tuples(st.just("call"), calls),
    st.tuples(st.just("value"), values),
    st.tuples(st.just("wait"), st.sampled_from([1, 10, 400])),
    st.tuples(st.just("often"), st.integers(1, 3)),
    st.tuples(st.just("merge"), histories(max_size=4)),
    st.tuples(st.just("clear"), st.none()),
    st.tuples(st.just("scrape"), st.booleans()),
    st.tuples(st.just("scrape"), st.booleans()),
)


def take(still: Still, step: str, given_value: Any, at: int) -> int:
    """Do one thing to a runtime, and return what time it is then."""
    if step == "call":
        still.fold(**given_value, at=at)
    elif step == "value":
        still.fold("metric.recorded", **given_value, at=at)
    elif step == "wait":
        return at + int(given_value) * SECOND
    elif step == "often":
        # What was counted, a hundred times over: a scrape of three of these shows millions.
        for _ in range(given_value):
            snapshot = still.store.snapshot()
            for _ in range(6):
                snapshot = snapshot.merge(snapshot)
            still.store.merge(snapshot)
    elif step == "merge":
        other: History = given_value
        still.store.merge(folded(other).snapshot())
    elif step == "clear":
        still.store.clear()
    return at


@settings(deadline=None)
@given(st.lists(steps, min_size=1, max_size=25))
def test_what_is_remembered_is_what_would_be_made_anew(history: list[tuple[str, Any]]) -> None:
    """Whatever happens between scrapes, an exporter that remembers the last ones writes what a new one would.

    Series come, change, rest, are merged with those of other processes and forgotten; slots turn; both formats are
    asked for; and blocks of lines are as short as two series.
    """
    still, at = Still(), AT
    with mock.patch.object(block, "_SIZE", 2):
        exporter = PrometheusExporter(still)
        registry = CollectorRegistry()
        registry.register(ObsCollector(still))
        for step, given_value in [*history, ("scrape", False), ("scrape", True)]:
            at = take(still, step, given_value, at)
            if step == "scrape":
                fresh = PrometheusExporter(still).text(openmetrics=given_value)
                assert exporter.text(openmetrics=given_value) == fresh
                if not given_value:
                    assert generate_latest(registry).decode() == fresh
