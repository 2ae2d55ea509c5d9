"""A reading as OTLP metrics: the same numbers as everywhere, cumulative or since the time before."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs import Metric, MetricsCollector, costed, measure
from pepperpy_obs.export.otlp import MetricsWriter
from pepperpy_obs.readings import Reading
from pepperpy_obs.testing import captured
from tests.aggregate.strategies import NOON, SECOND, finished, folded


def points(metrics: list[dict[str, Any]], name: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return the points of a metric by the values of their attributes."""
    found = [metric for metric in metrics if metric["name"] == name]
    if not found:
        return {}
    (metric,) = found
    (body,) = (metric[kind] for kind in ("sum", "gauge", "histogram", "exponentialHistogram") if kind in metric)
    return {
        tuple(one["value"]["stringValue"] for one in point.pop("attributes")): point
        for point in ({**each} for each in body["dataPoints"])
    }


def reading(*events: tuple[dict[str, Any], int], at: int = NOON) -> Reading:
    """Return the reading of events."""
    return Reading(at, folded([*events]).lazy_snapshot(None, at))


def asks(number: int) -> list[tuple[dict[str, Any], int]]:
    """Return events of so many requests, one a second."""
    return [
        (
            finished(
                kind="llm",
                provider="openai",
                model="gpt-4o",
                duration_seconds=2.0**place,
                input_tokens=100,
                output_tokens=10,
                cost_usd=Decimal("0.5"),
                cost_source="custom",
                trace_id="ab" * 16,
                span_id="cd" * 8,
            ),
            NOON + place * SECOND,
        )
        for place in range(number)
    ]


def test_counts_costs_and_durations_are_those_of_the_reading() -> None:
    """Our bins are the protocol's, one place further; money is a number there."""
    found = MetricsWriter("cumulative", "semconv-1.41", NOON - SECOND).metrics(reading(*asks(2), at=NOON + 9 * SECOND))
    span = {"startTimeUnixNano": str(NOON - SECOND), "timeUnixNano": str(NOON + 9 * SECOND)}
    assert points(found, "pepperpy.operations") == {
        ("ask", "llm", "ok"): {**span, "asInt": "2"},
        ("ask", "llm", "error"): {**span, "asInt": "0"},
    }
    assert points(found, "pepperpy.llm.cost") == {("openai", "gpt-4o", "ask"): {**span, "asDouble": 1.0}}
    tokens = points(found, "pepperpy.llm.tokens")
    assert {labels[-1]: point["asInt"] for labels, point in tokens.items()} == {"input": "200", "output": "20"}
    (point,) = points(found, "pepperpy.operation.duration").values()
    counts = point["positive"].pop("bucketCounts")
    assert (counts[0], counts[-1], len(counts)) == ("1", "1", 65)
    exemplar = {"timeUnixNano": str(NOON + SECOND), "asDouble": 2.0, "traceId": "ab" * 16, "spanId": "cd" * 8}
    assert point == {
        **span,
        "count": "2",
        "sum": 3.0,
        "min": 1.0,
        "max": 2.0,
        "scale": 6,
        "zeroCount": "0",
        "positive": {"offset": -1},
        "negative": {"offset": 0, "bucketCounts": []},
        "exemplars": [exemplar],
    }


def test_deltas_add_up_to_what_is_cumulative() -> None:
    """Each begins where the one before ended, and a series that did not change has no point."""
    writer = MetricsWriter("delta", "semconv-1.41", NOON - SECOND)
    first = writer.metrics(reading(*asks(1), at=NOON + 1 * SECOND))
    second = writer.metrics(reading(*asks(3), at=NOON + 9 * SECOND))
    third = writer.metrics(reading(*asks(3), at=NOON + 19 * SECOND))
    label = ("ask", "llm", "ok")
    told = [points(each, "pepperpy.operations").get(label) for each in (first, second, third)]
    assert told == [
        {"startTimeUnixNano": str(NOON - SECOND), "timeUnixNano": str(NOON + SECOND), "asInt": "1"},
        {"startTimeUnixNano": str(NOON + SECOND), "timeUnixNano": str(NOON + 9 * SECOND), "asInt": "2"},
        None,
    ]
    (one,) = points(first, "pepperpy.operation.duration").values()
    (two,) = points(second, "pepperpy.operation.duration").values()
    assert (one["count"], one["sum"], two["count"], two["sum"]) == ("1", 1.0, "2", 6.0)
    assert (
        two["positive"]["offset"],
        two["positive"]["bucketCounts"][0],
        sum(map(int, two["positive"]["bucketCounts"])),
    ) == (63, "1", 2)
    assert points(third, "pepperpy.operation.duration") == {}
    (usage,) = (point for label, point in points(second, "gen_ai.client.token.usage").items() if label[-1] == "input")
    assert (usage["count"], usage["sum"]) == ("2", 200.0)


@pytest.mark.parametrize(
    "conventions, expected",
    [
        ("semconv-1.41", {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"}),
        (
            "genai-0.1",
            {
                "gen_ai.client.inference.duration",
                "gen_ai.client.inference.usage.input_tokens",
                "gen_ai.client.inference.usage.output_tokens",
            },
        ),
    ],
)
def test_the_conventions_metrics_are_there_under_their_names(conventions: Any, expected: set[str]) -> None:
    """Of either generation, with their attributes."""
    found = MetricsWriter("cumulative", conventions, NOON).metrics(reading(*asks(2)))
    names = {metric["name"] for metric in found if metric["name"].startswith("gen_ai.")}
    assert names == expected
    (name,) = (name for name in expected if name.endswith("duration"))
    assert list(points(found, name)) == [("chat", "openai", "gpt-4o")]


def test_a_wide_histogram_is_made_coarser() -> None:
    """Receivers expect 160 buckets at most; the counts stay."""
    wide = [(finished("x", duration_seconds=2.0**power), NOON) for power in range(-20, 10)]
    (point,) = points(
        MetricsWriter("cumulative", "semconv-1.41", NOON).metrics(reading(*wide)), "pepperpy.operation.duration"
    ).values()
    assert len(point["positive"]["bucketCounts"]) <= 160
    assert (sum(map(int, point["positive"]["bucketCounts"])), point["scale"] < 6) == (30, True)


def test_the_application_s_own_metrics_go_too() -> None:
    """Under their own names, each as what it is."""
    collector = MetricsCollector()
    with captured() as seen:
        for kind in ("counter", "gauge", "histogram"):
            collector.record_metric(Metric(f"shop_{kind}_now", "text", "s", kind), 2.5, shop="a")
        assert len(seen.events) == 3
        found = MetricsWriter("cumulative", "semconv-1.41", 1).metrics(Reading(2, seen.store.lazy_snapshot(None, 2)))
    assert (
        points(found, "shop_counter_now")["a",]["asDouble"] == points(found, "shop_gauge_now")["a",]["asDouble"] == 2.5
    )
    assert points(found, "shop_histogram_now")["a",]["sum"] == 2.5


def test_nothing_is_told_twice_of_calls_within_calls() -> None:
    """Durations are of every call; tokens and requests are counted once."""

    @costed(provider="openai")
    def ask() -> dict[str, Any]:
        return {"id": "c1", "model": "gpt-4o", "usage": {"prompt_tokens": 5, "completion_tokens": 1}}

    with captured() as seen:
        with measure("run"):
            costed(provider="openai", operation="outer")(ask)()
        _ = seen.events
        found = MetricsWriter("cumulative", "semconv-1.41", 1).metrics(Reading(2, seen.store.lazy_snapshot(None, 2)))
    usage = points(found, "gen_ai.client.token.usage")
    assert {labels[-1]: (point["count"], point["sum"]) for labels, point in usage.items()} == {
        "input": ("1", 5.0),
        "output": ("1", 1.0),
    }
