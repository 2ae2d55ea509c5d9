"""Our failures: counted by stage, logged once per stage, never passed on to the observed call.

What a signal handler of the application raises is no failure of ours, though it may break in while our code runs: a
timeout is to reach the code that has set it.
"""

from __future__ import annotations

import inspect
import logging
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["failed", "failures", "forget", "pass_on"]

_LOG = logging.getLogger("pepperpy_obs")
_failures: Counter[str] = Counter()


def failed(stage: str, error: BaseException) -> None:
    """Count a failure of ours at `stage`; the first of each stage is logged with its traceback.

    Raises `error` again if a signal handler of the application has raised it.
    Safe to call from any thread. Two threads that fail in the same instant may be counted
    as one: a lock here could be held at a fork.
    """
    pass_on(error)
    _failures[stage] += 1
    # A stream that nobody reads may be where the application's log goes, too: telling would hang.
    if _failures[stage] == 1 and not isinstance(error, BlockingIOError):
        _LOG.error(
            "pepperpy_obs failed at %r and goes on without it; further failures there are only counted",
            stage,
            exc_info=(type(error), error, error.__traceback__),
        )


def pass_on(error: BaseException) -> None:
    """Raise `error` again if a signal handler of the application has raised it, while other code ran.

    Python calls a handler with a number and the interrupted frame, which is then its caller as well: no other function
    is called so.
    """
    entry = error.__traceback__
    while entry is not None and entry.tb_next is not None:
        if _is_handler(entry.tb_next.tb_frame, interrupted=entry.tb_frame):
            raise error
        entry = entry.tb_next


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
