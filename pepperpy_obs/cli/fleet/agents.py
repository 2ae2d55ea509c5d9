"""The agents: a support desk that has questions researched, answers written and code fixed.

Decorated as an application would decorate its own. Each agent asks another model in another
interface; the coder's has no known price.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, Final

from pepperpy_obs import cache_lookup, costed, current_call, measured, watch_cache
from pepperpy_obs.cli.fleet.provider import Provider, RateLimitError
from pepperpy_obs.cli.fleet.wire import Tokens

__all__ = ["Coder", "Desk", "Researcher", "Writer"]

_FOUND: Final = "the manual says to turn the valve to the left until the light is green"
_DRAFT: Final = "Thank you for asking. Please turn the valve to the left until the light is green, then wait a minute."
_PATCH: Final = "if pressure > limit: valve.close()"
_HANDBOOK: Final = 6_000
"""Tokens of the handbook that precedes every digest; the provider caches it."""


class Shelf(dict[str, str]):
    """Pages that were found before."""

    maxsize = 32


class Researcher:
    """Plans a search, searches the web, and sums up what was found."""

    def __init__(self, planner: Provider, reader: Provider) -> None:
        self._planner = planner
        self._reader = reader
        self._shelf = Shelf()
        self._searches = 0
        watch_cache("search", self._shelf)

    @measured(operation="research", kind="agent", agent="researcher")
    async def research(self, topic: str) -> str:
        """Return what is known about `topic`; a search that fails is done without."""
        await self.plan(topic)
        pages = 0
        for words in (topic, "manual", topic):  # agents do look up the same thing twice
            with contextlib.suppress(TimeoutError):
                await self.search(words)
                pages += 1
        digest = await self.digest(pages)
        return str(digest["content"][0]["text"])

    @costed(operation="plan", provider="openai", model="gpt-5-mini")
    async def plan(self, topic: str) -> dict[str, Any]:
        """Think about what to look for (OpenAI responses, with reasoning)."""
        tokens = Tokens(input=900, output=480, reasoning=320)
        return await self._planner.answer("gpt-5-mini-2025-08-07", f"search for {topic} and for the manual", tokens)

    @measured(operation="web_search", kind="tool")
    async def search(self, words: str) -> str:
        """Return a page, from the shelf if it is there; every ninth search finds the web too slow."""
        known = self._shelf.get(words)
        cache_lookup("search", hit=known is not None)
        if known is not None:
            return known
        self._searches += 1
        is_slow = self._searches % 9 == 4
        await asyncio.sleep(0.09)
        if is_slow:
            msg = f"no page about {words} within 90 ms"
            raise TimeoutError(msg)
        self._shelf[words] = _FOUND
        return _FOUND

    @costed(operation="digest", provider="anthropic", model="claude-sonnet-4-5")
    async def digest(self, pages: int) -> dict[str, Any]:
        """Sum up pages (Anthropic messages; the handbook is written to the provider's cache once, then read)."""
        current_call().add(pages=pages)
        first, self._handbook_is_cached = not self._handbook_is_cached, True
        cached = Tokens(
            input=_HANDBOOK + 700 * pages,
            output=220,
            cache_write=_HANDBOOK if first else 0,
            cache_read=0 if first else _HANDBOOK,
        )
        return await self._reader.answer("claude-sonnet-4-5-20250929", _FOUND, cached)

    _handbook_is_cached = False


class Writer:
    """Writes answers, word by word."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    @costed(operation="write", agent="writer", provider="anthropic", model="claude-haiku-4-5")
    async def write(self, facts: str) -> AsyncGenerator[dict[str, Any], None]:
        """Stream an answer (Anthropic messages); the listener may leave at any word."""
        async for event in self._provider.stream("claude-haiku-4-5-20251001", _DRAFT, Tokens(1_400 + len(facts), 190)):
            yield event


class Coder:
    """Fixes code with a model of the house, which has no known price; it is often busy."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    @measured(operation="fix_code", kind="agent", agent="coder")
    async def fix(self) -> str:
        """Return a patch; a busy model is asked three times in all."""
        for attempt in range(1, 4):
            try:
                return "".join([piece async for piece in self.patch(attempt)])
            except RateLimitError:
                if attempt == 3:
                    raise
                await asyncio.sleep(0.03 * 2**attempt)
        return ""

    async def patch(self, attempt: int) -> AsyncGenerator[str, None]:
        """Yield the words of a patch."""
        async for chunk in self.complete(attempt):
            for choice in chunk["choices"]:
                yield choice["delta"].get("content", "")

    @costed(operation="complete", provider="in-house", model="lorem-coder-9b")
    async def complete(self, attempt: int) -> AsyncGenerator[dict[str, Any], None]:
        """Stream a completion (OpenAI's chat interface, as most servers for open models speak it)."""
        current_call().add(attempt=attempt)
        async for chunk in self._provider.stream("lorem-coder-9b", _PATCH, Tokens(3_100, 140)):
            yield chunk


class Desk:
    """Takes a customer's question and has the others work on it."""

    def __init__(self) -> None:
        self._sorter = Provider("chat", seed=1, pace=0.6)
        self._researcher = Researcher(Provider("responses", seed=2), Provider("messages", seed=3))
        self._writer = Writer(Provider("messages", seed=4))
        # The first patch comes at the second attempt, the second at once, the third not at all.
        refusals = (True, False, False, True, True, True, False, False)
        self._coder = Coder(Provider("chat", seed=5, refusals=refusals))

    @measured(operation="support", kind="agent", agent="desk")
    async def support(self, question: str, patience: int) -> str:
        """Answer a question; the customer reads at most `patience` events of the answer."""
        kind = await self.sort(question)
        if kind["choices"][0]["message"]["content"] == "code":
            return await self._coder.fix()
        return await self._read(await self._researcher.research(question), patience)

    @costed(operation="sort", provider="openai", model="gpt-4o-mini")
    async def sort(self, question: str) -> dict[str, Any]:
        """Tell what kind of question it is (OpenAI chat)."""
        kind = "code" if "code" in question else "manual"
        return await self._sorter.answer("gpt-4o-mini-2024-07-18", kind, Tokens(420, 2, cache_read=256))

    async def _read(self, facts: str, patience: int) -> str:
        read: list[str] = []
        async with contextlib.aclosing(self._writer.write(facts)) as events:
            async for event in events:
                read.append(event.get("delta", {}).get("text", ""))
                if len(read) >= patience:
                    break
        return "".join(read)
