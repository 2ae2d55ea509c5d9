"""Agents that call agents: one trace, each call credited to whom it was made for, no token counted twice.

python examples/agent_team.py
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from pepperpy_obs import agent, costed, current_call, measured, stats


@costed(provider="anthropic", operation="draft")
async def draft(topic: str) -> AsyncGenerator[dict[str, Any], None]:
    """Stream events as Anthropic's client does; duration and time to the first item are measured."""
    usage = {"input_tokens": 40, "cache_read_input_tokens": 2000, "output_tokens": 1}
    yield {"type": "message_start", "message": {"model": "claude-haiku-4-5", "usage": usage}}
    for word in ("all", "about", topic):
        yield {"type": "content_block_delta", "delta": {"type": "text_delta", "text": f"{word} "}}
    yield {"type": "message_delta", "usage": {"output_tokens": 80}}


@measured(kind="tool")
async def count_words(text: str) -> int:
    """Count words, and say in the event how many there were."""
    words = len(text.split())
    current_call().add(words=words)
    return words


@measured(kind="agent", agent="writer")
async def write(topic: str) -> str:
    """Write a text; whatever is called from here is the writer's."""
    parts = [event["delta"].get("text", "") async for event in draft(topic) if event["type"] == "content_block_delta"]
    await count_words("".join(parts))
    return "".join(parts)


@measured(kind="agent", agent="editor")
async def edit(topics: list[str]) -> None:
    """Have texts written at the same time, and give up a last one half way."""
    await asyncio.gather(*(write(topic) for topic in topics))
    with agent("reader"):
        async with contextlib.aclosing(draft("nothing")) as events:
            async for event in events:
                if event["type"] == "content_block_delta":
                    break


if __name__ == "__main__":
    asyncio.run(edit(["tea", "rain"]))
    for report in (stats().agents, stats().performance, stats().cost):
        print(f"{report}\n")
