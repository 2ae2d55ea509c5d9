"""Uses of the decorators that both type checkers refuse.

Each line carries the complaint that is expected of mypy and of pyright; a line that one of
them lets through is itself a complaint, for an ignore comment that ignores nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from pepperpy_obs import attributes, costed, measure, measured, tracked_usage


@measured
def plain(x: int, *, y: str = "") -> bytes:
    """A function."""
    return f"{x}{y}".encode()


@tracked_usage(provider="openai")
async def awaited(x: int) -> int:
    """A coroutine function."""
    return x


@costed
async def streamed(x: int) -> AsyncGenerator[str, int]:
    """An async generator function."""
    yield str(x)


class Agent:
    """Has methods of every kind."""

    @measured
    def method(self, x: int) -> str:
        """A method."""
        return str(x)

    @measured
    @classmethod
    def made(cls, x: int) -> str:
        """A class method."""
        return str(x)

    @measured
    @staticmethod
    def free(x: int) -> str:
        """A static method."""
        return str(x)


# The decorated function keeps its parameters.

plain("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
plain()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
plain(1, "a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
plain(1, z="a")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
Agent().method("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Agent.method(1)  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue]
Agent.made("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Agent().made()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
Agent.free("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Agent().free()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]

# It keeps its result.

plain(1).encode()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
not_called: Callable[[int], str] = plain  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
not_awaited: int = awaited(1)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


async def misread() -> None:
    """A stream is not awaited, and a coroutine is not iterated."""
    await streamed(1)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    async for _ in awaited(1):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass
    for _ in streamed(1):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass


# The decorators know their options.

measured(3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
measured("operation")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
measured(name="operation")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
measured(kind="robot")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
measured(level="loud")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
costed(operation=3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
costed(attributes=["team"])  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
tracked_usage(usage="tokens")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
costed(model=3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
attributes("customer")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
measure("run", model=lambda: "o3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
