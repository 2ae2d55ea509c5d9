from __future__ import annotations

import asyncio
from typing import Any

from pepperpy_obs.cli.fleet.provider import Provider, RateLimitError
from pepperpy_obs.cli.fleet.wire import Tokens


async def ask(provider: Provider, times: int) -> list[Any]:
    """Return what a provider answers to the same request, asked several times."""
    asked = [provider.answer("some-model", "yes", Tokens(100, 10)) for _ in range(times)]
    return list(await asyncio.gather(*asked, return_exceptions=True))


def test_answers_depend_on_the_seed_alone() -> None:
    """Two providers of one seed use the same tokens for the same requests, and another seed gives others."""
    first, again, other = (asyncio.run(ask(Provider("chat", seed=seed, pace=0), 3)) for seed in (1, 1, 2))
    assert [answer["usage"] for answer in first] == [answer["usage"] for answer in again]
    assert [answer["id"] for answer in first] != [answer["id"] for answer in other]


def test_refusals_follow_their_pattern() -> None:
    """A provider refuses as told, over and over again."""
    found = asyncio.run(ask(Provider("messages", seed=1, pace=0, refusals=(True, False, False)), 6))
    assert [isinstance(answer, RateLimitError) for answer in found] == [True, False, False] * 2
