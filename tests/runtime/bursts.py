"""Calls that come in bursts, from a loop and from elsewhere."""

from __future__ import annotations

import asyncio
import time

from pepperpy_obs import _dispatch, flush, measured

PATIENCE = 30
BURST = 40
"""More calls than are worth a round."""


@measured
async def step() -> None:
    """Do a little."""


@measured
def plain() -> None:
    """Do a little, in whatever thread."""


async def burst(calls: int = BURST) -> None:
    """Make some calls, and leave the loop alone for long enough for a few rounds."""
    for _ in range(calls):
        await step()
    await asyncio.sleep(0.02)


def waiting() -> int:
    """Return how many records nobody has taken yet."""
    return len(_dispatch.RECORDS.records)


def begin() -> None:
    """Let the thread come by, as if no loop had helped; have a slot of ten seconds at hand that lasts for a while."""
    while time.time() % 10 > 9:
        time.sleep(0.05)
    plain()
    flush()
    _dispatch.runtime()._background.run_once(1)
