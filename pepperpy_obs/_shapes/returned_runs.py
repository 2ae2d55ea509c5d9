"""Runs that go on in a task after they were returned: `Runner.run_streamed` of openai-agents."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs._guard import unread
from pepperpy_obs._record import identity_of, notes_of
from pepperpy_obs._shapes.stream_recorder import CallFinalizer

if TYPE_CHECKING:
    from pepperpy_obs._record import Record

__all__ = ["record_run"]

_TASK: Final = "run_loop_task"
_REMEMBERED: Final = 512


def record_run(record: Record, answer: Any) -> bool:
    """Let the record end with the task that an answer is made in; False if it is no such run, or done."""
    kind: Any = type(answer)
    if not _may_run(kind):
        return False
    task = vars(answer).get(_TASK)
    if not hasattr(task, "add_done_callback") or task.done():
        return False
    task.add_done_callback(_Run(record, answer).done)
    return True


@lru_cache(_REMEMBERED)
def _may_run(kind: Any) -> bool:
    return any(_TASK in vars(each) for each in kind.__mro__)


class _Run(CallFinalizer):
    """The record of one run; the task's own callback keeps both until it is done."""

    __slots__ = ("run",)

    def __init__(self, record: Record, run: Any) -> None:
        super().__init__(record)
        self.run = run

    def done(self, task: Any) -> None:
        """Take the run's total, which is complete by now, and complete the record."""
        try:
            from pepperpy_obs.usage import capture  # noqa: PLC0415 - `@measured` alone does not load it

            notes = notes_of(self.record)
            if notes.captured is None:
                notes.captured, notes.answer = capture(self.run), identity_of(self.run)
            # To ask the task for its exception would keep asyncio from reporting that it was never retrieved.
            error = getattr(task, "_exception", None)
        except BaseException as ours:
            unread(ours)
            error = None
        self.end(_cancelled() if task.cancelled() else error)


def _cancelled() -> BaseException:
    from asyncio import CancelledError  # noqa: PLC0415 - a task was cancelled, so it is loaded

    return CancelledError()
