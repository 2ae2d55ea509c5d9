"""The law of closed intervals: their parts add up to the store's total, whatever comes in whatever order."""

from __future__ import annotations

from hypothesis import given

from pepperpy_obs.aggregate.closed import ClosedInterval
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.aggregate.store import Store
from tests.aggregate.strategies import History, histories


@given(histories(max_size=30))
def test_parts_add_up_to_the_total(history: History) -> None:
    """Each event is in one part, of the interval in which it lies; only what was closed before is opened again."""
    parts: list[ClosedInterval] = []
    store, whole, again = (Store(attributes=("customer",)) for _ in range(3))
    store.on_closed = parts.append
    for event, at in history:
        store.fold(event, at)
        whole.fold(event, at)
    store.close()
    for part in parts:
        again.merge(Snapshot.of(part.counted, None))
        assert part.start <= (part.counted.start or 0) <= (part.counted.end or 0) < part.stop
    assert again.snapshot().to_dict() == whole.snapshot().to_dict()

    newest = -1
    for part in parts:
        assert part.is_reopened == (part.start <= newest)
        newest = max(newest, part.start)
