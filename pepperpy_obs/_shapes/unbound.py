"""What is decorated and was no method in a class body, and is to become none: partials, builtins, callable objects."""

from __future__ import annotations

import functools
import sys
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Unbound", "binds", "unbound"]

_AS_A_FUNCTION: Final = ("__code__", "__defaults__", "__kwdefaults__", "__annotations__", "__name__", "__qualname__")
"""By these `inspect` knows that something behaves as a function does, and asks it what kind of one it is."""


def binds(target: Any) -> bool:
    """Return whether an instance that `target` is looked up on would become its first argument."""
    if isinstance(target, functools.partial):
        return sys.version_info >= (3, 14)  # 3.13 has `__get__` already, to warn of it
    return hasattr(type(target), "__get__") and not isinstance(target, MethodType)


class Unbound:
    """Calls a wrapper of ours, has what the wrapped object has, and stays itself as a class attribute."""

    __wrapped__: Any

    def __getattr__(self, name: str) -> Any:
        """Look up what is not ours on the object that was decorated."""
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # copying and pickling ask for these before there is a `__wrapped__`
        return getattr(self.__wrapped__, name)

    def __reduce__(self) -> Any:
        """Go to other processes as what was decorated, to be decorated there anew."""
        return vars(self)["__pepperpy_obs__"].remade()

    def __repr__(self) -> str:
        return f"<measured {self.__wrapped__!r}>"


def unbound(wrapper: Callable[..., Any]) -> Any:
    """Return `wrapper` as an object that is not bound.

    Of a class of its own: so the wrapper is called at once, and `__call__` is the kind of function that it is.
    """
    kind: Any = type("Unbound", (Unbound,), {"__call__": staticmethod(wrapper), "__module__": __name__})
    made = kind()
    vars(made).update(vars(wrapper), __doc__=wrapper.__doc__, __module__=wrapper.__module__)
    vars(made).update({name: getattr(wrapper, name) for name in _AS_A_FUNCTION})
    return made
