"""A lock for code that a signal handler's exception may leave at any moment.

A handler runs between two instructions of the main thread: also between the return of `acquire` and the `try` behind
it, or between the end of a context manager's `__enter__` and its block. So the lock is asked for inside of the `try`.
It is given back twice: by the inner function, and by the outer one if the exception came before the
inner could.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BusyError", "Exclusive"]

Result = TypeVar("Result")


class BusyError(Exception):
    """Another thread has held the lock for longer than the time allowed.

    It is no TimeoutError, for this is what the handlers of applications raise.
    """


class Exclusive:
    """Lets one thread at a time take a step; a step within a step of the same thread is a part of it."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        # Typed so because `_is_owned`, which `threading.Condition` relies on too, is not in the stubs. To keep the
        # owner ourselves would open the very gap that this class closes.
        self._lock: Any = threading.RLock()

    @property
    def is_mine(self) -> bool:
        """Whether the calling thread holds it, further up in its own stack."""
        return bool(self._lock._is_owned())  # noqa: SLF001 - see above

    def acquire(self, timeout: float) -> bool:
        """Take the lock for what is no function, such as a fork; return whether that was done in `timeout` seconds."""
        return bool(self._lock.acquire(timeout=timeout))

    def release(self) -> None:
        """Give back what `acquire` took."""
        self._lock.release()

    def run(self, step: Callable[[], Result], timeout: float = -1) -> Result:
        """Call `step` while no other thread is in one; raises BusyError after `timeout` seconds, unless it is -1."""
        if self._lock._is_owned():  # noqa: SLF001 - see above
            return step()
        try:
            return self._run(step, timeout)
        finally:
            try:  # noqa: SIM105 - the `with` would be another gap
                self._lock.release()
            except RuntimeError:  # not held: `_run` has given it back
                pass

    def _run(self, step: Callable[[], Result], timeout: float) -> Result:
        try:
            if not self._lock.acquire(timeout=timeout):
                msg = f"another thread has held the lock for {timeout:.1f} s"
                raise BusyError(msg)
            return step()
        finally:
            try:  # noqa: SIM105 - as above
                self._lock.release()
            except RuntimeError:  # not held
                pass
