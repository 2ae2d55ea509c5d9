"""Nothing at all, and the floor: what people write by hand when they want to know how long a call took."""

from __future__ import annotations

import functools
import inspect
import time
from typing import Any

from benchmarks.subjects import Function, Subject

__all__ = ["subjects"]


def bare(function: Function, _: str) -> Function:
    """Return the function itself."""
    return function


def floor(function: Function, _: str) -> Function:
    """Time a call and forget the time: nothing is recorded, so nothing useful can cost less by hand."""
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter_ns()
            try:
                return await function(*args, **kwargs)
            except BaseException:  # noqa: TRY203 - where it would tell errors from the rest
                raise
            finally:
                _ = time.perf_counter_ns() - start

        return timed

    @functools.wraps(function)
    def timed_call(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter_ns()
        try:
            return function(*args, **kwargs)
        except BaseException:  # noqa: TRY203 - as above
            raise
        finally:
            _ = time.perf_counter_ns() - start

    return timed_call


def subjects() -> list[Subject]:
    """Return what every group is measured against."""
    return [Subject("bare", bare), Subject("floor", floor)]
