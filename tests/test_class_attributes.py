"""What was no method in the body of a class is none when decorated."""

from __future__ import annotations

import functools
import inspect
import sys
from typing import Any

import pytest

from pepperpy_obs import measured
from pepperpy_obs.testing import captured


def _add(left: int, right: int) -> int:
    return left + right


class _Counter:
    """Counts its calls."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, by: int) -> int:
        self.count += by
        return self.count

    def reset(self) -> None:
        self.count = 0


class Bare:
    builtin = len
    bound = _Counter().__call__
    counter = _Counter()
    cached = functools.lru_cache(lambda self: type(self).__name__)


class Decorated:
    builtin = measured(len)
    bound = measured(_Counter().__call__)
    counter = measured(_Counter())
    cached = measured(functools.lru_cache(lambda self: type(self).__name__))


@pytest.mark.parametrize("name, arguments", [("builtin", ("ab",)), ("bound", (2,)), ("counter", (2,)), ("cached", ())])
def test_a_class_attribute_stays_what_it_was(name: str, arguments: tuple[Any, ...]) -> None:
    """Builtins, bound methods and callable objects are not handed `self`; what was a method still is."""
    bare, decorated = getattr(Bare(), name)(*arguments), getattr(Decorated(), name)(*arguments)

    assert decorated == ("Decorated" if name == "cached" else bare)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="a bare partial warns in 3.13 and is a method from 3.14 on")
def test_a_partial_is_no_method() -> None:
    """Before Python 3.14, as if it were bare."""

    class RequestTotals:
        bare = functools.partial(_add, 1)
        decorated = measured(functools.partial(_add, 1))

    sums: Any = RequestTotals
    assert (sums().bare(2), sums().decorated(2), sums.decorated(2)) == (3, 3, 3)


def test_an_object_keeps_its_attributes() -> None:
    """State and methods of a callable object are within reach, and are those of the object."""
    counter = _Counter()
    decorated: Any = measured(counter)

    with captured() as seen:
        decorated(2)
    assert (decorated.count, seen.event["operation"]) == (2, "_Counter")
    decorated.reset()
    assert (counter.count, decorated.count) == (0, 0)
    assert decorated.__doc__ == "Counts its calls."
    with pytest.raises(AttributeError, match="missing"):
        _ = decorated.missing


def test_a_coroutine_behind_a_bound_method_is_known_as_one() -> None:
    """`inspect` sees the kind of function that it is, on the object and on its `__call__`."""

    class Client:
        async def fetch(self) -> None: ...

    decorated: Any = measured(Client().fetch)

    assert inspect.iscoroutinefunction(decorated)
    assert inspect.iscoroutinefunction(decorated.__call__)
    assert not inspect.signature(decorated).parameters
    assert repr(decorated).startswith("<measured <bound method")
