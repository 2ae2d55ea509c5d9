"""An interval that is over: what storage and other keepers of the past are given."""

from __future__ import annotations

from typing import NamedTuple

from pepperpy_obs.aggregate.packed import Keys
from pepperpy_obs.aggregate.series_table import Entries

__all__ = ["ClosedInterval"]


class ClosedInterval(NamedTuple):
    """What was counted of one interval of 10 seconds, from its first event or since it was last closed.

    The parts of one interval add up to all of its events, each once: a late event opens its interval again, and makes
    one more part. `counted` never changes.
    """

    start: int
    """UTC epoch nanoseconds, a multiple of 10 seconds."""
    stop: int
    counted: Entries
    is_reopened: bool
    """Whether this interval, or a later one, had been closed before."""
    packed: bytes = b""
    """The same in bytes, with the numbers of `keys`; none if windows had no use for it."""
    keys: Keys | None = None
