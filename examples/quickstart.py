"""One decorated function: its event on standard error, its statistics on standard output.

python examples/quickstart.py
"""

from __future__ import annotations

import asyncio
from typing import Any

from pepperpy_obs import Config, configure, costed, stats


@costed(provider="openai", agent="writer")
async def answer(question: str) -> dict[str, Any]:
    """Return what the provider's client returns: an SDK object, a dict or raw JSON, whole or streamed."""
    await asyncio.sleep(0.05)
    text = f"Nobody knows: {question}"
    return {
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"message": {"content": text}}],
        "usage": {"prompt_tokens": 1200, "completion_tokens": 300},
    }


if __name__ == "__main__":
    configure(Config(service="quickstart"))
    asyncio.run(answer("why is the sky blue?"))
    found = stats()
    print(f"{found.usage.total_calls} call, {found.usage.total_tokens} tokens, ${found.cost.total_cost}")
