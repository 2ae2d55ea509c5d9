"""Children of multiprocessing and billiard: they end by `os._exit`, where `atexit` is not heard.

A forked one goes on as its parent was configured. A spawned one (also one of a fork server) knows nothing of it, except
that its parent logs: that comes with the process object. Where the environment or the settings file names an output,
they configure the child as well; else it is said once that its calls go nowhere.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["at_end", "hook", "mark_parent", "parents_mark"]

_MARK: Final = "pepperpy_obs"


class _Child:
    """The object that multiprocessing ties our hook to."""


_child = _Child()
_known: set[str] = set()


def at_end(step: Callable[[], None]) -> None:
    """In a child: do something at its end, after the application's own last steps."""
    from multiprocessing import util  # noqa: PLC0415 - loaded in every child

    util.Finalize(None, step, exitpriority=-100)


def hook(shut_down: Callable[[], None]) -> None:
    """Have every child call `shut_down` as the last thing, whichever library has started it; may be called again."""
    tools: Any = sys.modules.get("multiprocessing.util")
    if tools is not None:

        def register(_: object = None) -> None:
            at_end(shut_down)

        if "multiprocessing" not in _known:
            _known.add("multiprocessing")
            tools.register_after_fork(_child, register)  # a child begins by clearing what it has to do at its end
        if _is_child():
            register()
    _hook_billiard(shut_down)


def _is_child() -> bool:
    process: Any = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def _hook_billiard(shut_down: Callable[[], None]) -> None:
    """Have the workers of a billiard pool (Celery's) call `shut_down`, too: they leave by `os._exit` at once."""
    pool: Any = sys.modules.get("billiard.pool")
    leave: Any = getattr(getattr(pool, "Worker", None), "_do_exit", None)
    if leave is None or "billiard" in _known:
        return
    _known.add("billiard")

    def left(worker: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            shut_down()
        finally:
            leave(worker, *args, **kwargs)

    pool.Worker._do_exit = left  # noqa: SLF001 - there is no hook for it


def mark_parent(*, logs: bool, as_configured: bool) -> None:
    """Let the processes that this one spawns know that it logs, and whether the settings alone say how."""
    try:
        from multiprocessing import process  # noqa: PLC0415 - 5 ms that only `configure` pays
    except ImportError:
        return  # a bundle without it, or a daemon that may not read Python's library any more: it spawns nothing

    settings: dict[str, Any] = getattr(process.current_process(), "_config", {})
    settings.pop(_MARK, None)
    if logs:
        settings[_MARK] = as_configured


def parents_mark() -> bool | None:
    """Return what the parent has marked this process with; None if it does not log."""
    process: Any = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None:
        return None
    mark: bool | None = getattr(process.current_process(), "_config", {}).get(_MARK)
    return mark
