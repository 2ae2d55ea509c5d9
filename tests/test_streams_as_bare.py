# ruff: noqa: ANN001, ANN201, ANN202, D103 - the generators under test are the users', annotated or not
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# pyright: basic
"""A decorated stream and the bare one, put through the same steps, show the same to who drives them."""

import asyncio
import contextlib
import functools
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pepperpy_obs import costed, measured
from pepperpy_obs._dispatch import RECORDS
from pepperpy_obs.testing import captured
from tests.generators import ASYNC_GENERATORS, GENERATORS, BoomError, aecho, echo

STEPS: dict[str, tuple[Any, ...]] = {
    "next": ("next",),
    "send a": ("send", "a"),
    "send stop": ("send", "stop"),
    "send nothing": ("send", None),
    "throw ValueError": ("throw", ValueError("thrown")),
    "throw a class": ("throw", ValueError),
    "throw StopIteration": ("throw", StopIteration("thrown")),
    "throw StopAsyncIteration": ("throw", StopAsyncIteration("thrown")),
    "throw GeneratorExit": ("throw", GeneratorExit("thrown")),
    "throw KeyboardInterrupt": ("throw", KeyboardInterrupt("thrown")),
    "close": ("close",),
}
SCRIPTS = st.lists(st.sampled_from(sorted(STEPS)), max_size=7)


def described(error: BaseException | None) -> object:
    """Return what can be said of an exception, with what it was raised from and while."""
    if error is None:
        return None
    return type(error), str(error), described(error.__cause__), described(error.__context__)


def state_of(stream: Any) -> object:
    """Return what a stream tells of itself without being driven."""
    if inspect.isgenerator(stream):
        return inspect.getgeneratorstate(stream), stream.gi_running, stream.gi_frame is None, stream.__name__
    assert inspect.isasyncgen(stream)
    return stream.ag_running, stream.ag_frame is None, stream.__name__


def fresh(thrown: Any) -> Any:
    """Return an exception that nobody has raised yet."""
    return type(thrown)(*thrown.args) if isinstance(thrown, BaseException) else thrown


def driven(stream: Any, script: list[str]) -> Iterator[object]:
    """Yield what each step of a script gives, and the state that it leaves."""
    yield state_of(stream)
    for step in script:
        name, *given = STEPS[step]
        try:
            shown = "gave", next(stream) if name == "next" else getattr(stream, name)(*map(fresh, given))
        except BaseException as error:
            shown = "raised", described(error)
        yield step, shown, state_of(stream)


async def driven_async(stream: Any, script: list[str]) -> list[object]:
    """Return what each step of a script gives, and the state that it leaves."""
    names = {"next": "__anext__", "send": "asend", "throw": "athrow", "close": "aclose"}
    seen: list[object] = [state_of(stream)]
    for step in script:
        name, *given = STEPS[step]
        try:
            shown = "gave", await getattr(stream, names[name])(*map(fresh, given))
        except (Exception, GeneratorExit, KeyboardInterrupt) as error:
            shown = "raised", described(error)
        seen.append((step, shown, state_of(stream)))
    return seen


@pytest.fixture(params=["recording", "off"], scope="module", autouse=True)
def recording(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run everything once with recording and once without."""
    RECORDS.off = request.param == "off"
    yield
    RECORDS.off = False


def end(stream: Any) -> None:
    """End a generator for good that may refuse to be closed, which the collector would complain of."""
    while stream.gi_frame is not None:
        with contextlib.suppress(KeyboardInterrupt, StopIteration, BoomError):
            stream.throw(KeyboardInterrupt)


@pytest.mark.parametrize("generator", GENERATORS)
@given(script=SCRIPTS)
@example(script=["throw ValueError", "next"])
@example(script=["close", "next", "close"])
@example(script=["next", "throw GeneratorExit", "next", "next"])
@example(script=["next", "close", "next", "close"])
@example(script=["send a", "next", "throw StopIteration"])
def test_a_generator(generator: Callable[..., Any], script: list[str]) -> None:
    """Whatever is done to a decorated generator, before its start, in the middle or after its end, is as without us."""
    bare, decorated = generator(), measured(generator)()

    assert list(driven(decorated, script)) == list(driven(bare, script))
    end(bare)
    end(decorated)


@pytest.mark.parametrize("generator", ASYNC_GENERATORS)
@given(script=SCRIPTS)
@example(script=["throw ValueError", "next"])
@example(script=["close", "next", "close"])
@example(script=["next", "throw GeneratorExit", "next", "next"])
@example(script=["next", "close", "next", "close"])
@example(script=["send a", "next", "throw StopAsyncIteration"])
def test_an_async_generator(generator: Callable[..., Any], script: list[str]) -> None:
    """Whatever is done to a decorated async generator, at any time of its life, is as without us."""

    async def both() -> None:
        assert await driven_async(measured(generator)(), script) == await driven_async(generator(), script)

    asyncio.run(both())


def one(x: int, /, y: int = 2, *, z: int = 3) -> Iterator[int]:
    yield x + y + z


async def aone(x: int, /, y: int = 2, *, z: int = 3):
    yield x + y + z


class Methods:
    """Generators that are methods, and an object that is called."""

    def one(self, x: int) -> Iterator[int]:
        """Yield once."""
        yield x

    def __call__(self, x: int) -> Iterator[int]:
        """Yield once."""
        yield x


WRONG: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((1, 2, 3), {}),
    ((1,), {"w": 1}),
    ((), {"x": 1}),
    ((1, 2), {"y": 2}),
]


@pytest.mark.parametrize("args, kwargs", WRONG)
@pytest.mark.parametrize("decorator", [measured, costed])
@pytest.mark.parametrize("target", [one, aone, Methods.one])
def test_wrong_arguments(target: Any, decorator: Any, args: Any, kwargs: Any) -> None:
    """Wrong arguments are refused by the call, not by the first step, and in the words of Python."""
    try:
        target(*args, **kwargs)
    except TypeError as error:
        words = str(error)
    else:
        return

    with captured() as seen, pytest.raises(TypeError) as caught:
        decorator(target)(*args, **kwargs)
    assert str(caught.value) == words
    assert seen.events == []


@pytest.mark.parametrize("target", [Methods().one, Methods(), functools.partial(one, z=1)])
def test_wrong_arguments_to_other_callables(target: Any) -> None:
    """What is no function is refused at the call, too; Python's words then speak of the wrapper."""
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'x'"):
        measured(target)()


def test_a_generator_that_steps_itself() -> None:
    """A running generator cannot be stepped."""

    def selfish():
        with pytest.raises(ValueError, match="generator already executing"):
            next(own[0])
        yield own[0].gi_running

    own: list[Any] = []
    for generator in (selfish, measured(selfish)):
        own[:] = [generator()]
        assert list(own[0]) == [True]


def test_kinds() -> None:
    """What `inspect` says of a stream and its function stays."""
    made = measured(echo), measured(aecho)

    assert inspect.isgeneratorfunction(made[0])
    assert inspect.isasyncgenfunction(made[1])
    assert inspect.isgenerator(made[0]())
    assert inspect.isasyncgen(made[1]())
    assert isinstance(made[0](), types.GeneratorType)


def test_a_coroutine_of_the_old_kind() -> None:
    """What `types.coroutine` has made is awaited, and measured as a coroutine."""

    @measured
    @types.coroutine
    def old():
        yield from asyncio.sleep(0).__await__()
        return 1

    async def main():
        return await old()

    assert asyncio.run(main()) == 1


def test_arguments_are_let_go() -> None:
    """What a generator was called with lives no longer than the generator itself wants it."""
    import weakref

    class Big:
        pass

    def reads(big):
        yield 1
        del big
        yield 2

    big = Big()
    gone = weakref.ref(big)
    stream = measured(reads)(big)
    del big
    next(stream)
    assert gone() is not None
    next(stream)
    assert gone() is None


def test_a_thrown_exception_is_let_go() -> None:
    """An exception that passed through a stream is in no circle: it goes as soon as nobody has it."""
    import gc
    import weakref

    stream = measured(echo)()
    next(stream)
    boom = BoomError()
    gone = weakref.ref(boom)
    gc.disable()
    try:
        with pytest.raises(BoomError):
            stream.throw(boom)
        del boom, stream
        assert gone() is None
    finally:
        gc.enable()
