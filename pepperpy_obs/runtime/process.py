"""What a process does to its threads: exit, SIGTERM, fork. One set of hooks for all runtimes.

At exit everything is written by a handler of `atexit`. Handlers that were registered before it run after it. What they
record is written when the interpreter lets go of its modules (`_Last`).

A child that C code has forked without Python's hooks (uWSGI without `py-call-osafterfork`) is known by its process id,
which is looked at where a runtime is asked for something (`notice_fork`).
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import weakref
from types import ModuleType
from typing import TYPE_CHECKING, Final, Protocol

from pepperpy_obs import _dispatch, _guard, context
from pepperpy_obs.runtime import children, servers
from pepperpy_obs.runtime.shielded import note_harmless

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Closeable", "after_batch", "handle_sigterm", "notice_fork", "register"]


class Closeable(Protocol):
    """What ends with the process and is born again in a forked child: a runtime."""

    @property
    def draining(self) -> bool:
        """Whether the calling thread is in the middle of a batch."""
        ...

    def flush(self, timeout: float = -1) -> None:
        """Write what there is; raises an error if that cannot begin in so many seconds, unless it is -1."""

    def shutdown(self, *, at_exit: bool = False) -> None:
        """Write what there is and close, in bounded time; idempotent. What comes after the exit's is still written."""

    def before_fork(self) -> None:
        """Let nothing be under way that a child must not have."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork(self) -> None:
        """Begin anew in a child."""


_alive: weakref.WeakSet[Closeable] = weakref.WeakSet()
_hooked = False
_terminating = False
_pid = os.getpid()
_LAST: Final = "pepperpy_obs.runtime.last_word"


def register(runtime: Closeable) -> None:
    """Have `runtime` shut down at exit and renewed in forked children, for as long as it exists."""
    global _hooked
    _alive.add(runtime)
    if not _hooked:
        _hooked = True
        atexit.register(_at_exit)
        # No other module refers to this one, so it is let go first, while all that a write needs is still there.
        sys.modules[_LAST] = ModuleType(_LAST)
        vars(sys.modules[_LAST])["word"] = _Last()
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork)
    children.hook(_shutdown_all)


def handle_sigterm() -> None:
    """Flush before SIGTERM ends the process, if the application leaves that signal alone; else do nothing.

    Only the main thread may set handlers. An application that sets its own later on takes
    over, and is expected to leave by `sys.exit`, where everything is flushed too. Uvicorn's
    server leaves by the signal itself: it is followed to its end.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    handler = signal.getsignal(signal.SIGTERM)
    if handler is signal.SIG_DFL:
        note_harmless(_terminate)
        signal.signal(signal.SIGTERM, _terminate)
    else:
        servers.follow(handler, _flush_all, _shutdown_all)


def _terminate(number: int, _frame: FrameType | None) -> None:
    """Shut down and die of the signal after all, so that the parent sees what it expects."""
    global _terminating
    if any(runtime.draining for runtime in list(_alive)):
        # The signal found this very thread inside a batch; its lock is ours already. The end of
        # the batch comes back here.
        _terminating = True
        return
    _shutdown_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    # The first process of a container is spared by its own signals (pid_namespaces(7)): it leaves as shells report it.
    os._exit(128 + number)


def after_batch() -> None:
    """Do what a SIGTERM in the middle of a batch had to leave."""
    global _terminating
    if _terminating:
        _terminating = False
        _terminate(signal.SIGTERM, None)


def _flush_all() -> None:
    for runtime in list(_alive):
        runtime.flush()


def _shutdown_all() -> None:
    for runtime in list(_alive):
        runtime.shutdown()


def _at_exit() -> None:
    for runtime in list(_alive):
        runtime.shutdown(at_exit=True)


class _Last:
    """Writes what was recorded after our own exit handler."""

    def __del__(self) -> None:
        """Write it, if the interpreter ends; a thread that it has stopped is not waited for."""
        if sys.is_finalizing():
            for runtime in list(_alive):
                try:
                    runtime.flush(0)
                except Exception as error:
                    _guard.failed("exit", error)


def _before_fork() -> None:
    context.before_fork()
    children.hook(_shutdown_all)
    for runtime in list(_alive):
        runtime.before_fork()


def _after_fork_in_parent() -> None:
    for runtime in list(_alive):
        runtime.after_fork_in_parent()


def _after_fork() -> None:
    global _pid
    _pid = os.getpid()
    context.after_fork()
    _dispatch.after_fork()
    _guard.forget()
    for runtime in list(_alive):
        runtime.after_fork()


def notice_fork() -> bool:
    """Begin anew if this process was forked without our hooks; return whether it was."""
    if _pid == os.getpid():
        return False
    _after_fork()
    return True
