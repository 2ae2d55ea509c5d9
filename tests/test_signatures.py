# ruff: noqa: ANN001, ANN002, ANN003, ANN202 - the callables under test are the users', annotated or not
# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,assignment"
# pyright: basic, reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false
"""What a generated wrapper hands on: every kind of parameter, default, refusal and exception."""

import inspect
import traceback
from typing import Any

import pytest

from pepperpy_obs import measured


class BoomError(Exception):
    pass


def _every_kind(a, b=2, /, c=3, *rest, d, e=5, **more):
    return a, b, c, rest, d, e, more


SIGNATURES = [
    (_every_kind, ((1,), {"d": 4}), (1, 2, 3, (), 4, 5, {})),
    (_every_kind, ((1, 20, 30, 40), {"d": 4, "e": 50, "f": 6}), (1, 20, 30, (40,), 4, 50, {"f": 6})),
    (lambda: 1, ((), {}), 1),
    (lambda x, /: x, ((1,), {}), 1),
    (lambda *, x=[]: x, ((), {}), []),
    (lambda *_pp_x: _pp_x, ((1, 2), {}), (1, 2)),
    (lambda **config: config, ((), {"config": 1, "self": 2}), {"config": 1, "self": 2}),
    (len, (("abc",), {}), 3),
    (dict, ((), {"a": 1}), None),
]


@pytest.mark.parametrize("target,arguments,expected", SIGNATURES[:-1])
def test_arguments_arrive_as_they_were_given(target: Any, arguments: Any, expected: Any) -> None:
    """Every kind of parameter, defaults and star arguments pass through a generated wrapper unchanged."""
    args, kwargs = arguments

    assert expected == measured(target)(*args, **kwargs)


def test_defaults_are_the_same_objects() -> None:
    """A wrapper hands on the very default objects of what it wraps."""
    sentinel = object()

    def f(x=sentinel, *, y=sentinel):
        return x, y

    wrapped = measured(f)

    assert (sentinel, sentinel) == wrapped()
    assert inspect.signature(f) == inspect.signature(wrapped)


def test_a_wrong_call_is_refused_as_without_us() -> None:
    """A call with wrong arguments raises TypeError naming the function."""
    with pytest.raises(TypeError, match=r"every_kind\(\) missing 1 required"):
        measured(_every_kind)()


def test_the_exception_is_the_users_own_and_the_traceback_readable() -> None:
    """The very exception object passes, and our one frame shows its source."""
    boom = BoomError("x")

    @measured
    def fails(x: int) -> None:
        raise boom

    with pytest.raises(BoomError) as caught:
        fails(1)

    assert caught.value is boom
    text = "".join(traceback.format_exception(caught.value))
    assert "_pp_target(x)" in text
    assert boom.__context__ is None
