from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pepperpy_obs.aggregate.series import SeriesKey
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.errors import SetupError
from tests.aggregate.strategies import NOON, SECOND, History, folded, histories

ASKED = {"event": "operation.finished", "operation": "ask", "outcome": "ok", "duration_seconds": 1.0}
offsets = st.lists(
    st.one_of(st.integers(0, 400), st.integers(0, 5000), st.integers(0, 90_000)), min_size=1, max_size=60
)


def counted(times: list[int], window: float | None = None, now: int | None = None) -> int:
    """Return how many of the calls at these times are in the window."""
    store = Store()
    for at in times:
        store.fold(ASKED, at)
    series: Any = store.snapshot(window, now).series
    return series[SeriesKey("ask")].calls if series else 0


class TestWindows:
    @settings(deadline=None)
    @given(offsets, st.sampled_from([(60, 10), (300, 10), (3600, 150), (86_400, 3600), (90, 10), (301, 150)]))
    def test_a_window_holds_its_seconds_and_at_most_one_slot_more(
        self, seconds: list[int], window: tuple[int, int]
    ) -> None:
        """In whatever order events come: all of the last `window` seconds are in, none is that is an interval older."""
        length, interval = window
        times = [NOON + second * SECOND for second in seconds]
        now = max(times)
        found = counted(times, length, now)
        assert sum(at >= now - length * SECOND for at in times) <= found
        assert found <= sum(at > now - (length + interval) * SECOND for at in times)

    @pytest.mark.parametrize(
        "window, second, found", [(60, 0, 61), (60, 7, 68), (300, 17, 308), (310, 7, 458), (3600, 149, 3750)]
    )
    def test_the_resolution_suits_the_window(self, window: float, second: int, found: int) -> None:
        """With a call every second one sees which intervals were taken: of 10 s up to 5 minutes, of 150 s above."""
        times = [NOON + i * SECOND for i in range(-7200, second + 1)]
        assert counted(times, window) == found

    @settings(deadline=None)
    @given(offsets)
    def test_nothing_is_lost_when_slots_roll(self, seconds: list[int]) -> None:
        """Since the start means all events, even those older than every window."""
        times = [NOON + 50 * second * SECOND for second in seconds]
        assert counted(times) == len(times)

    def test_a_late_event_is_counted_where_it_belongs(self) -> None:
        """An event of a minute ago is not in the last ten seconds, but in the last five minutes."""
        times = [NOON + 100 * SECOND, NOON + 40 * SECOND]
        now = NOON + 100 * SECOND
        assert [counted(times, window, now) for window in (10, 300)] == [1, 2]

    def test_silence_empties_the_windows(self) -> None:
        """The window ends now, not at the last event."""
        assert [counted([NOON], 60, NOON + later * SECOND) for later in (0, 50, 80)] == [1, 1, 0]

    def test_the_stretch_is_told(self) -> None:
        """A snapshot says where it begins and ends; a window does not begin before the first event."""
        store = Store()
        store.fold(ASKED, NOON)
        store.fold(ASKED, NOON + 95 * SECOND)
        now = NOON + 99 * SECOND
        stretches = [store.snapshot(window, now) for window in (None, 60, 300)]
        assert [((found.start or 0) - NOON, (found.end or 0) - NOON) for found in stretches] == [
            (0, 99 * SECOND),
            (30 * SECOND, 99 * SECOND),
            (0, 99 * SECOND),
        ]
        assert [found.seconds for found in stretches] == [99.0, 69.0, 99.0]

    def test_of_nothing(self) -> None:
        """A window of nothing is empty."""
        snapshot = Store().snapshot(60, NOON)
        assert (snapshot.series, snapshot.seconds, snapshot.window) == ({}, 0.0, 60)

    @pytest.mark.parametrize("window", [0, -1, 86_401, float("nan")])
    def test_a_window_that_cannot_be(self, window: float) -> None:
        """A window is longer than nothing and not longer than a day."""
        with pytest.raises(SetupError, match="use seconds above 0 and up to 86400, or None for all that there is"):
            Store().snapshot(window)


class TestPackedIntervals:
    @settings(deadline=None, max_examples=150)
    @given(
        history=histories(max_size=40),
        window=st.sampled_from([60, 300, 3600, 20_000, 86_400]),
        later=st.integers(0, 3000),
        in_order=st.booleans(),
    )
    def test_a_window_is_the_sum_of_its_events(
        self, history: History, window: int, later: int, *, in_order: bool
    ) -> None:
        """Packed, added up and opened again by late events, intervals hold what a store of those events alone holds."""
        if in_order:
            history.sort(key=lambda entry: entry[1])
        now = max([at for _, at in history], default=NOON) + later * SECOND
        found = folded(history).snapshot(window, now)
        resolution = (10 if window <= 300 else 150 if window <= 3600 else 3600) * SECOND
        begin = (now - window * SECOND) // resolution * resolution
        alone = folded([(event, at) for event, at in history if at >= begin]).snapshot()
        assert _tables(found) == _tables(alone)

    @pytest.mark.parametrize("late", [30, 70, 170, 400, 1000, 4000, 8000, 30_000, 80_000])
    @pytest.mark.parametrize("before", [0, 1])
    def test_a_late_event_opens_what_is_closed(self, late: int, before: int) -> None:
        """However late an event is, each window that reaches back to it has it once, others never."""
        now = NOON + 7 * 3600 * SECOND + 5 * SECOND
        regular = [NOON + second * SECOND for second in range(-80_000, 7 * 3600, 130)]
        times = [*regular, *([now] * (1 - before)), now - late * SECOND, *([now] * before)]
        for window, interval in ((60, 10), (300, 10), (3600, 150), (86_400, 3600)):
            begin = (now - window * SECOND) // (interval * SECOND) * (interval * SECOND)
            assert counted(times, window, now) == sum(at >= begin for at in times)

    def test_many_late_events_of_one_interval(self) -> None:
        """Events that come by turns from two intervals open and close both again and again, and all are counted."""
        times = [NOON - (place % 2) * 2000 * SECOND + place for place in range(101)]
        assert [counted(times, window, NOON + 101) for window in (60, 3600, 86_400)] == [51, 101, 101]

    def test_silence_between(self) -> None:
        """After hours of silence the windows hold what is young enough, and go on."""
        times = [NOON, NOON + 5 * 3600 * SECOND, NOON + 30 * 3600 * SECOND, NOON + 200 * 3600 * SECOND]
        assert [counted(times[:stop], 86_400, times[stop - 1]) for stop in (1, 2, 3, 4)] == [1, 2, 1, 1]


def _tables(snapshot: Any) -> dict[str, Any]:
    plain: dict[str, Any] = snapshot.to_dict()
    return {name: table for name, table in plain.items() if name not in {"start", "end", "window", "overflow"}}


def _without_exemplars(snapshot: Any) -> dict[str, Any]:
    plain = _tables(snapshot)
    return {**plain, "series": [{**series, "exemplar": None} for series in plain["series"]]}


class TestExpectedIntervals:
    """What is known to be long past is written coarsely at once."""

    @settings(deadline=None, max_examples=150)
    @given(history=histories(min_size=1, max_size=40), earlier=st.integers(0, 5000), in_order=st.booleans())
    def test_law_windows_and_steps_hold_the_same(self, history: History, earlier: int, *, in_order: bool) -> None:
        """Whatever event was expected, in and out of order, every window and every step is that of fine intervals."""
        if in_order:
            history.sort(key=lambda entry: entry[1])
        newest = max(at for _, at in history)
        fine, coarse = folded(history), Store(attributes=("customer",))
        coarse.expect(newest - earlier * SECOND)
        for event, at in history:
            coarse.fold(event, at)
        for window in (None, 10, 60, 300, 310, 3600, 20_000, 86_400):
            found, right = coarse.snapshot(window, newest), fine.snapshot(window, newest)
            assert _without_exemplars(found) == _without_exemplars(right)
        for step, size in ((10, 30), (150, 24), (3600, 24)):
            end = (newest // (step * SECOND) + 1) * step * SECOND
            steps = [range(end - (place + 1) * step * SECOND, end - place * step * SECOND) for place in range(size)]
            for found_step, right_step in zip(
                coarse.lazy_steps(steps, newest), fine.lazy_steps(steps, newest), strict=True
            ):
                assert _without_exemplars(found_step.snapshot()) == _without_exemplars(right_step.snapshot())

    def test_the_past_has_few_intervals(self) -> None:
        """Of a day with an event a second, some eighty intervals are closed, not 8,640."""
        closed: list[Any] = []
        store = Store()
        store.on_closed = closed.append
        store.expect(NOON + 86_400 * SECOND)
        for second in range(86_401):
            store.fold(ASKED, NOON + second * SECOND)
        assert len(closed) < 90
        assert sum(each.counted.series[SeriesKey("ask")].calls for each in closed) == 86_400
