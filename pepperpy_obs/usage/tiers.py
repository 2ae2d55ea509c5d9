"""Tiers of service in the names of counts: LangChain spells a cache read at flex `flex_cache_read`."""

from __future__ import annotations

from typing import Final

from pepperpy_obs.usage.get_path import Path, paths
from pepperpy_obs.usage.rules import Counts

__all__ = ["TIERED", "tier_of", "tiered"]

_TIERS: Final = ("flex", "priority")
_PARTS: Final = {
    "cache_read_tokens": "input_token_details.{}_cache_read",
    "cache_write_tokens": "input_token_details.{}_cache_creation",
    "reasoning_tokens": "output_token_details.{}_reasoning",
}
_REST: Final = "input_token_details.{}"
"""What was read and not cached."""


def tiered(before: str = "") -> dict[str, tuple[Path, ...]]:
    """Return where usage that stands at `before` tells of tiers."""
    found = {f"{tier}_{name}": paths(before + where.format(tier)) for name, where in _PARTS.items() for tier in _TIERS}
    return found | {f"{tier}_rest": paths(before + _REST.format(tier)) for tier in _TIERS}


TIERED: Final = frozenset(tiered())
"""The names that `tier_of` understands."""


def tier_of(counts: Counts, flags: list[str]) -> str | None:
    """Turn parts that are named by tier into parts of the whole; return the tier if all requests have the same."""
    if TIERED.isdisjoint(counts):
        return None
    told: dict[str, int] = {}
    for tier in _TIERS:
        if f"{tier}_rest" in counts:
            told[tier] = counts.pop(f"{tier}_rest") + counts.get(f"{tier}_cache_read_tokens", 0)
        for name in _PARTS:
            part = counts.pop(f"{tier}_{name}", None)
            if part is not None:
                counts[name] = counts.get(name, 0) + part
                told.setdefault(tier, 0)
    read = counts.get("input_tokens", 0)
    if len(told) == 1:
        tier, tokens = next(iter(told.items()))
        if tokens >= read:
            return tier
    # A sum over several requests: which of its tokens were written at which tier is not told.
    flags += [f"service_tier: {tier} for {tokens} of {read} input tokens" for tier, tokens in told.items() if tokens]
    return None
