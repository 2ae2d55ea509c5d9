# ruff: noqa: ANN204, D102, D103 - the SDKs that this stands for are others'
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# pyright: basic
"""Streams as the SDKs of OpenAI, Anthropic and Amazon build theirs, and the answers in them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, Generic, TypeVar

from pepperpy_obs import current_call

T = TypeVar("T")

ITEMS: list[dict[str, Any]] = [
    {"id": "c-1", "object": "chat.completion.chunk", "model": "gpt-4o", "choices": [{"delta": {"content": "a"}}]},
    {"id": "c-1", "object": "chat.completion.chunk", "model": "gpt-4o", "choices": [{"finish_reason": "stop"}]},
    {
        "id": "c-1",
        "object": "chat.completion.chunk",
        "model": "gpt-4o",
        "choices": [],
        "usage": {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19},
    },
]
ANSWER = {"id": "c-2", "model": "gpt-4o", "usage": {"prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19}}


class Stream(Generic[T]):
    """As the SDKs of OpenAI and Anthropic build theirs."""

    def __init__(self, items: list[T], *, fails: bool = False) -> None:
        self.items = items
        self.fails = fails
        self.closed = False
        self.seen: list[Any] = []
        self._iterator = self.__stream__()
        self.text_stream = self.__text__()

    def __next__(self) -> T:
        return self._iterator.__next__()

    def __iter__(self) -> Iterator[T]:
        yield from self._iterator

    def __stream__(self) -> Iterator[T]:
        for item in self.items:
            self.seen.append(current_call().operation)
            yield item
        if self.fails:
            raise ConnectionError

    def __text__(self) -> Iterator[str]:
        for item in self:
            yield str(item)

    def until_done(self) -> None:
        for _ in self:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.closed = True


class AsyncStream(Generic[T]):
    """The same for asyncio."""

    def __init__(self, items: list[T]) -> None:
        self.items = items
        self.closed = False
        self._iterator = self.__stream__()

    async def __anext__(self) -> T:
        return await self._iterator.__anext__()

    async def __aiter__(self) -> AsyncIterator[T]:
        async for item in self._iterator:
            yield item

    async def __stream__(self) -> AsyncIterator[T]:
        for item in self.items:
            await asyncio.sleep(0)
            yield item

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        self.closed = True


class MessageStreamManager:
    """As Anthropic's `messages.stream()` answers: the request is sent by `with`."""

    def __enter__(self):
        self.stream = Stream(ITEMS)
        return self.stream

    def __exit__(self, *_: object) -> None:
        self.stream.close()


class AsyncMessageStreamManager:
    """The same for asyncio."""

    async def __aenter__(self):
        self.stream = AsyncStream(ITEMS)
        return self.stream

    async def __aexit__(self, *_: object) -> None:
        await self.stream.close()


class Slotted:
    """A stream whose class cannot be changed."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = list(ITEMS)

    def __iter__(self):
        return self

    def __next__(self):
        if not self.left:
            raise StopIteration
        return self.left.pop(0)


class EventStream:
    """As botocore's: iterable and closeable, and held in a dict."""

    def __init__(self) -> None:
        self.items = ITEMS

    def __iter__(self):
        yield from self.items

    def close(self) -> None:
        pass


class Selfish(Stream[T]):
    """A stream that iterates by its own steps."""

    def __iter__(self):
        while True:
            try:
                yield next(self)
            except StopIteration:
                return


def plain() -> Iterator[Any]:
    yield from ITEMS


async def aplain() -> AsyncIterator[Any]:
    for item in ITEMS:
        await asyncio.sleep(0)
        yield item
