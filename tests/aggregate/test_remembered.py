"""Sums that are remembered: the same as those that are added up anew, whatever was counted meanwhile."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.aggregate.store import Store
from tests.still import AT

SECOND = 1_000_000_000


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("abc"), st.sampled_from([60, 300, 3600])), min_size=1))
def test_law_a_window_that_was_read_before_is_read_right(steps: list[tuple[int, str, int]]) -> None:
    """Of two stores that count the same, one is read after each call, and tells the same."""
    often, once = Store(), Store()
    for ago, operation, window in steps:
        event = {"event": "operation.finished", "operation": operation, "outcome": "ok", "duration_seconds": 0.5}
        for store in (often, once):
            store.fold(event, AT - ago * SECOND)
        often.lazy_snapshot(window, AT).snapshot()
    for window in (60, 300, 3600):
        assert often.lazy_snapshot(window, AT).snapshot() == once.lazy_snapshot(window, AT).snapshot()


def test_what_is_read_twice_is_added_up_once() -> None:
    """The pieces of a window are added up when they are first asked for, and again once one of them is another."""
    store = Store()
    for ago in (95, 85, 75, 5):
        store.fold({"event": "operation.finished", "operation": "ask", "duration_seconds": 0.5}, AT - ago * SECOND)

    def remembered() -> list[int]:
        store.lazy_snapshot(300, AT).snapshot()
        return [id(table) for _, table in store._windows.keys.sums]

    first = remembered()
    assert (len(first), remembered()) == (1, first)
    store.fold({"event": "operation.finished", "operation": "ask", "duration_seconds": 0.5}, AT - 80 * SECOND)
    assert remembered()[0] != first[0]
