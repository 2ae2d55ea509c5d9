"""One parser of windows, and the steps that they are cut into."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.errors import SetupError
from pepperpy_obs.readings.windows import seconds_of, steps_of


@pytest.mark.parametrize(
    "window,seconds",
    [
        (300, 300),
        (0.5, 0.5),
        ("90s", 90),
        ("5m", 300),
        ("24h", 86_400),
        ("30d", 2_592_000),
        ("300", 300),
        ("2 m", 120),
    ],
)
def test_windows_are_seconds_or_a_number_and_a_unit(window: Any, seconds: float) -> None:
    """Each way to write a window is the same number of seconds."""
    assert seconds_of(window) == seconds


@pytest.mark.parametrize("window", [0, -1, True, float("nan"), float("inf"), "", "m", "5 weeks", "-5m", "1e3", "٣m"])
def test_what_is_no_window_is_refused(window: Any) -> None:
    """The error has what was given and what would do."""
    with pytest.raises(SetupError, match='use seconds above 0, or a number and a unit: "90s", "5m", "24h", "30d"'):
        seconds_of(window)


@given(st.integers(1, 900), st.integers(1, 100), st.integers(0, 10**12), st.integers(0, 10**12))
def test_law_steps_cover_the_window_without_a_gap(window: int, step: int, now: int, first: int) -> None:
    """Steps are aligned, adjoin each other, hold now, are as many as fit, and none is before the first event."""
    steps = steps_of(window, step, now * 10**6, first * 10**6)
    assert all(one.start % (step * 10**9) == 0 and len(one) == step * 10**9 for one in steps)
    assert all(one.stop == other.start for one, other in pairwise(steps))
    assert all(one.stop > first * 10**6 for one in steps)
    if first <= now:
        assert now * 10**6 in steps[-1]
        assert len(steps) <= -(-window // step)


def test_too_many_steps_are_refused() -> None:
    """A step that is too short for its window is an error."""
    with pytest.raises(SetupError, match="step='1s' of window='30d': these are more than 11000 steps"):
        steps_of("30d", "1s", 10**18, 0)
