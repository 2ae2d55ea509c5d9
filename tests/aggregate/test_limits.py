from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_obs.aggregate.series import OVERFLOW_KEY, MetricKey, SeriesKey
from pepperpy_obs.aggregate.series_data import NO_CALLS, CacheData, SeriesData
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.errors import SetupError
from tests.aggregate.strategies import NOON, History, finished, folded, histories


class TestLimits:
    @settings(deadline=None)
    @given(histories(max_size=60), st.integers(1, 4))
    def test_series_never_exceed_the_limit_and_no_total_is_lost(self, history: History, most: int) -> None:
        """Past the limit, everything is still counted: in the overflow series."""
        small, large = folded(history, max_series=most).snapshot(), folded(history).snapshot()
        assert len(small.series.keys() - {OVERFLOW_KEY}) <= most
        assert len(small.caches.keys() - {"_other"}) <= most
        assert len({key for key in small.metrics if key != key.overflowed()}) <= most
        assert len({key.name for key in small.metrics}) <= most
        assert small.events == large.events
        assert small.overflow.keys() <= {"operations", "attributes", "caches", "metrics"}
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
        assert (snapshot.series[OVERFLOW_KEY].calls, snapshot.series[OVERFLOW_KEY].requests.count) == (6, 3)
        assert snapshot.caches["_other"] == CacheData(2, 0)
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
        assert {key.operation: data.calls for key, data in snapshot.series.items()} == {"op0": 2, "_other": 2}
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


def everything(snapshot: Snapshot) -> SeriesData:
    """Return the sum of all series."""
    return reduce(SeriesData.merge, snapshot.series.values(), NO_CALLS)
