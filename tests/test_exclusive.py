"""A step under a lock that any exception may end at any moment."""

from __future__ import annotations

import sys
import threading
from types import FrameType
from typing import Any

import pytest

from pepperpy_obs._exclusive import BusyError, Exclusive

pytestmark = pytest.mark.hostile

PATIENCE = 30


class TimeIsUpError(Exception):
    """What a signal handler raises."""


def is_free(lock: Exclusive) -> bool:
    """Return whether another thread can take a step."""
    taken: list[bool] = []

    def attempt() -> None:
        try:
            taken.append(lock.run(lambda: True, 0))
        except BusyError:
            taken.append(False)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join(PATIENCE)
    return taken == [True]


def interrupted_at(place: int, lock: Exclusive) -> bool:
    """Take a step that ends with an exception at the given event of the lock's own code; False if there is none."""
    events = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal events
        if frame.f_code.co_filename.endswith("_exclusive.py"):
            events += 1
            if events == place:
                raise TimeIsUpError
        return trace

    def attempt() -> None:
        sys.settrace(trace)
        try:
            lock.run(lambda: None)
        except TimeIsUpError:
            pass
        finally:
            sys.settrace(None)

    # In a thread of its own: an exception from a trace function may leave the thread's exception state in disorder.
    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join(PATIENCE)
    return events >= place


def test_an_exception_anywhere_leaves_the_lock_free() -> None:
    """Whatever line or return of its code an exception falls on, the next thread does not wait."""
    lock, place = Exclusive(), 1
    while interrupted_at(place, lock):
        assert is_free(lock), place
        place += 1
    assert place > 10


def test_a_step_within_a_step() -> None:
    """It runs at once, and the outer one holds the lock until its own end."""
    lock = Exclusive()
    seen = lock.run(lambda: (lock.run(lambda: lock.is_mine), lock.is_mine, is_free(lock)))
    assert (seen, lock.is_mine, is_free(lock)) == ((True, True, False), False, True)


def test_a_lock_that_is_held_for_long() -> None:
    """Who may not wait is told so, and by no TimeoutError, which applications raise themselves."""
    lock = Exclusive()
    busy: list[BusyError] = []

    def attempt() -> None:
        with pytest.raises(BusyError) as caught:
            lock.run(lambda: None, 0.01)
        busy.append(caught.value)

    def hold() -> None:
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join(PATIENCE)

    lock.run(hold)
    assert len(busy) == 1
    assert not isinstance(busy[0], OSError)
