from __future__ import annotations

import random
from decimal import Decimal, localcontext
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_obs.aggregate.cell import NO_CALLS, CacheCell, Cell, Exemplar, Requests
from pepperpy_obs.aggregate.histogram import Durations, Histogram
from pepperpy_obs.aggregate.metric import Latest, MetricCell
from pepperpy_obs.aggregate.series import ELSEWHERE, MetricKey, SeriesKey
from pepperpy_obs.aggregate.snapshot import EMPTY, Snapshot
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.errors import SetupError
from tests.aggregate.strategies import NOON, SECOND, histories

History = list[tuple[dict[str, Any], int]]
WINDOWS = (None, 60, 300, 3600, 86_400)


def folded(history: History, **options: Any) -> Store:
    """Return a store of these events."""
    store = Store(**options)
    for event, at in history:
        store.fold(event, at)
    return store


def finished(operation: str = "ask", **fields: Any) -> dict[str, Any]:
    """Return the event of a finished call."""
    return {"event": "operation.finished", "operation": operation, "outcome": "ok", **fields}


class TestFold:
    def test_a_whole_call(self) -> None:
        """Everything that an event says is counted, exactly, in the cell of its series."""
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
        cell = folded([(event, NOON)]).snapshot().series[SeriesKey("ask", "planner", "llm", "openai", "gpt-4o")]
        assert cell == Cell(
            outcomes={"error": 1},
            errors={"TimeoutError": 1},
            duration=Durations.of([1.5]),
            first_item=Durations.of([0.25]),
            requests=Requests(
                outcomes={"error": 1},
                tokens={"input": 1000, "output": 50, "cache_read": 200, "reasoning": 10},
                cost=Decimal("0.0030"),
                cost_by_type={"input": Decimal("0.0025"), "output": Decimal("0.0005")},
                saved=Decimal("0.0001"),
                waste=Decimal("0.0030"),
                priced=1,
                unpriced=0,
            ),
            first=NOON,
            last=NOON,
            exemplar=Exemplar(NOON // (10 * SECOND), 1.5, NOON, "a" * 32, "b" * 16),
        )

    def test_a_plain_call_is_no_request(self) -> None:
        """A call without provider, model and tokens is not counted as a request to a language model."""
        (cell,) = folded([(finished(kind="tool", duration_seconds=0.1), NOON)]).snapshot().series.values()
        assert (cell.calls, cell.requests.count) == (1, 0)

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
        (cell,) = folded([(finished(**fields), NOON)]).snapshot().series.values()
        found = cell.requests
        assert (found.count, found.tokens, found.priced, found.unpriced) == (requests, tokens, priced, unpriced)

    def test_a_total_alone(self) -> None:
        """Tokens told as a sum only are counted as such."""
        event = {"event": "usage.recorded", "operation": "completion", "provider": "openai", "unsplit_tokens": 100}
        snapshot = folded([(event, NOON)]).snapshot()
        cell = snapshot.series[SeriesKey("completion", provider="openai")]
        assert (cell.calls, cell.requests.outcomes, cell.requests.tokens) == (0, {"ok": 1}, {"unsplit": 100})
        assert snapshot.events == {"usage.recorded": 1}

    def test_lookups(self) -> None:
        """Lookups are counted in calls and outside of calls, and what they saved with the operation."""
        history = [
            (finished(cache="answers", cache_hit=True, saved_usd=Decimal("0.5")), NOON),
            ({"event": "cache.looked_up", "cache": "answers", "cache_hit": False}, NOON),
            ({"event": "cache.looked_up", "cache": "pages", "cache_hit": True, "saved_usd": "0.25"}, NOON),
        ]
        snapshot = folded(history).snapshot()
        assert snapshot.caches == {"answers": CacheCell(1, 1), "pages": CacheCell(1, 0)}
        assert {key.operation: cell.requests.saved for key, cell in snapshot.series.items()} == {
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
        assert metrics[MetricKey("g", "gauge")] == MetricCell("s", "Time", latest=Latest(NOON + 1, 7.0))
        assert metrics[MetricKey("h", "histogram")] == MetricCell("s", "Time", histogram=Histogram.of([-2.0]))

    def test_money_is_exact_in_every_thread(self) -> None:
        """A thread that computes with three digits loses none of ours."""
        with localcontext(prec=3):
            history = [(finished(model="m", cost_usd=Decimal("0.123456789012345678901234567890")), NOON)] * 3
            (cell,) = folded(history).snapshot().series.values()
        assert cell.requests.cost == Decimal("0.370370367037037036703703703670")

    @pytest.mark.parametrize("outcome", ["error", "cancelled", "abandoned"])
    def test_waste(self, outcome: str) -> None:
        """Whatever was paid for a call that came to nothing is waste."""
        history = [(finished(model="m", cost_usd=Decimal(3), outcome=name), NOON) for name in (outcome, "ok")]
        (cell,) = folded(history).snapshot().series.values()
        assert (cell.requests.cost, cell.requests.waste) == (Decimal(6), Decimal(3))

    def test_the_exemplar_is_the_slowest_call_of_the_latest_slot(self) -> None:
        """Within ten seconds the slowest call with a trace counts, a later slot's replaces it, ties go to the later."""
        calls = [(0, 2.0, "a"), (1, 3.0, ""), (2, 2.5, "b"), (3, 2.5, "c"), (3, 1.0, "d")]
        history = [
            (finished(duration_seconds=seconds, trace_id=trace, span_id="s"), NOON + offset)
            for offset, seconds, trace in calls
        ]
        exemplars = []
        for later in ([], [(finished(duration_seconds=0.5, trace_id="e", span_id="s"), NOON + 10 * SECOND)]):
            (cell,) = folded([*history, *later]).snapshot().series.values()
            assert cell.exemplar is not None
            exemplars.append((cell.exemplar.trace_id, cell.exemplar.value))
        assert exemplars == [("c", 2.5), ("e", 0.5)]

    def test_times_out_of_order(self) -> None:
        """The first and the last event are told by their times, not by the order in which they came."""
        snapshot = folded([(finished(), NOON + offset) for offset in (5, 3, 9, 7)]).snapshot()
        (cell,) = snapshot.series.values()
        assert (cell.first, cell.last, snapshot.start, snapshot.end) == (NOON + 3, NOON + 9, NOON + 3, NOON + 9)

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

    def test_other_events(self) -> None:
        """Events of others are counted under one name, however many names they have."""
        assert folded([({"event": f"other.{i}"}, NOON) for i in range(5)]).snapshot().events == {"_other": 5}


class TestMerge:
    @settings(deadline=None)
    @given(histories(max_size=40), st.integers(1, 4), st.randoms(use_true_random=False))
    def test_any_order_and_any_division(self, history: History, parts: int, chance: random.Random) -> None:
        """Merged snapshots of several stores are the snapshot of one store that saw all, in whatever order."""
        shuffled = chance.sample(history, len(history))
        pieces: list[History] = [[] for _ in range(parts)]
        for entry in shuffled:
            pieces[chance.randrange(parts)].append(entry)
        end = NOON + 100_000 * SECOND
        for window in WINDOWS:
            one = folded(history).snapshot(window, end)
            many = [folded(piece).snapshot(window, end) for piece in pieces]
            assert reduce(Snapshot.merge, many) == one
            assert reduce(Snapshot.merge, reversed(many)).to_json() == one.to_json()

    @settings(deadline=None)
    @given(*[histories(max_size=12)] * 3)
    def test_laws(self, one: History, two: History, three: History) -> None:
        """Merging is associative and commutative, and nothing changes nothing."""
        a, b, c = (folded(history).snapshot() for history in (one, two, three))
        assert a.merge(b).merge(c) == a.merge(b.merge(c))
        assert a.merge(b) == b.merge(a)
        assert a.merge(EMPTY) == EMPTY.merge(a) == a

    @settings(deadline=None)
    @given(histories(max_size=20), histories(max_size=20))
    def test_a_store_takes_snapshots_in(self, one: History, two: History) -> None:
        """A store that took in another's snapshot knows what it would know had it seen the events itself."""
        store = folded(one)
        store.merge(folded(two).snapshot())
        assert store.snapshot() == folded(one + two).snapshot()

    @settings(deadline=None)
    @given(histories(max_size=30))
    def test_reading_changes_nothing(self, history: History) -> None:
        """A snapshot taken on the way neither loses nor doubles anything, and stays as it was."""
        seen = Store()
        taken: list[tuple[Snapshot, str]] = []
        for event, at in history:
            seen.fold(event, at)
            seen.snapshot(60)
            snapshot = seen.snapshot()
            taken.append((snapshot, snapshot.to_json()))
        assert seen.snapshot() == folded(history).snapshot()
        assert all(snapshot.to_json() == text for snapshot, text in taken)

    def test_the_latest_value_of_a_gauge(self) -> None:
        """The later value wins, whichever side it comes from."""
        event = {"event": "metric.recorded", "metric": "g", "metric_kind": "gauge"}
        early, late = (folded([({**event, "value": at}, NOON + at)]).snapshot() for at in (1, 2))
        assert [both.metrics[MetricKey("g", "gauge")].value for both in (early.merge(late), late.merge(early))] == [
            2,
            2,
        ]

    def test_money_by_type_is_exact(self) -> None:
        """Not a digit of what the tokens cost is lost on the way from process to process."""
        amount = Decimal("0.123456789012345678901234567890123456789")
        event = finished(model="m", cost_usd=amount, cost_by_type={"input": amount})
        one = folded([(event, NOON)]).snapshot()
        (cell,) = one.merge(one).merge(one).series.values()
        assert (
            cell.requests.cost
            == cell.requests.cost_by_type["input"]
            == Decimal("0.370370367037037036703703703670370370367")
        )

    def test_the_kept_error_types_do_not_depend_on_the_order(self) -> None:
        """Of more error types than are kept, the same ones are kept whoever came first; no error is lost."""
        history: History = [(finished(outcome="error", error_type=f"E{i:03}"), NOON) for i in range(100)]
        (one,) = folded(history).snapshot().series.values()
        (two,) = folded(history[50:]).snapshot().merge(folded(history[49::-1]).snapshot()).series.values()
        assert one == two
        assert (len(one.errors), sum(one.errors.values()), one.errors["E000"], one.errors["_other"]) == (33, 100, 1, 68)


class TestLimits:
    @settings(deadline=None)
    @given(histories(max_size=60), st.integers(1, 4))
    def test_series_never_exceed_the_limit_and_no_total_is_lost(self, history: History, most: int) -> None:
        """Past the limit, everything is still counted: in the overflow series."""
        small, large = folded(history, max_series=most).snapshot(), folded(history).snapshot()
        assert len(small.series.keys() - {ELSEWHERE}) <= most
        assert len(small.caches.keys() - {"_other"}) <= most
        assert len({key for key in small.metrics if key != key.overflowed()}) <= most
        assert len({key.name for key in small.metrics}) <= most
        assert small.events == large.events
        assert small.overflow.keys() <= {"operations", "caches", "metrics"}
        assert everything(small) == everything(large)
        assert sum(map(sum, small.caches.values())) == sum(map(sum, large.caches.values()))

    def test_overflow_is_counted(self) -> None:
        """Every event that was counted under `_other` is told by family; which calls were requests is not forgotten."""
        history: History = [(finished(f"op{i}"), NOON) for i in (0, 1, 2, 3, 2)]
        history += [(finished(f"llm{i}", kind="llm", model="m"), NOON) for i in range(3)]
        history += [({"event": "cache.looked_up", "cache": f"c{i}", "cache_hit": True}, NOON) for i in range(4)]
        values = [("m", {"user": str(i)}) for i in range(4)]
        history += [
            ({"event": "metric.recorded", "metric": name, "labels": labels, "value": 1}, NOON)
            for name, labels in values
        ]
        snapshot = folded(history, max_series=2).snapshot()
        assert snapshot.overflow == {"operations": 6, "caches": 2, "metrics": 2}
        assert (snapshot.series[ELSEWHERE].calls, snapshot.series[ELSEWHERE].requests.count) == (6, 3)
        assert snapshot.caches["_other"] == CacheCell(2, 0)
        assert snapshot.metrics[MetricKey("m", "counter", (("user", "_other"),))].value == 2.0

    def test_names_of_metrics_are_limited_too(self) -> None:
        """There is no overflow series for a metric that has no labels: one name too many is refused."""
        history: History = [({"event": "metric.recorded", "metric": f"m{i}", "value": 1}, NOON) for i in range(5)]
        snapshot = folded(history, max_series=3).snapshot()
        assert (len(snapshot.metrics), snapshot.refused) == (3, {"metric": 2})

    def test_a_store_limits_what_it_takes_in(self) -> None:
        """Snapshots of a whole fleet do not grow a store beyond its limit."""
        store = Store(max_series=3)
        for worker in range(4):
            store.merge(folded([(finished(f"op{worker}.{i}"), NOON) for i in range(2)]).snapshot())
        snapshot = store.snapshot()
        assert (len(snapshot.series), everything(snapshot).calls, snapshot.overflow) == (4, 8, {"operations": 5})

    def test_what_overflowed_elsewhere_stays_so(self) -> None:
        """An overflow series that is taken in takes no place of its own, and is not counted again."""
        store = Store(max_series=1)
        store.merge(folded([(finished(f"op{i}"), NOON) for i in range(3)], max_series=1).snapshot())
        store.fold(finished("op0"), NOON)
        snapshot = store.snapshot()
        assert {key.operation: cell.calls for key, cell in snapshot.series.items()} == {"op0": 2, "_other": 2}
        assert snapshot.overflow == {"operations": 2}

    def test_no_series_is_no_limit(self) -> None:
        """The limit is at least one."""
        with pytest.raises(SetupError, match=r"max_series=0: use a whole number above 0 \(2000 by default\)"):
            Store(max_series=0)

    def test_clear(self) -> None:
        """A forked child begins with nothing, and with room for series of its own."""
        store = folded([(finished("mine"), NOON)], max_series=1)
        store.clear()
        assert store.snapshot() == Store(max_series=1).snapshot()
        store.fold(finished("its own"), NOON)
        assert list(store.snapshot().series) == [SeriesKey("its own")]


def everything(snapshot: Snapshot) -> Cell:
    """Return the sum of all series."""
    return reduce(Cell.merge, snapshot.series.values(), NO_CALLS)
