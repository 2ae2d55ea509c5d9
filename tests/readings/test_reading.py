"""A reading is one moment: immutable, mergeable, and equal after a journey as JSON."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs import Config
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.errors import SetupError
from pepperpy_obs.metrics import MetricsCollector
from pepperpy_obs.readings import (
    EMPTY,
    DeliveryStats,
    LiveState,
    OutputStats,
    Reading,
    SelfStats,
    StoreStats,
    WatchedCache,
)
from tests.aggregate.strategies import folded, histories

names = st.sampled_from(["a", "b", "c"])
counts = st.integers(0, 5)
some = st.none() | counts


def tallies(keys: st.SearchStrategy[Any] = names) -> st.SearchStrategy[Mapping[Any, int]]:
    """Return counts by name."""
    return st.dictionaries(keys, st.integers(1, 5), max_size=3)


caches = st.builds(WatchedCache, some, some, some, some)
outputs = st.builds(OutputStats, counts, counts, st.sampled_from(["", "OSError: gone", "OSError: full"]))
deliveries = st.builds(
    DeliveryStats,
    sink=st.just("loki"),
    accepted=counts,
    acknowledged=counts,
    rejected=tallies(),
    dropped=tallies(),
    pending=counts,
    retries=tallies(),
    requests=counts,
    held=st.sampled_from(["", "401"]),
    last_success_at=some,
    oldest_pending_at=some,
    spool_bytes=counts,
    letters_dropped=counts,
)
stores = st.builds(StoreStats, counts, counts, counts, some, counts, counts, st.sampled_from(["", "away", "full"]))
readings = st.builds(
    Reading,
    st.integers(0, 9),
    histories(max_size=8).map(lambda history: folded(history).snapshot()),
    st.builds(LiveState, tallies(st.tuples(names, names)), tallies(), st.dictionaries(names, caches, max_size=2)),
    st.builds(
        SelfStats,
        tallies(),
        tallies(),
        st.dictionaries(names, outputs, max_size=2),
        st.dictionaries(st.just("loki"), deliveries, max_size=1),
        st.none() | stores,
    ),
)


@given(readings, readings, readings)
def test_law_merging_has_no_order(one: Reading, two: Reading, three: Reading) -> None:
    """Readings of processes merge to the same, in whatever order and grouping; the empty one changes nothing."""
    assert one.merge(two).merge(three) == one.merge(two.merge(three))
    assert one.merge(two) == two.merge(one)
    assert one.merge(EMPTY) == one == EMPTY.merge(one)


@given(readings)
def test_law_json_brings_back_the_same(reading: Reading) -> None:
    """A reading is equal after it was written as JSON and read again."""
    assert Reading.from_json(reading.to_json()) == reading
    assert reading.to_json() == json.dumps(reading.to_dict(), allow_nan=False, separators=(",", ":"), sort_keys=True)


def test_it_cannot_be_changed() -> None:
    """Its fields are set once."""
    with pytest.raises(FrozenInstanceError):
        EMPTY.at = 1  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', EMPTY.to_json().replace('"own"', '"mine"')])
def test_anything_else_is_refused(text: str) -> None:
    """What is no reading is a set-up error that shows how it begins."""
    with pytest.raises(SetupError, match="this is not"):
        Reading.from_json(text)


class Hammer:
    """Calls that begin and end in threads and in event loops, with their own account of it."""

    def __init__(self) -> None:
        self.collector = MetricsCollector(Config(config_file=None, log_format="none", drain_interval=0.001))
        self.stop = False
        self.entered = [0] * 6
        """How many calls have begun for sure, by worker: it is written within the call."""
        self.about_to = [0] * 6
        """How many may have begun: it is written before the call."""

    def in_a_thread(self, worker: int) -> None:
        """Call, within calls, until it is to stop."""
        record_call = self.collector.record_call
        while not self.stop:
            self.about_to[worker] += 1
            with record_call("openai", operation="outer"):
                self.entered[worker] += 1
                self.about_to[worker] += 1
                with record_call("openai", operation="inner"):
                    self.entered[worker] += 1
            time.sleep(0)

    def in_a_loop(self, worker: int) -> None:
        """Do the same in tasks that wait for each other."""

        async def task() -> None:
            async with self.collector.record_call("openai", operation="task"):
                self.entered[worker] += 1
                await asyncio.sleep(0)

        async def main() -> None:
            while not self.stop:
                self.about_to[worker] += 5
                await asyncio.gather(*[task() for _ in range(5)])

        asyncio.run(main())


@pytest.mark.slow
def test_law_begun_is_ended_plus_active() -> None:
    """In every reading each call that had begun has ended or is running, under threads and loops that hammer."""
    hammer = Hammer()
    workers = [threading.Thread(target=hammer.in_a_thread, args=[number]) for number in range(4)]
    workers += [threading.Thread(target=hammer.in_a_loop, args=[number]) for number in (4, 5)]
    for worker in workers:
        worker.start()
    seen: list[tuple[int, int, int]] = []
    for _ in range(5000):
        least = sum(hammer.entered)
        reading = hammer.collector.runtime.reading()
        most = sum(hammer.about_to)
        ended = sum(data.calls for data in reading.snapshot.series.values())
        seen.append((least, ended + sum(reading.live.active.values()), most))
        if len({begun for _, begun, _ in seen}) > 40:
            break
        time.sleep(0)
    hammer.stop = True
    for worker in workers:
        worker.join(10)
    last = hammer.collector.runtime.reading()
    hammer.collector.runtime.shutdown()

    assert [one for one in seen if not one[0] <= one[1] <= one[2]] == []
    assert len({begun for _, begun, _ in seen}) > 40  # it did hammer
    assert sum(data.calls for data in last.snapshot.series.values()) == sum(hammer.entered)
    assert last.live.active == {}


def test_a_call_that_ends_during_a_reading_is_in_one_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted as ended, or as running, never as neither: the two are one moment."""
    collector = MetricsCollector(Config(config_file=None, log_format="none"))
    go, inside = threading.Event(), threading.Event()

    def slow() -> None:
        with collector.record_call("openai", operation="slow"):
            inside.set()
            go.wait(10)

    thread = threading.Thread(target=slow)
    thread.start()
    assert inside.wait(10)
    own = collector.runtime._own

    def ends_meanwhile() -> SelfStats:
        go.set()
        thread.join(10)
        return own()

    monkeypatch.setattr(collector.runtime, "_own", ends_meanwhile)
    reading = collector.runtime.reading()
    collector.runtime.shutdown()

    assert sum(data.calls for data in reading.snapshot.series.values()) == 0
    assert reading.live.active == {("slow", ""): 1}


def test_many_merge_to_what_one_would_have_had() -> None:
    """Snapshots of ten processes add up, and so do their running calls."""
    one = Reading(5, Snapshot.from_dict(folded([]).snapshot().to_dict()), LiveState({("ask", ""): 1}, {"scout": 1}))

    assert reduce(Reading.merge, [one] * 10).live == LiveState({("ask", ""): 10}, {"scout": 10})
