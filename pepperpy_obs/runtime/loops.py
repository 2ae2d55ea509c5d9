"""On an event loop, the loop itself folds its calls: right after a burst of them, a few in each round.

A thread that folds has the interpreter lock for 0.1 ms at a time. A loop that wakes up meanwhile has to wait, and to be
woken once more by the system, which takes longer than the fold. It need not wait for what it does itself.

There is no hook for "a burst is over". But every call compares the buffer with a threshold anyway. So the threshold is
lowered, and the call that reaches it asks its loop for a task, which runs when the tasks that are ready now are done.
"""

from __future__ import annotations

import sys
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs._guard import failed

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from pepperpy_obs._dispatch import RecordBuffer

__all__ = ["LoopTasks"]

_BURST: Final = 32
"""Calls that are worth a loop task: to ask for one takes as long as two calls do."""
_PAUSE: Final = 0.0002
"""Seconds between two loop tasks."""


class LoopTasks:
    """Has event loops call `fold`, which does a little and returns whether there is more to do soon.

    A thread that runs now and then has to `offer` this anew: a loop may have ended with a task still to come, and a
    caller without a loop, which can do nothing, must not call us again for each call. An offer is ignored while it is
    not `wanted`.
    """

    def __init__(self, buffer: RecordBuffer, fold: Callable[[], bool], wanted: Callable[[], bool]) -> None:
        self._buffer = buffer
        self._fold = fold
        self._wanted = wanted

    def offer(self) -> None:
        """Let the call that comes after the next burst ask for a loop task."""
        self._buffer.set_threshold(_BURST if self._wanted() and _worth_while() else None)

    def ask(self) -> None:
        """Ask for a loop task, if the calling thread runs a loop; called by an observed call."""
        self._buffer.set_threshold(None)
        loop = _running_loop()
        if loop is not None:
            # Not in the context of the call that happened to come by.
            loop.call_soon(self._run_loop_task, loop, context=Context())

    def _run_loop_task(self, loop: AbstractEventLoop) -> None:
        try:
            if self._fold():
                # Whatever is due meanwhile comes first; `call_soon` would put this before it.
                loop.call_later(_PAUSE, self._run_loop_task, loop, context=Context())
            else:
                self.offer()
        except Exception as error:
            failed("drain", error)


def _running_loop() -> AbstractEventLoop | None:
    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        loop: AbstractEventLoop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop


def _worth_while() -> bool:
    """Tell whether threads have to wait for each other; without the interpreter lock ours disturbs no other."""
    enabled: Callable[[], bool] | None = getattr(sys, "_is_gil_enabled", None)
    return enabled is None or enabled()
