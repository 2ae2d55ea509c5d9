"""The customers: they keep the desk busy, and not all of them wait for an answer."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Final, NamedTuple

from pepperpy_obs import attributes
from pepperpy_obs.cli.fleet.agents import Desk
from pepperpy_obs.cli.fleet.provider import RateLimitError

__all__ = ["ask_all"]

_AT_ONCE: Final = 4
_FOREVER: Final = 1_000_000


class Ticket(NamedTuple):
    """Who asks what, how many events of the answer they read, and the seconds until they hang up."""

    customer: str
    question: str
    patience: int = _FOREVER
    hang_up: float | None = None


_TICKETS: Final = (
    Ticket("acme", "How do I open the valve?"),
    Ticket("globex", "Please fix my code for the valve."),
    Ticket("initech", "Why is the light red?", patience=6),
    Ticket("acme", "Is anybody there?", hang_up=0.25),
    Ticket("hooli", "How long do I wait?"),
    Ticket("acme", "How do I open the valve?"),
    Ticket("globex", "My code does not close the valve."),
)


async def ask_all(desk: Desk, seconds: float) -> None:
    """Ask the desk questions, four at a time, for some seconds; what was begun by then is finished.

    The first four questions are asked in any case: among them are one that is answered, one
    whose model refuses at first, one whose reader leaves early and one who hangs up.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    tickets = itertools.cycle(_TICKETS)
    async with asyncio.TaskGroup() as customers:
        for _ in range(_AT_ONCE):
            customers.create_task(_queue(desk, tickets, loop, end))


async def _queue(desk: Desk, tickets: Iterator[Ticket], loop: asyncio.AbstractEventLoop, end: float) -> None:
    while True:
        await _ask(desk, next(tickets))
        if not loop.time() < end:
            return


async def _ask(desk: Desk, ticket: Ticket) -> None:
    try:
        async with asyncio.timeout(ticket.hang_up):
            with attributes(customer=ticket.customer):
                await desk.support(ticket.question, ticket.patience)
    except (TimeoutError, RateLimitError):
        # The desk's events tell of it; the customer asks again some other time.
        return
