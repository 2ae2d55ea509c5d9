"""Uses of the decorators that both type checkers accept, and the types that come out of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, assert_type

from pepperpy_obs import Call, attributes, costed, current_call, measure, measured, source, stats, tracked_usage
from pepperpy_obs.readings import Reading
from pepperpy_obs.readings.source import Source
from pepperpy_obs.reports.stats import Stats

T = TypeVar("T")


class Answer:
    """Stands for a provider's response."""


# Every shape, decorated bare, called and with options.


@measured
def plain(x: int, *, y: str = "") -> bytes:
    """A function."""
    return f"{x}{y}".encode()


@tracked_usage()
async def awaited(x: int) -> Answer:
    """A coroutine function."""
    return Answer()


@costed(operation="stream", kind="llm", provider="openai", model="gpt-4o", agent="writer", budget="0.10", level="debug")
def generated(x: int) -> Generator[str, int, bool]:
    """A generator function."""
    sent = yield str(x)
    return bool(sent)


@costed
async def streamed(x: int) -> AsyncGenerator[str, int]:
    """An async generator function."""
    yield str(x)


@measured(attributes={"team": "search"})
def iterated() -> Iterator[int]:
    """A generator function that promises less."""
    yield 1


@tracked_usage(usage=lambda answer: answer)
async def async_iterated() -> AsyncIterator[int]:
    """An async generator function that promises less."""
    yield 1


assert_type(plain(1), bytes)
assert_type(plain(x=1, y="a"), bytes)
assert_type(generated(1), Generator[str, int, bool])
assert_type(streamed(1), AsyncGenerator[str, int])
assert_type(iterated(), Iterator[int])
assert_type(async_iterated(), AsyncIterator[int])


# Stacked in any order.


@measured
@tracked_usage(provider="openai")
@costed()
async def stacked(prompt: str) -> Answer:
    """All three."""
    return Answer()


# Methods, above and below the descriptors of the language.


class Agent:
    """Has methods of every kind."""

    @measured
    def method(self, x: int) -> str:
        """A method."""
        return str(x)

    @costed(kind="llm")
    async def ask(self, prompt: str) -> Answer:
        """A coroutine method."""
        return Answer()

    @classmethod
    @measured
    def below_classmethod(cls, x: int) -> str:
        """Decorated below."""
        return str(x)

    @measured
    @classmethod
    def above_classmethod(cls, x: int) -> str:
        """Decorated above."""
        return str(x)

    @staticmethod
    @measured
    def below_staticmethod(x: int) -> str:
        """Decorated below."""
        return str(x)

    @measured(kind="tool")
    @staticmethod
    def above_staticmethod(x: int) -> str:
        """Decorated above."""
        return str(x)

    @property
    @measured
    def name(self) -> str:
        """A property's getter."""
        return ""


assert_type(Agent().method(1), str)
assert_type(Agent.method(Agent(), 1), str)
assert_type(Agent.below_classmethod(1), str)
assert_type(Agent().below_classmethod(1), str)
assert_type(Agent.above_classmethod(1), str)
assert_type(Agent().above_classmethod(1), str)
assert_type(Agent.below_staticmethod(1), str)
assert_type(Agent().below_staticmethod(1), str)
assert_type(Agent.above_staticmethod(1), str)
assert_type(Agent().above_staticmethod(1), str)
assert_type(Agent().name, str)


# What is callable without being a function.


class Double:
    """A callable object."""

    def __call__(self, x: int) -> int:
        """Return twice the number."""
        return 2 * x


assert_type(measured(Double())(1), int)
assert_type(measured(partial(plain, 1))(y="a"), bytes)
assert_type(measured(lambda: 1)(), int)


@measured
def generic(x: T) -> T:
    """A function that keeps its argument's type."""
    return x


assert_type(generic(1), int)
assert_type(generic("a"), str)


# A decorated function goes wherever the bare one went.


class Tool(Protocol):
    """What an agent framework asks of a tool."""

    def __call__(self, x: int, *, y: str = "") -> bytes:
        """Run the tool."""
        ...


tool: Tool = plain
callback: Callable[[int], bytes] = plain
coroutine: Callable[[int], Coroutine[Any, Any, Answer]] = awaited


async def awaiting() -> None:
    """What comes out of an awaited call, a stream's step and its `asend`."""
    assert_type(await awaited(1), Answer)
    assert_type(await stacked("a"), Answer)
    assert_type(await Agent().ask("a"), Answer)
    async for item in streamed(1):
        assert_type(item, str)
    assert_type(await streamed(1).asend(1), str)


# Blocks give the call, and a call what it spent.


def blocks() -> None:
    """Fields for all calls inside, and the sums of a run."""
    with attributes(customer="acme", paid=True), measure("run", baggage=None) as call:
        assert_type(call, Call)
        assert_type(call.baggage, str | None)
    spent = call.spending()
    assert_type(spent.requests, int)
    assert_type(spent.cost, Decimal)
    assert_type(current_call().spending().unpriced, int)


@costed(model=lambda prompt, name: str(name))
def chosen(prompt: str, name: str) -> Answer:
    """The model that is asked is read from the arguments."""
    return Answer()


assert_type(chosen("a", name="b"), Answer)

# Sources: each by its name, and whatever reads takes one.

assert_type(source(), Source)
assert_type(source("app.log", Path("app.log.1")), Source)
assert_type(source().reading("5m"), Reading)
assert_type(source().history("1h", step=150), Sequence[Reading])
assert_type(source().events(operation="ask", limit=20), Sequence[dict[str, Any]])
assert_type(stats("5m", source=source("http://localhost:8000")), Stats)
assert_type(stats(300, source="app.log"), Stats)
