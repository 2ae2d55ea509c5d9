"""What a process does to its threads: exit, SIGTERM, fork. One set of hooks for all runtimes."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from pepperpy_obs import _dispatch, _guard, context
from pepperpy_obs.runtime.elsewhere import note_harmless

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Mortal", "after_batch", "handle_sigterm", "look_after"]


class Mortal(Protocol):
    """What ends with the process and is born again in a forked child: a runtime."""

    @property
    def draining(self) -> bool:
        """Whether the calling thread is in the middle of a batch."""
        ...

    def shutdown(self) -> None:
        """Write what there is and close, in bounded time; idempotent."""

    def after_fork(self) -> None:
        """Begin anew in a child."""


_alive: weakref.WeakSet[Mortal] = weakref.WeakSet()
_hooked = False
_terminating = False


def look_after(runtime: Mortal) -> None:
    """Have `runtime` shut down at exit and renewed in forked children, for as long as it exists."""
    global _hooked
    _alive.add(runtime)
    if not _hooked:
        _hooked = True
        atexit.register(_shutdown_all)
        os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
    _hook_multiprocessing()


def handle_sigterm() -> None:
    """Flush before SIGTERM ends the process, if the application leaves that signal alone; else do nothing.

    Only the main thread may set handlers. An application that sets its own later on takes
    over, and is expected to leave by `sys.exit`, where everything is flushed too.
    """
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        note_harmless(_terminate)
        signal.signal(signal.SIGTERM, _terminate)


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


def after_batch() -> None:
    """Do what a SIGTERM in the middle of a batch had to leave."""
    global _terminating
    if _terminating:
        _terminating = False
        _terminate(signal.SIGTERM, None)


def _shutdown_all() -> None:
    for runtime in list(_alive):
        runtime.shutdown()


def _before_fork() -> None:
    context.before_fork()
    _hook_multiprocessing()


def _after_fork() -> None:
    context.after_fork()
    _dispatch.after_fork()
    _guard.forget()
    for runtime in list(_alive):
        runtime.after_fork()


class _Child:
    """The object that multiprocessing ties our hook to."""


_child = _Child()
_known_to_multiprocessing = False


def _hook_multiprocessing() -> None:
    """Have multiprocessing's children flush: they end by `os._exit`, where `atexit` is not heard."""
    global _known_to_multiprocessing
    tools: Any = sys.modules.get("multiprocessing.util")
    if tools is None:
        return
    if not _known_to_multiprocessing:
        _known_to_multiprocessing = True
        tools.register_after_fork(_child, _in_child)
    process: Any = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        _in_child(_child)


def _in_child(_: object) -> None:
    """Register the last thing that a multiprocessing child does (once its own registry has been cleared)."""
    tools: Any = sys.modules["multiprocessing.util"]
    tools.Finalize(None, _shutdown_all, exitpriority=-100)
