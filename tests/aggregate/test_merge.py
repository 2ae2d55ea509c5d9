from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import reduce
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_obs.aggregate import store as store_module
from pepperpy_obs.aggregate.series import MetricKey
from pepperpy_obs.aggregate.series_data import NO_CALLS, SeriesData
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.aggregate.snapshot import EMPTY, Snapshot
from tests.aggregate.strategies import NOON, SECOND, History, finished, folded, histories

WINDOWS = (None, 60, 300, 3600, 86_400)


class TestMerge:
    @pytest.mark.slow
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
    @given(st.lists(histories(max_size=6), max_size=6))
    def test_many_at_once(self, parts: list[History]) -> None:
        """The sum of many data, or of many tables, is what merging one after the other gives."""
        snapshots = [folded(part).snapshot() for part in parts]
        all_data = [data for snapshot in snapshots for data in snapshot.series.values()]
        assert SeriesData.merged(all_data) == reduce(SeriesData.merge, all_data, NO_CALLS)
        together = SeriesTable()
        together.absorb(*snapshots)
        assert Snapshot.of(together, None) == reduce(Snapshot.merge, snapshots, Snapshot.of(SeriesTable(), None))

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
        seen = folded([])
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
        (data,) = one.merge(one).merge(one).series.values()
        assert (
            data.requests.cost
            == data.requests.cost_by_type["input"]
            == Decimal("0.370370367037037036703703703670370370367")
        )

    def test_the_kept_error_types_do_not_depend_on_the_order(self) -> None:
        """Of more error types than are kept, the same ones are kept whoever came first; no error is lost."""
        history: History = [(finished(outcome="error", error_type=f"E{i:03}"), NOON) for i in range(100)]
        (one,) = folded(history).snapshot().series.values()
        (two,) = folded(history[50:]).snapshot().merge(folded(history[49::-1]).snapshot()).series.values()
        assert one == two
        assert (len(one.errors), sum(one.errors.values()), one.errors["E000"], one.errors["_other"]) == (33, 100, 1, 68)


class TestReading:
    @pytest.mark.slow
    @settings(deadline=None)
    @given(histories(min_size=12, max_size=40), st.integers(1, 7), st.sampled_from([0, 500]))
    def test_to_read_changes_nothing(self, history: History, every: int, quick: int) -> None:
        """What is read on the way stays as it is while the store goes on, and makes no difference to the end.

        So it is whether the reader copies the accumulators of the interval, or takes them away, as it does if they are
        many.
        """
        store, read = folded([]), list[tuple[Snapshot, str, str]]()
        with patch.object(store_module, "_QUICK", quick):
            for place, (event, at) in enumerate(history):
                store.fold(event, at)
                if place % every == 0:
                    alone = folded(history[: place + 1])
                    for window in WINDOWS:
                        snapshot = store.snapshot(window, at)
                        read.append((snapshot, snapshot.to_json(), alone.snapshot(window, at).to_json()))
        end = NOON + 100_000 * SECOND
        assert [store.snapshot(window, end) for window in WINDOWS] == [
            folded(history).snapshot(window, end) for window in WINDOWS
        ]
        assert all(snapshot.to_json() == text == expected for snapshot, text, expected in read)

    def test_two_readers_and_the_store_add_up_the_same(self) -> None:
        """Threads that add up what one of them took from the interval, while calls go on, all see each call once."""
        store, expected = folded([]), 0
        with patch.object(store_module, "_QUICK", 0), ThreadPoolExecutor(4) as pool:
            for round_ in range(60):
                for place in range(20):
                    store.fold(finished(f"call {place}", duration_seconds=0.25), NOON + round_ * SECOND)
                expected += 20
                cut = store.lazy_snapshot(None, NOON)
                again = [store.lazy_snapshot(window, NOON + round_ * SECOND) for window in (None, 300)]
                found = list(pool.map(lambda one: one.snapshot(), [cut, cut, *again]))
                assert [sum(data.calls for data in one.series.values()) for one in found] == [expected] * 4
                assert [sum(data.duration.count for data in one.series.values()) for one in found] == [expected] * 4
