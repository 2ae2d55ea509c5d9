from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import pytest

from pepperpy_obs.aggregate.histogram import Durations, Histogram
from pepperpy_obs.aggregate.metric import Latest, MetricData
from pepperpy_obs.aggregate.series import MetricKey, SeriesKey
from pepperpy_obs.aggregate.series_data import CacheData, Exemplar, LlmStats, SeriesData
from pepperpy_obs.aggregate.store import Store
from tests.aggregate.strategies import NOON, SECOND, finished, folded


class TestFold:
    def test_a_whole_call(self) -> None:
        """Everything that an event says is counted, exactly, in the data of its series."""
        event = finished(
            kind="llm",
            agent="planner",
            provider="openai",
            model="gpt-4o",
            outcome="error",
            error_type="TimeoutError",
            duration_seconds=1.5,
            time_to_first_item_seconds=0.25,
            input_tokens=1000,
            output_tokens=50,
            cache_read_tokens=200,
            reasoning_tokens=10,
            cost_usd=Decimal("0.0030"),
            cost_by_type={"input": Decimal("0.0025"), "output": Decimal("0.0005")},
            saved_usd=Decimal("0.0001"),
            trace_id="a" * 32,
            span_id="b" * 16,
        )
        data = folded([(event, NOON)]).snapshot().series[SeriesKey("ask", "planner", "llm", "openai", "gpt-4o")]
        assert data == SeriesData(
            outcomes={"error": 1},
            errors={"TimeoutError": 1},
            duration=Durations.of([1.5]),
            first_item=Durations.of([0.25]),
            requests=LlmStats(
                outcomes={"error": 1},
                tokens={"input": 1000, "output": 50, "cache_read": 200, "reasoning": 10},
                cost=Decimal("0.0030"),
                cost_by_type={"input": Decimal("0.0025"), "output": Decimal("0.0005")},
                saved_by={"prompt_cache": Decimal("0.0001")},
                waste_by={"error": Decimal("0.0030")},
                priced=1,
                unpriced=0,
                incidents={},
            ),
            first=NOON,
            last=NOON,
            exemplar=Exemplar(NOON // (10 * SECOND), 1.5, NOON, "a" * 32, "b" * 16),
        )

    def test_a_plain_call_is_no_request(self) -> None:
        """A call without provider, model and tokens is not counted as a request to a language model."""
        (data,) = folded([(finished(kind="tool", duration_seconds=0.1), NOON)]).snapshot().series.values()
        assert (data.calls, data.requests.count) == (1, 0)

    @pytest.mark.parametrize(
        "fields, requests, tokens, priced, unpriced",
        [
            ({"kind": "llm"}, 1, {}, 0, 0),
            ({"provider": "openai"}, 1, {}, 0, 0),
            ({"input_tokens": 5}, 1, {"input": 5}, 0, 0),
            ({"model": "m", "cost_source": "unpriced"}, 1, {}, 0, 1),
            ({"model": "m", "output_tokens": 5, "cost_usd": Decimal(1)}, 1, {"output": 5}, 1, 0),
            ({"model": "m", "output_tokens": 5, "cost_usd": Decimal(1), "usage_duplicate": True}, 0, {}, 0, 0),
            (
                {"model": "m", "output_tokens": 5, "cost_usd": Decimal(1), "usage_aggregate": True},
                0,
                {"output": 5},
                1,
                0,
            ),
        ],
    )
    def test_what_is_a_request(
        self, fields: dict[str, Any], requests: int, tokens: dict[str, int], priced: int, unpriced: int
    ) -> None:
        """Duplicates count nothing; a total counts tokens and money, but no request; no price asked, none missing."""
        (data,) = folded([(finished(**fields), NOON)]).snapshot().series.values()
        found = data.requests
        assert (found.count, found.tokens, found.priced, found.unpriced) == (requests, tokens, priced, unpriced)

    def test_a_total_alone(self) -> None:
        """Tokens told as a sum only are counted as such."""
        event = {"event": "usage.recorded", "operation": "completion", "provider": "openai", "unsplit_tokens": 100}
        snapshot = folded([(event, NOON)]).snapshot()
        data = snapshot.series[SeriesKey("completion", provider="openai")]
        assert (data.calls, data.requests.outcomes, data.requests.tokens) == (0, {"ok": 1}, {"unsplit": 100})
        assert snapshot.events == {"usage.recorded": 1}

    def test_several_answers_in_one_call(self) -> None:
        """An event that tells of three requests is one call and three requests, whose cost is that of all of them."""
        event = finished(kind="llm", model="gpt-4o", requests=3, input_tokens=36, cost_usd="0.03")
        [data] = folded([(event, NOON), ({**event, "requests": "many"}, NOON)]).snapshot().series.values()
        assert data.outcomes == {"ok": 2}
        assert (data.requests.outcomes, data.requests.priced) == ({"ok": 4}, 4)

    def test_lookups(self) -> None:
        """Lookups are counted in calls and outside of calls, and what they saved with the operation."""
        history = [
            (finished(cache="answers", cache_hit=True, saved_usd=Decimal("0.5")), NOON),
            ({"event": "cache.looked_up", "cache": "answers", "cache_hit": False}, NOON),
            ({"event": "cache.looked_up", "cache": "pages", "cache_hit": True, "saved_usd": "0.25"}, NOON),
        ]
        snapshot = folded(history).snapshot()
        assert snapshot.caches == {"answers": CacheData(1, 1), "pages": CacheData(1, 0)}
        assert {key.operation: data.requests.saved for key, data in snapshot.series.items()} == {
            "ask": Decimal("0.5"),
            "": Decimal("0.25"),
        }

    def test_metrics(self) -> None:
        """A counter adds up, a gauge keeps the latest value, a histogram all of them; label order does not matter."""
        common = {"event": "metric.recorded", "metric_unit": "s", "metric_description": "Time"}
        history = [
            ({**common, "metric": "c", "metric_kind": "counter", "value": 0.1, "labels": {"a": "1", "b": "2"}}, NOON),
            ({**common, "metric": "c", "metric_kind": "counter", "value": 0.2, "labels": {"b": "2", "a": "1"}}, NOON),
            ({**common, "metric": "g", "metric_kind": "gauge", "value": 7}, NOON + 1),
            ({**common, "metric": "g", "metric_kind": "gauge", "value": 9}, NOON),
            ({**common, "metric": "h", "metric_kind": "histogram", "value": -2.0}, NOON),
        ]
        metrics = folded(history).snapshot().metrics
        assert metrics[MetricKey("c", "counter", (("a", "1"), ("b", "2")))].value == 0.1 + 0.2
        assert metrics[MetricKey("g", "gauge")] == MetricData("s", "Time", latest=Latest(NOON + 1, 7.0))
        assert metrics[MetricKey("h", "histogram")] == MetricData("s", "Time", histogram=Histogram.of([-2.0]))

    def test_money_is_exact_in_every_thread(self) -> None:
        """A thread that computes with three digits loses none of ours."""
        with localcontext(prec=3):
            history = [(finished(model="m", cost_usd=Decimal("0.123456789012345678901234567890")), NOON)] * 3
            (data,) = folded(history).snapshot().series.values()
        assert data.requests.cost == Decimal("0.370370367037037036703703703670")

    @pytest.mark.parametrize("outcome", ["error", "cancelled", "abandoned"])
    def test_waste(self, outcome: str) -> None:
        """Whatever was paid for a call that came to nothing is waste."""
        history = [(finished(model="m", cost_usd=Decimal(3), outcome=name), NOON) for name in (outcome, "ok")]
        (data,) = folded(history).snapshot().series.values()
        assert (data.requests.cost, data.requests.waste) == (Decimal(6), Decimal(3))

    def test_the_exemplar_is_the_slowest_call_of_the_latest_interval(self) -> None:
        """Within ten seconds the slowest call with a trace counts; a later interval's replaces it, and wins ties."""
        calls = [(0, 2.0, "a"), (1, 3.0, ""), (2, 2.5, "b"), (3, 2.5, "c"), (3, 1.0, "d")]
        history = [
            (finished(duration_seconds=seconds, trace_id=trace, span_id="s"), NOON + offset)
            for offset, seconds, trace in calls
        ]
        exemplars = []
        for later in ([], [(finished(duration_seconds=0.5, trace_id="e", span_id="s"), NOON + 10 * SECOND)]):
            (data,) = folded([*history, *later]).snapshot().series.values()
            assert data.exemplar is not None
            exemplars.append((data.exemplar.trace_id, data.exemplar.value))
        assert exemplars == [("c", 2.5), ("e", 0.5)]

    def test_times_out_of_order(self) -> None:
        """The first and the last event are told by their times, not by the order in which they came."""
        snapshot = folded([(finished(), NOON + offset) for offset in (5, 3, 9, 7)]).snapshot()
        (data,) = snapshot.series.values()
        assert (data.first, data.last, snapshot.start, snapshot.end) == (NOON + 3, NOON + 9, NOON + 3, NOON + 9)

    @pytest.mark.parametrize(
        "fields, refused",
        [
            ({"duration_seconds": float("nan")}, "duration_seconds"),
            ({"duration_seconds": -0.1}, "duration_seconds"),
            ({"duration_seconds": "1"}, "duration_seconds"),
            ({"duration_seconds": 10**400}, "duration_seconds"),
            ({"time_to_first_item_seconds": float("inf")}, "time_to_first_item_seconds"),
            ({"input_tokens": -1}, "input_tokens"),
            ({"input_tokens": True}, "input_tokens"),
            ({"output_tokens": 1.5}, "output_tokens"),
            ({"model": "m", "cost_usd": Decimal("NaN")}, "cost_usd"),
            ({"model": "m", "cost_usd": Decimal(-1)}, "cost_usd"),
            ({"model": "m", "cost_usd": Decimal("1e-70")}, "cost_usd"),
            ({"model": "m", "cost_usd": "free"}, "cost_usd"),
            ({"model": "m", "saved_usd": Decimal("Infinity")}, "saved_usd"),
            ({"model": "m", "cost_usd": 1, "cost_by_type": {"input": "x"}}, "cost_by_type"),
            ({"cache": "answers"}, "cache_hit"),
        ],
    )
    def test_what_makes_no_sense_is_refused_and_named(self, fields: dict[str, Any], refused: str) -> None:
        """The call itself is counted; the field that cannot be is named."""
        snapshot = folded([(finished(**fields), NOON)]).snapshot()
        assert snapshot.refused == {refused: 1}
        assert snapshot.events == {"operation.finished": 1}

    @pytest.mark.parametrize(
        "fields, refused",
        [
            ({"metric": "c", "value": float("nan")}, "value"),
            ({"metric": "c", "value": -1}, "value"),
            ({"metric": "c", "value": "1"}, "value"),
            ({"metric": "g", "metric_kind": "gauge", "value": float("-inf")}, "value"),
            ({"metric": "no name", "value": 1}, "metric"),
            ({"metric": "c", "value": 1, "labels": {"le": "1"}}, "metric"),
            ({"metric": "c", "metric_kind": "summary", "value": 1}, "metric"),
        ],
    )
    def test_metrics_that_make_no_sense(self, fields: dict[str, Any], refused: str) -> None:
        """NaN, infinities, falling counters and impossible names are refused before they poison a sum."""
        snapshot = folded([({"event": "metric.recorded", **fields}, NOON)]).snapshot()
        assert (snapshot.refused, dict(snapshot.metrics)) == ({refused: 1}, {})

    def test_a_metric_has_one_kind(self) -> None:
        """A name that is a counter already is not taken as a gauge."""
        history = [
            ({"event": "metric.recorded", "metric": "m", "metric_kind": kind, "value": 1}, NOON)
            for kind in ("counter", "gauge")
        ]
        snapshot = folded(history).snapshot()
        assert (list(snapshot.metrics), snapshot.refused) == ([MetricKey("m", "counter")], {"metric": 1})

    def test_a_series_that_was_counted_before_has_an_accumulator_in_every_interval(self) -> None:
        """Counting there by hand equals counting an event, and an accumulator without calls is not seen."""
        call = {"event": "operation.finished", "operation": "ask", "outcome": "ok", "duration_seconds": 0.5}
        labels = ("ask", None, None, None, None)
        store, other = Store(), Store()
        assert store.accumulator(labels, 0) is None
        for each in (store, other):
            each.fold(call, 0)
            each.fold({**call, "operation": "search"}, 20_000_000_000)
        one, accumulator = store.accumulator(labels, 25_000_000_000), store.accumulator(labels, 29_000_000_000)
        assert one is accumulator
        assert store.snapshot() == other.snapshot()
        assert accumulator is not None
        accumulator.finish_some([0.5], 1, 25_000_000_000, 25_000_000_000)
        other.fold(call, 25_000_000_000)
        assert store.snapshot() == other.snapshot()
        store.clear()
        assert store.accumulator(labels, 0) is None

    def test_a_series_too_many_has_no_tally_of_its_own(self) -> None:
        """It is counted with others of its kind, and each of its calls as an overflow."""
        call = {"event": "operation.finished", "operation": "ask", "outcome": "ok", "duration_seconds": 0.5}
        store = Store(max_series=1)
        for operation in ("ask", "search"):
            store.fold({**call, "operation": operation}, 0)
            store.fold({**call, "operation": operation}, 20_000_000_000)
        assert store.accumulator(("ask", None, None, None, None), 20_000_000_000)
        assert store.accumulator(("search", None, None, None, None), 20_000_000_000) is None

    def test_other_events(self) -> None:
        """Events of others are counted under one name, however many names they have."""
        assert folded([({"event": f"other.{i}"}, NOON) for i in range(5)]).snapshot().events == {"_other": 5}
