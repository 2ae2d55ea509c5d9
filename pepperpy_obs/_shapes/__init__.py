"""All async lore: a function, coroutine, generator or async generator around one call.

`wrap` makes a wrapper of the same shape as what it wraps. Context is current only while
the callable itself runs, never in the consumer between yields, and everything of the user's
passes through untouched: values, exceptions, `send`, `throw`, `close`, cancellation. What is no method is
made none: a partial or a callable object stays what it was in the body of a class.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from pepperpy_obs._shapes.calls import wrap_call
from pepperpy_obs._shapes.streams import wrap_async_stream, wrap_stream
from pepperpy_obs._shapes.unbound import binds, unbound

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_obs._record import Spec

__all__ = ["shape_of", "wrap"]


def shape_of(target: Callable[..., Any]) -> str:
    """Return "function", "coroutine", "generator" or "async generator", also for partials and callable objects."""
    while isinstance(target, functools.partial):
        target = target.func
    if not inspect.isroutine(target):
        target = type(target).__call__
    if inspect.iscoroutinefunction(target) or _is_awaited(target):
        return "coroutine"
    if inspect.isasyncgenfunction(target):
        return "async generator"
    return "generator" if inspect.isgeneratorfunction(target) else "function"


def _is_awaited(target: Callable[..., Any]) -> bool:
    """Return whether `target` is a generator function of `types.coroutine`, which is awaited, not iterated."""
    code = getattr(target, "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_ITERABLE_COROUTINE)


def wrap(target: Callable[..., Any], spec: Spec) -> Callable[..., Any]:
    """Return a callable of the shape and signature of `target` that leaves a record of each call."""
    shape = shape_of(target)
    if shape == "generator":
        wrapper = wrap_stream(target, spec)
    elif shape == "async generator":
        wrapper = wrap_async_stream(target, spec)
    else:
        wrapper = wrap_call(target, spec, is_coroutine=shape == "coroutine")
    named = target
    while isinstance(named, functools.partial):
        named = named.func
    # The attributes of a callable object may change: they stay where they are.
    updated = functools.WRAPPER_UPDATES if binds(target) else ()
    functools.update_wrapper(wrapper, named if hasattr(named, "__name__") else type(named), updated=updated)
    wrapper.__dict__.pop("__pepperpy_obs__", None)
    wrapper.__dict__["__wrapped__"] = target
    return wrapper if binds(target) else unbound(wrapper)
