"""Servers that leave by a signal which the application never sees.

Uvicorn (from 0.29) takes SIGTERM while it runs, puts back the handler that stood before, as a rule the system's, and
raises the signal again: no exit handler runs. An application that configures us in the lifespan, or in its module,
has uvicorn's handler in force by then; so we take part in that server's own shutdown, after the application's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["follow"]


def follow(handler: object, flush: Callable[[], None], shut_down: Callable[[], None]) -> None:
    """Have the server whose signal handler this is shut us down at its end, if it is one of uvicorn's.

    It only flushes where the server was stopped by other means than a signal, for its process may go on.
    """
    server: Any = getattr(handler, "__self__", None)
    if not any(kind.__module__.partition(".")[0] == "uvicorn" for kind in type(server).__mro__):
        return
    end = server.shutdown
    if getattr(end, "__module__", "") == __name__:
        return

    async def shutdown(*args: Any, **kwargs: Any) -> Any:
        try:
            return await end(*args, **kwargs)
        finally:
            (shut_down if getattr(server, "_captured_signals", None) else flush)()

    server.shutdown = shutdown
