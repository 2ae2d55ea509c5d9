"""Our failures: counted by stage, logged once per stage, never passed on to the observed call.

What a signal handler of the application raises is no failure of ours, though it may break in while our code runs: a
timeout is to reach the code that has set it.
"""

from __future__ import annotations

import inspect
import logging
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import FrameType, TracebackType

__all__ = ["failed", "failures", "forget", "interrupted", "note", "pass_on", "unread"]

_OURS: Final = __name__.partition(".")[0]
_LOG = logging.getLogger("pepperpy_obs")
_TRACEBACK: Final[Any] = BaseException.__dict__["__traceback__"]
"""Asked for like this, as an exception of the user's may have a `__getattribute__` that raises."""
_failures: Counter[str] = Counter()


def failed(stage: str, error: BaseException) -> None:
    """Count a failure of ours at `stage`; the first of each stage is logged with its traceback.

    Raises `error` again if a signal handler of the application has raised it.
    Safe to call from any thread. Two threads that fail in the same instant may be counted
    as one: a lock here could be held at a fork.
    """
    try:
        pass_on(error)
    except BaseException:
        del error  # as in `pass_on`
        raise
    _failures[stage] += 1
    # The application's log may go to the same stream that is not read: to log would hang.
    if _failures[stage] == 1 and not issubclass(type(error), BlockingIOError):
        _LOG.error(
            "pepperpy_obs failed at %r and goes on without it; further failures there are only counted",
            stage,
            exc_info=(type(error), error, error.__traceback__),
        )


def note(stage: str, message: str) -> None:
    """Count what is amiss at `stage` through no failure of ours; the first time it is logged as a warning."""
    _failures[stage] += 1
    if _failures[stage] == 1:
        _LOG.warning("pepperpy_obs: %s", message)


def pass_on(error: BaseException) -> None:
    """Raise `error` again if a signal handler of the application has raised it, while other code ran.

    Python calls a handler with a number and the interrupted frame, which is then its caller as well: no other function
    is called so.
    """
    entry: TracebackType | None = _TRACEBACK.__get__(error)
    try:
        while entry is not None and entry.tb_next is not None:
            if _is_handler(entry.tb_next.tb_frame, interrupted=entry.tb_frame):
                raise error
            entry = entry.tb_next
    finally:
        # The traceback refers to this frame: a cycle, which would keep all that its frames refer to until a collection.
        del error, entry


def unread(error: BaseException) -> None:
    """Count that an answer of the user's could not be read; raise `error` again if it was not the answer's."""
    try:
        if interrupted(error):
            raise error
        failed("usage", error)
    finally:
        del error  # as in `pass_on`


def interrupted(error: BaseException) -> bool:
    """Return whether a BaseException was meant for the running code, though it arose while a user's object was read.

    That is so for Ctrl-C, and for what is raised into our own frame from outside. What an attribute of the object
    raises by itself (pytest.fail, a timeout, an exit) is only a reason not to read it.
    """
    if issubclass(type(error), Exception):
        return False
    entry: TracebackType | None = _TRACEBACK.__get__(error)
    while entry is not None and entry.tb_next is not None:
        entry = entry.tb_next
    ours = entry is not None and str(entry.tb_frame.f_globals.get("__name__")).startswith(f"{_OURS}.")
    return ours or issubclass(type(error), KeyboardInterrupt)


def _is_handler(frame: FrameType, interrupted: FrameType) -> bool:
    code, given = frame.f_code, frame.f_locals
    values: list[object] = [given.get(name) for name in code.co_varnames[: code.co_argcount]]
    if code.co_flags & inspect.CO_VARARGS:
        values += given.get(code.co_varnames[code.co_argcount + code.co_kwonlyargcount]) or ()
    return any(type(number) is int and one is interrupted for number, one in pairwise(values))


def failures() -> dict[str, int]:
    """Return how often each stage has failed so far."""
    return dict(_failures)


def forget() -> None:
    """Start counting afresh: in a forked child, and between tests."""
    _failures.clear()
