"""Work that no exception of a signal handler may interrupt, done by a thread that runs no handlers.

Python runs signal handlers in the main thread only. Where one raises (a timeout by `signal.alarm`, Celery's
SoftTimeLimitExceeded) in the middle of a fold, half of a call is counted, or one call twice. So where a handler is
installed that may raise, the main thread has another thread fold, and the exception can only end its waiting. To start
the thread takes 0.2 ms, so without such a handler the fold stays in its thread. Ctrl-C's own handler does not count: as
a rule it ends the process.
"""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["needs_shield", "note_harmless", "shielded"]

Result = TypeVar("Result")

_KINDS: Final = tuple(map(int, signal.valid_signals()))
_getsignal: Final = sys.modules["_signal"].getsignal
"""`signal.getsignal` without the conversion to an enum, which takes ten times as long as all else."""
_ASYNCIO: Final = frozenset({"asyncio.unix_events", "asyncio.runners"})
_harmless: set[Any] = {signal.SIG_DFL, signal.SIG_IGN, None, signal.default_int_handler}


def note_harmless(handler: object) -> None:
    """Take a handler for one that does not raise."""
    _harmless.add(handler)


def needs_shield() -> bool:
    """Tell whether the calling thread runs signal handlers, and one is installed that may raise."""
    if threading.get_ident() != threading.main_thread().ident or sys.is_finalizing():
        return False
    return any(_is_risky(handler) for handler in map(_getsignal, _KINDS))


def _is_risky(handler: Any) -> bool:
    try:
        # `asyncio.run` installs a partial of its own for Ctrl-C, which cancels the main task.
        function = getattr(handler, "func", handler)
        return handler not in _harmless and getattr(function, "__module__", "") not in _ASYNCIO
    except TypeError:  # a callable object that cannot be hashed
        return True


def shielded(step: Callable[[], Result]) -> Result:
    """Take a step, in a thread of its own where a signal handler could tear it; return or raise what it does.

    The step sees the context of the caller, as it would in the caller's own thread.
    """
    if not needs_shield():
        return step()
    context = copy_context()
    results: list[Result] = []
    errors: list[BaseException] = []
    done = _thread.allocate_lock()
    done.acquire()

    def work() -> None:
        try:
            results.append(context.run(step))
        except BaseException as error:  # raised again by the thread that waits
            errors.append(error)
        finally:
            done.release()

    try:
        _thread.start_new_thread(_begin, (work,))
    except RuntimeError:  # no threads are to be had, or the interpreter is about to end
        return step()
    done.acquire()
    if errors:
        raise errors[0]
    return results[0]


def _begin(work: Callable[[], None]) -> None:
    """Start the thread from another one: to make a `Thread`, start it and let it go can be torn, too."""
    try:
        threading.Thread(target=work, name="pepperpy_obs-fold", daemon=True).start()
    except RuntimeError:  # no further thread is to be had: this one will do
        work()
