"""No count is lost and none is doubled, however threads are switched."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

import pepperpy_obs
from pepperpy_obs import measured

pytestmark = pytest.mark.hostile


@pytest.fixture
def _restless() -> Iterator[None]:
    """Switch threads every 5 us instead of every 5 ms, so that they meet in the middle of things."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(usual)


def _counted(operation: str) -> tuple[int, int]:
    cells = [cell for key, cell in pepperpy_obs.stats().snapshot.series.items() if key.operation == operation]
    return sum(cell.calls for cell in cells), sum(cell.duration.count for cell in cells)


@pytest.mark.usefixtures("_restless")
def test_eight_threads_hammering_lose_nothing() -> None:
    """Every call of eight threads is counted once, although the buffer overflows and a ninth thread reads meanwhile."""

    @measured(operation="hammered")
    def nothing() -> None:
        pass

    ready, done = threading.Barrier(9), threading.Event()

    def hammer() -> None:
        ready.wait()
        for _ in range(2000):
            nothing()

    def read() -> None:
        ready.wait()
        while not done.is_set():
            pepperpy_obs.stats()

    reader = threading.Thread(target=read)
    workers = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in (reader, *workers):
        thread.start()
    for thread in workers:
        thread.join()
    done.set()
    reader.join()

    assert _counted("hammered") == (16_000, 16_000)
