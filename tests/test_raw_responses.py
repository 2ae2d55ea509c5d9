# ruff: noqa: ANN201, D102, D103, PLW0108 - the SDKs that this stands for are others'
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# pyright: basic
"""Responses that an SDK hands out unparsed: their call ends, with its usage, when they are read."""

import asyncio
import gc
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pepperpy_obs import costed, current_call
from pepperpy_obs.testing import captured
from tests.sdk import ANSWER, ITEMS, AsyncStream, Stream

BODY = json.dumps(ANSWER).encode()
SSE = "".join(f"data: {json.dumps(item)}\n\n" for item in ITEMS)


class Http:
    """As httpx keeps a response: its body is there once it has been read."""

    def read(self) -> bytes:
        self._content = BODY
        return BODY


class BaseAPIResponse:
    """As the SDKs that Stainless makes build theirs."""

    def __init__(self, *, stream: bool = False, fails: bool = False) -> None:
        self.http_response = Http()
        self.stream = stream
        self.fails = fails
        self.seen: list[Any] = []


class APIResponse(BaseAPIResponse):
    def parse(self, *, to: Any = None) -> Any:
        self.seen.append(current_call().operation)
        if self.fails:
            raise ConnectionError
        if self.stream:
            return Stream(ITEMS)
        return json.loads(self.http_response.read()) if to is None else to()

    def json(self) -> Any:
        return json.loads(self.read())

    def read(self) -> bytes:
        return self.http_response.read()

    def iter_lines(self) -> Iterator[str]:
        yield from SSE.splitlines()

    def close(self) -> None:
        pass


class LegacyAPIResponse(BaseAPIResponse):
    parse = APIResponse.parse


class AsyncAPIResponse(BaseAPIResponse):
    async def parse(self) -> Any:
        await asyncio.sleep(0)
        return AsyncStream(ITEMS) if self.stream else ANSWER

    async def iter_bytes(self):
        for at in range(0, len(SSE), 50):
            yield SSE[at : at + 50].encode()


class ResponseContextManager:
    """The request is sent by `with`."""

    def __init__(self, response: Any) -> None:
        self.response = response

    def __enter__(self) -> Any:
        return self.response

    def __exit__(self, *_: object) -> None:
        self.response.close()


class AsyncResponseContextManager(ResponseContextManager):
    async def __aenter__(self) -> Any:
        return self.response

    async def __aexit__(self, *_: object) -> None:
        pass


def ask(make: Callable[[], Any]) -> Any:
    return costed(operation="ask")(lambda: make())()


def facts(event: dict[str, Any]) -> dict[str, Any]:
    names = ("outcome", "input_tokens", "output_tokens", "items", "usage_flags")
    return {name: event[name] for name in names if name in event}


WHOLE = {"outcome": "ok", "input_tokens": 12, "output_tokens": 7}
READS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any], dict[str, Any]]] = {
    "parsed": (APIResponse, lambda response: response.parse(), WHOLE),
    "parsed twice": (APIResponse, lambda response: [response.parse(), response.parse()], WHOLE),
    "parsed as something else": (APIResponse, lambda response: [response.read(), response.parse(to=object)], WHOLE),
    "as JSON": (APIResponse, lambda response: response.json(), WHOLE),
    "as bytes": (APIResponse, lambda response: response.read(), WHOLE),
    "legacy, parsed": (LegacyAPIResponse, lambda response: response.parse(), WHOLE),
    "a stream": (lambda: APIResponse(stream=True), lambda response: list(response.parse()), {**WHOLE, "items": 3}),
    "legacy, a stream": (
        lambda: LegacyAPIResponse(stream=True),
        lambda response: list(response.parse()),
        {**WHOLE, "items": 3},
    ),
    "by its lines": (APIResponse, lambda response: list(response.iter_lines()), {**WHOLE, "items": 6}),
}


@pytest.mark.parametrize("how", READS)
def test_a_raw_response_is_read_when_it_is_parsed(how: str) -> None:
    """One event, with the usage, however the response is read; in its parsing its call is current."""
    make, read, expected = READS[how]
    with captured() as seen:
        response = ask(make)
        assert seen.events == []
        read(response)

        assert [facts(event) for event in seen.events] == [expected]
        assert response.seen[:1] in ([], ["ask"]) or how == "parsed as something else"


@pytest.mark.parametrize("how", [how for how in READS if "legacy" not in how])
def test_a_raw_response_of_a_manager(how: str) -> None:
    """The same where a `with` gives the response, and closes it."""
    make, read, expected = READS[how]
    with captured() as seen:
        with ask(lambda: ResponseContextManager(make())) as response:
            read(response)

        assert [facts(event) for event in seen.events] == [expected]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("managed", [False, True])
def test_an_async_one(stream: bool, managed: bool) -> None:
    """The same for asyncio, where it is a coroutine that parses."""

    async def main() -> None:
        asked = ask(
            lambda: (
                AsyncResponseContextManager(AsyncAPIResponse(stream=stream))
                if managed
                else AsyncAPIResponse(stream=stream)
            )
        )
        response = await asked.__aenter__() if managed else asked
        parsed = await response.parse()
        if stream:
            assert [item async for item in parsed] == ITEMS
        else:
            assert parsed is ANSWER

    with captured() as seen:
        asyncio.run(main())
        assert facts(seen.event) == ({**WHOLE, "items": 3} if stream else WHOLE)


def test_an_async_one_by_its_bytes() -> None:
    """Its body, cut anywhere, is read as it passes."""

    async def main() -> None:
        response = ask(AsyncAPIResponse)
        assert b"".join([piece async for piece in response.iter_bytes()]).decode() == SSE

    with captured() as seen:
        asyncio.run(main())
        assert facts(seen.event)["input_tokens"] == 12


def test_one_that_was_read_already() -> None:
    """Its usage is known when it is returned, and its call ends then."""
    with captured() as seen:
        response = LegacyAPIResponse()
        response.http_response.read()
        ask(lambda: response)
        assert facts(seen.event) == WHOLE


def test_one_that_cannot_be_parsed() -> None:
    """The error is the user's and the event's."""
    with captured() as seen:
        with pytest.raises(ConnectionError):
            ask(lambda: APIResponse(fails=True)).parse()
        assert (seen.event["outcome"], seen.event["error_type"]) == ("error", "ConnectionError")


@pytest.mark.parametrize("end", [lambda response: response.close(), lambda response: None])
def test_one_that_is_never_read(end: Any) -> None:
    """Closed or let go, it is an answer without usage."""
    with captured() as seen:
        response = ask(APIResponse)
        end(response)
        del response
        gc.collect()
        assert facts(seen.event) == {"outcome": "abandoned", "items": 0, "usage_flags": ["missing"]}
