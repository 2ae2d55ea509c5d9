"""Simulated providers: they answer in the real wire shapes, after a while, and now and then refuse.

What they do depends on their seed and on the number of the request, never on the machine.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from pepperpy_obs import _clock
from pepperpy_obs.cli.fleet.wire import SHAPES, Answer, Tokens

__all__ = ["Provider", "RateLimitError"]


class RateLimitError(Exception):
    """The provider asks to be left alone for a while (HTTP 429)."""


class Provider:
    """One provider, speaking the interface `shape`; `refusals` tells which requests it refuses, over and over."""

    def __init__(self, shape: str, *, seed: int, pace: float = 1.0, refusals: Sequence[bool] = (False,)) -> None:
        self._whole, self._stream = SHAPES[shape]
        self._random = random.Random(seed)  # noqa: S311 - simulated latencies keep no secret
        self._pace = pace
        self._refusals = itertools.cycle(refusals)

    async def answer(self, model: str, text: str, tokens: Tokens) -> dict[str, Any]:
        """Return a whole answer."""
        answer = await self._accept(model, text, tokens)
        await self._wait(0.12 + 0.0002 * tokens.output)
        return self._whole(answer)

    async def stream(self, model: str, text: str, tokens: Tokens) -> AsyncGenerator[dict[str, Any], None]:
        """Yield an answer event by event."""
        answer = await self._accept(model, text, tokens)
        for event in self._stream(answer):
            await self._wait(0.015)
            yield event

    async def _accept(self, model: str, text: str, tokens: Tokens) -> Answer:
        refused = next(self._refusals)
        await self._wait(0.06)
        if refused:
            msg = f"429: too many requests for {model}"
            raise RateLimitError(msg)
        name = f"{self._random.getrandbits(96):024x}"
        return Answer(name, model, text, self._vary(tokens), _clock.time_ns() // 1_000_000_000)

    def _vary(self, tokens: Tokens) -> Tokens:
        """Return tokens up to a tenth more, for no two questions are as long; what came from a cache stays."""
        more = self._random.uniform(1, 1.1)
        return Tokens(
            round(tokens.input * more),
            round(tokens.output * more),
            tokens.cache_read,
            tokens.cache_write,
            tokens.reasoning,
        )

    async def _wait(self, seconds: float) -> None:
        # Log-normal: most answers come soon, a few take their time, as production traces show.
        await asyncio.sleep(seconds * self._pace * self._random.lognormvariate(0, 0.4))
