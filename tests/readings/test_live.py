from __future__ import annotations

import logging
from collections import deque
from functools import lru_cache
from typing import Any

import pytest

from pepperpy_obs._guard import failures, forget
from pepperpy_obs.readings.live import LiveState, WatchedCache, look_at


class Bounded(dict[str, int]):
    """A cache as cachetools makes them: a mapping with a `maxsize`."""

    maxsize = 10.0


class Broken:
    def __len__(self) -> int:
        raise RuntimeError("no length today")


@lru_cache(maxsize=8)
def square(number: int) -> int:
    """Return the square."""
    return number * number


class TestLookAt:
    @pytest.mark.parametrize(
        "cache, expected",
        [
            (Bounded(a=1, b=2), WatchedCache(2, 10)),
            (deque([1, 2, 3], maxlen=5), WatchedCache(3, 5)),
            ({"a": 1}, WatchedCache(1)),
            (Bounded(), WatchedCache(0, 10)),
        ],
    )
    def test_caches_of_all_kinds(self, cache: Any, expected: WatchedCache) -> None:
        """Whatever has a length has a size; what has a limit tells it."""
        assert look_at({}, {}, {"cache": lambda: cache}) == LiveState(caches={"cache": expected})

    def test_lru_cache(self) -> None:
        """A cache that counts its own lookups tells them."""
        square.cache_clear()
        assert [square(2), square(2), square(3)] == [4, 4, 9]
        assert look_at({}, {}, {"squares": lambda: square}).caches == {"squares": WatchedCache(2, 8, 1, 2)}

    def test_a_cache_that_is_gone_or_broken_is_left_out(self, caplog: pytest.LogCaptureFixture) -> None:
        """One that raises is counted as our failure, and the others are still looked at."""
        forget()
        with caplog.at_level(logging.CRITICAL, "pepperpy_obs"):
            live = look_at({("a", ""): 1}, {"x": 1}, {"gone": lambda: None, "broken": Broken, "good": lambda: [1]})
        assert live == LiveState({("a", ""): 1}, {"x": 1}, {"good": WatchedCache(1)})
        assert failures() == {"watch_cache": 1}
        forget()
