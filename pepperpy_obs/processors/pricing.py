"""Puts a price on every event that tells of a provider's answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from pepperpy_obs import _clock
from pepperpy_obs._event import AT
from pepperpy_obs._guard import failed
from pepperpy_obs.pricing import Pricer
from pepperpy_obs.pricing.source import STANDARD_TIERS
from pepperpy_obs.processors.deduplicate import NEEDS_PRICE
from pepperpy_obs.typing import EventDict

__all__ = ["Pricing"]

_USED: Final = frozenset({
    "input_tokens", "output_tokens", "reported_cost_usd", "web_searches", "usage_units", "usage_entries",
})  # fmt: skip
"""Each of these says what was used, so that a missing price is to be counted. A stream that ended before its usage
came says nothing: it lacks usage, not a price. If it told a part, that is priced: a lower bound."""

_CLOSER: Final = frozenset({
    "usage_units", "usage_entries", "web_searches", "audio_input_tokens", "audio_output_tokens", "image_output_tokens",
    "video_output_tokens",
})  # fmt: skip


class Pricing:
    """Adds `cost_usd`, `cost_source`, `price_version`, `cost_by_type` and `saved_usd` to requests to language models.

    What has no price is marked `cost_source="unpriced"` and gets no cost, also if pricing itself fails. Searches,
    pages, tiers and audio that have none beside tokens that do are flagged in `usage_flags`. An answer that a
    local cache gave cost nothing: its price is what was saved. Usage that was counted before is not
    priced again, unless it has no price yet. Other events pass untouched.
    """

    def __init__(self, pricer: Pricer | None = None) -> None:
        self._pricer = Pricer() if pricer is None else pricer

    def __call__(self, logger: Any, method_name: str, event_dict: EventDict) -> EventDict:
        """Price the event, as of its own time if it has one."""
        unpaid = event_dict.pop(NEEDS_PRICE, None)
        if "cost_usd" in event_dict or (event_dict.get("usage_duplicate") and not unpaid):
            return event_dict
        used = not event_dict.keys().isdisjoint(_USED)
        if not used and "provider" not in event_dict and "model" not in event_dict:
            return event_dict
        at = event_dict.get(AT)
        at = _clock.time_ns() if at is None else at
        usage = event_dict
        if isinstance(unpaid, list):
            usage = {**event_dict, "usage_entries": [*event_dict["usage_entries"], *unpaid]}
        try:
            cost = self._pricer.price(usage, at)
            flags = self._pricer.flags(event_dict, at) if cost is not None and _is_odd(event_dict) else ()
        except Exception as error:
            failed("price", error)
            cost, flags = None, ()
        if cost is None:
            if used:
                event_dict["cost_source"] = "unpriced"
            return event_dict
        if flags:
            event_dict["usage_flags"] = [*event_dict.get("usage_flags", ()), *flags]
        hit = event_dict.get("cache_hit") is True
        event_dict["cost_usd"] = Decimal(0) if hit else cost.total
        event_dict["cost_source"] = cost.source
        if cost.version:
            event_dict["price_version"] = cost.version
        event_dict["cost_by_type"] = {} if hit else cost.by_type
        saved = cost.total if hit else cost.saved
        if saved:
            event_dict["saved_usd"] = saved
        return event_dict


def _is_odd(event: EventDict) -> bool:
    """Tell whether a price may leave something out, or charge it at another rate: few answers need a closer look."""
    get = event.get
    if get("service_tier") not in STANDARD_TIERS:
        return True
    return not event.keys().isdisjoint(_CLOSER) and bool(
        "usage_units" in event
        or "usage_entries" in event
        or get("web_searches")
        or get("audio_input_tokens")
        or get("audio_output_tokens")
        or get("image_output_tokens")
        or get("video_output_tokens")
    )
