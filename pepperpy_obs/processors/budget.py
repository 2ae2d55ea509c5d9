"""Says so when a call has cost more than its budget."""

from __future__ import annotations

from typing import Any

from pepperpy_obs._event import PURSE
from pepperpy_obs.typing import EventDict

__all__ = ["watch_budget"]


def watch_budget(logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
    """Add the event's cost to the purses it was made under; set `over_budget` on a budgeted call that cost more.

    `over_budget_usd` says how much more. Budgets within budgets each say their own: these are not to be added.

    What a child costs that ends after the budgeted call has ended comes too late for its event.
    """
    purse = event_dict.pop(PURSE, None)
    if purse is not None:
        cost = event_dict.get("cost_usd")
        if cost is not None:
            purse.spend(cost)
        if "budget_usd" in event_dict and purse.spent > purse.limit:
            event_dict["over_budget"] = True
            event_dict["over_budget_usd"] = purse.spent - purse.limit
    return event_dict
