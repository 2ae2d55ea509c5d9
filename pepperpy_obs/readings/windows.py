"""Windows as people write them, and the steps that a window is cut into."""

from __future__ import annotations

import re
from math import ceil, isfinite
from typing import Final

from pepperpy_obs.errors import SetupError

__all__ = ["MOST_STEPS", "Window", "seconds_of", "steps_of"]

Window = float | str
"""Seconds, or a number and a unit: "90s", "5m", "24h", "30d"."""

MOST_STEPS: Final = 11_000
"""As many as Prometheus gives in one answer."""
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_WRITTEN: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([smhd]?)")


def seconds_of(window: Window, name: str = "window") -> float:
    """Return a window in seconds; SetupError, which calls it `name`, for what is none.

    >>> seconds_of("5m"), seconds_of("1.5h"), seconds_of(90)
    (300.0, 5400.0, 90.0)
    """
    given: object = window
    seconds = 0.0
    if isinstance(given, str) and (found := _WRITTEN.fullmatch(given.strip())):
        seconds = float(found[1]) * _UNITS[found[2]]
    elif isinstance(given, int | float) and not isinstance(given, bool):
        seconds = float(given)
    if not isfinite(seconds) or seconds <= 0:
        msg = f'{name}={given!r}: use seconds above 0, or a number and a unit: "90s", "5m", "24h", "30d"'
        raise SetupError(msg)
    return seconds


def steps_of(window: Window, step: Window, now: int, first: int | None) -> list[range]:
    """Return the steps of a window that ends at `now`, the oldest first, in epoch nanoseconds.

    Each begins at a multiple of `step` counted from the epoch. The step under way is the last of them. There is none
    before the one in which the `first` event was, for nothing is known of that time.

    >>> [(one.start // 10**9, one.stop // 10**9) for one in steps_of("30s", 10, 65 * 10**9, first=0)]
    [(40, 50), (50, 60), (60, 70)]
    """
    seconds, each = seconds_of(window), seconds_of(step, "step")
    length = round(each * 1e9)
    if length < 1 or (count := ceil(seconds / each)) > MOST_STEPS:
        msg = f"step={step!r} of window={window!r}: these are more than {MOST_STEPS} steps; give a longer step"
        raise SetupError(msg)
    last = now // length
    begin = last + 1 if first is None else max(last - count + 1, first // length)
    return [range(number * length, (number + 1) * length) for number in range(begin, last + 1)]
