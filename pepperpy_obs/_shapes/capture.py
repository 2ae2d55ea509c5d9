"""How a call that failed is noted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pepperpy_obs import _clock
from pepperpy_obs._record import END, ERROR

if TYPE_CHECKING:
    from pepperpy_obs._record import Record

__all__ = ["fail"]


def fail(record: Record, error: BaseException) -> None:
    """End a record with the class of `error`: never the error itself, which holds on to frames."""
    record[ERROR] = error.__class__
    record[END] = _clock.perf_counter_ns()
