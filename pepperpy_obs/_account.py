"""What was spent under one call: an account, which also holds the fields that all below it carry.

Accounts are linked upwards, and what an event cost is charged to its own account and all around it. A call gets
its account with its first child or answer, in the drain: most calls never have one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any, Final, NamedTuple

__all__ = ["NOTHING", "Account", "Spent"]

_EXACT: Final = Context(prec=120, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""No digit of a sum is rounded off, whatever a thread's own context says."""
_DEEPEST: Final = 1000
"""How many accounts are linked: a task that starts its own successor for ever would keep them all."""


class Spent(NamedTuple):
    """What a call has spent so far, with all below it that has ended."""

    requests: int
    """Requests to language models, whatever became of them."""
    tokens: int
    """Input and output of those that told."""
    cost: Decimal
    """US dollars, exactly, of the requests with a price."""
    priced: int
    unpriced: int
    """Requests that told what they used, and whose price is not known."""
    without_usage: int
    """Requests that nothing is known of but that they were made."""

    def plus(self, other: Spent) -> Spent:
        """Return both together."""
        cost = _EXACT.add(self.cost, other.cost)
        return Spent(
            self.requests + other.requests,
            self.tokens + other.tokens,
            cost,
            self.priced + other.priced,
            self.unpriced + other.unpriced,
            self.without_usage + other.without_usage,
        )


NOTHING: Final = Spent(0, 0, Decimal(0), 0, 0, 0)


class Account:
    """What was spent under the call of one span, and under the calls around it. Written to under the drain's lock."""

    __slots__ = ("block", "depth", "fields", "later", "limit", "outer", "span", "spent", "top")

    def __init__(
        self,
        span: str | None,
        outer: Account | None,
        *,
        limit: Decimal | None = None,
        fields: Mapping[str, Any] | None = None,
        block: object = None,
    ) -> None:
        self.span = span
        self.spent = NOTHING
        self.limit = limit
        """The budget of the call, if it has one."""
        self.fields: Mapping[str, Any] | None = fields if fields is not None or outer is None else outer.fields
        """What every event carries that happens under it; None of nothing."""
        self.block: object = block if block is not None or outer is None else outer.block
        """The block of a test that all of it belongs to."""
        self.later: Callable[[], Spent] | None = None
        """Works out what is to be added to `spent`: few ask what a single request cost."""
        if outer is not None and outer.depth >= _DEEPEST:
            outer = outer.kept_above()
        self.outer = outer
        self.depth: int = 1 if outer is None else outer.depth + 1
        self.top: Account | None = None if outer is None else outer.top or outer

    def kept_above(self) -> Account | None:
        """Return the next one with a budget, which has to see all, or else the topmost."""
        one: Account | None = self
        while one is not None and one.limit is None:
            one = one.outer
        return one or self.top

    def charge(self, spent: Spent) -> None:
        """Add what was spent here and in every account around this one."""
        account: Account | None = self
        while account is not None:
            account.spent = spent if account.spent is NOTHING else account.spent.plus(spent)
            account = account.outer

    def total(self) -> Spent:
        """Return what was spent so far."""
        later = self.later
        return self.spent if later is None else self.spent.plus(later())
