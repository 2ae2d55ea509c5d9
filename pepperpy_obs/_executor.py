"""An executor whose functions run in the context that they were submitted from."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextvars import copy_context
from typing import Any

from pepperpy_obs.errors import SetupError

__all__ = ["CarryingExecutor"]


class CarryingExecutor(Executor):
    """Hands functions on to the threads of a pool, each with a copy of the submitter's context."""

    def __init__(self, pool: Executor) -> None:
        if isinstance(pool, ProcessPoolExecutor):
            msg = (
                f"executor: a {type(pool).__name__} runs functions in other processes, where no context gets; send"
                " current_call().traceparent along, and continue_trace() with it there"
            )
            raise SetupError(msg)
        self._pool = pool

    def submit(self, function: Callable[..., Any], /, *args: Any, **given: Any) -> Future[Any]:
        """Have a thread of the pool run a function in a copy of this context."""
        return self._pool.submit(copy_context().run, function, *args, **given)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - concurrent.futures' signature
        """Shut the pool down."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)
