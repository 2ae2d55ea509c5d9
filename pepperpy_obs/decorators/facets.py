"""`@measured`, `@tracked_usage`, `@costed`: each adds a facet, and together they make one wrapper."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, Unpack, overload

from pepperpy_obs._shapes import wrap
from pepperpy_obs.decorators.options import Options, make_spec
from pepperpy_obs.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Decorator", "costed", "measured", "tracked_usage"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_MARK = "__pepperpy_obs__"


class Decorator(Protocol):
    """A decorator that keeps the type of what it decorates."""

    @overload
    def __call__(self, function: staticmethod[P, R], /) -> staticmethod[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def __call__(self, function: classmethod[T, P, R], /) -> classmethod[T, P, R]: ...


class _Mark:
    """What a wrapper of ours knows of itself, so that a further decorator can start over from the original."""

    __slots__ = ("facets", "options", "target", "wrapper")

    def __init__(
        self, wrapper: Callable[..., Any], target: Callable[..., Any], facets: frozenset[str], options: dict[str, Any]
    ) -> None:
        self.wrapper = wrapper
        self.target = target
        self.facets = facets
        self.options = options

    def remade(self) -> tuple[Any, ...]:
        """Return how to decorate the original anew, as pickle wants it."""
        return _remade, (self.target, self.facets, self.options)


@overload
def measured(function: staticmethod[P, R], /) -> staticmethod[P, R]: ...
@overload
def measured(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def measured(function: classmethod[T, P, R], /) -> classmethod[T, P, R]: ...
@overload
def measured(**options: Unpack[Options]) -> Decorator: ...
def measured(function: Any = None, /, **options: Any) -> Any:
    """Record the duration and outcome of each call: one event `operation.finished` per call.

    Works on functions, coroutines, generators, async generators, methods, partials and
    callable objects, above or below `@classmethod` and `@staticmethod`. The other two
    decorators may be stacked on it in any order; there is still one event. Options are those
    of `Options`; a wrong one raises SetupError here, and nothing is raised into calls later.

    >>> @measured
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> double(21)
    42
    """
    return _decorate(function, "measured", frozenset(), options)


@overload
def tracked_usage(function: staticmethod[P, R], /) -> staticmethod[P, R]: ...
@overload
def tracked_usage(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def tracked_usage(function: classmethod[T, P, R], /) -> classmethod[T, P, R]: ...
@overload
def tracked_usage(**options: Unpack[Options]) -> Decorator: ...
def tracked_usage(function: Any = None, /, **options: Any) -> Any:
    """Also record tokens, model and provider, read from the provider's answer that the function returns or streams.

    The answer may be an SDK object, a dict or raw JSON; `usage=` reads it from another
    result. Of the answer only its usage, model and id are kept. A function may also return what
    the answer is yet to come of: a coroutine, a generator or an SDK's stream object. Its call then
    lasts until that has been awaited, read to its end, closed or let go; a stream object stays the
    object that it is. See `measured` for the rest.
    """
    return _decorate(function, "tracked_usage", frozenset({"usage"}), options)


@overload
def costed(function: staticmethod[P, R], /) -> staticmethod[P, R]: ...
@overload
def costed(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def costed(function: classmethod[T, P, R], /) -> classmethod[T, P, R]: ...
@overload
def costed(**options: Unpack[Options]) -> Decorator: ...
def costed(function: Any = None, /, **options: Any) -> Any:
    """Also record what the call cost, as an exact decimal; it implies `tracked_usage`.

    A model whose price is not known gives an event without `cost_usd` and with
    `cost_source="unpriced"`: unknown is not zero. See `measured` for the rest.
    """
    return _decorate(function, "costed", frozenset({"usage", "cost"}), options)


def _decorate(function: Any, decorator: str, facets: frozenset[str], options: Mapping[str, Any]) -> Any:
    make_spec("", options, facets=facets, where=f"@{decorator}", takes_arguments=True)
    if function is None:
        return lambda given: _apply(given, decorator, facets, options)
    return _apply(function, decorator, facets, options)


def _apply(given: Any, decorator: str, facets: frozenset[str], options: Mapping[str, Any]) -> Any:
    if isinstance(given, classmethod | staticmethod):
        return type(given)(_apply(given.__func__, decorator, facets, options))
    _refuse_misuse(given, decorator)
    mark = getattr(given, _MARK, None)
    # functools.wraps copies our mark onto foreign wrappers: it counts only on the wrapper it was made for.
    if isinstance(mark, _Mark) and mark.wrapper is given:
        given, facets, options = mark.target, facets | mark.facets, {**mark.options, **options}
    spec = make_spec(_name(given), options, facets=facets, where=f"@{decorator}", takes_arguments=True)
    wrapper = wrap(given, spec)
    setattr(wrapper, _MARK, _Mark(wrapper, given, facets, dict(options)))
    return wrapper


def _remade(target: Any, facets: frozenset[str], options: dict[str, Any]) -> Any:
    return _apply(target, "measured", facets, options)


def _refuse_misuse(given: Any, decorator: str) -> None:
    advice = None
    if inspect.isclass(given):
        advice = "decorate its methods"
    elif isinstance(given, property):
        advice = "put the decorator below @property"
    elif isinstance(given, functools.partialmethod):
        advice = "decorate the method that it is made of"
    elif not callable(given):
        advice = f"write @{decorator} or @{decorator}(operation=...), options by keyword"
    if advice is not None:
        msg = f"@{decorator} was put on {given!r}; it takes a function, a method or a callable object: {advice}"
        raise SetupError(msg)


def _name(target: Any) -> str:
    while isinstance(target, functools.partial):
        target = target.func
    return getattr(target, "__qualname__", None) or type(target).__qualname__
