"""Charges what an event cost to the accounts that it happened under, and says so when a budget is exceeded."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from functools import partial
from typing import Any, Final

from pepperpy_obs._account import Account, Spent
from pepperpy_obs._event import ACCOUNT
from pepperpy_obs.aggregate.requests import LlmAccumulator, is_request
from pepperpy_obs.typing import EventDict

__all__ = ["charge"]

_ODD: Final = frozenset({
    "cache_hit", "requests", "unsplit_tokens", "usage_aggregate", "usage_duplicate", "usage_flags", "usage_incomplete",
})  # fmt: skip
"""What makes an event add something else than one request with its tokens and its price."""


def charge(logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
    """Charge the event to the accounts it was made under; set `over_budget` on a budgeted call that cost more.

    `over_budget_usd` says how much more. Budgets within budgets each say their own: these are not to be added.

    What a child costs that ends after the budgeted call has ended comes too late for its event.
    """
    account: Account | None = event_dict.pop(ACCOUNT, None)
    if account is None:
        return event_dict
    if is_request(event_dict):
        if account.outer is None and account.limit is None and account.span == event_dict.get("span_id"):
            account.later = partial(_spent, dict(event_dict))
        else:
            account.charge(_spent(event_dict))
    limit = account.limit
    if limit is not None and "budget_usd" in event_dict and account.spent.cost > limit:
        event_dict["over_budget"] = True
        event_dict["over_budget_usd"] = account.spent.cost - limit
    return event_dict


def _spent(event: EventDict) -> Spent:
    """Return what an event adds to the sums, by the aggregator's own rules."""
    get = event.get
    read, written, cost = get("input_tokens"), get("output_tokens"), get("cost_usd")
    if type(cost) is Decimal and type(read) is int and type(written) is int and event.keys().isdisjoint(_ODD):
        return Spent(1, read + written, cost, 1, 0, 0)  # so it is for most; a tally takes four times as long
    accumulator = LlmAccumulator(Counter())
    accumulator.count(event)
    requests, cost, priced, unpriced, without_usage, tokens = accumulator.brief()
    if event.get("usage_aggregate") and not event.get("usage_duplicate") and not requests:
        requests = _number(event.get("requests"))
    return Spent(requests, tokens, cost, priced, unpriced, without_usage)


def _number(value: object) -> int:
    return value if type(value) is int and value > 0 else 0
