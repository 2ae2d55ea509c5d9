"""Totals of frameworks that say 0 tokens where the provider gave no usage: unknown, not nothing.

A stream whose usage was not asked for ends as 0 tokens in the sums of openai-agents, AutoGen and others. No request
takes 0 tokens, so such a sum says only how many requests there were.
"""

from __future__ import annotations

from typing import Any, Final

from pepperpy_obs.events import TOKEN_FIELDS

__all__ = ["without_untold"]

_USED: Final = (*TOKEN_FIELDS, "usage_units", "reported_cost_usd", "cache_hit")
_NAMES: Final = frozenset({"provider", "model", "response_model", "response_id", "service_tier", "requests"})
_COUNTED: Final = ("_tokens", "_searches")


def without_untold(found: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a total without what it cannot know; other fields are returned as they are."""
    if "usage_aggregate" not in found:
        return found
    entries: list[dict[str, Any]] = found.get("usage_entries") or []
    untold = [entry for entry in entries or [found] if not any(entry.get(name) for name in _USED)]
    if not untold or (not entries and "usage_flags" in found):
        return found
    if len(untold) >= len(entries):
        known = {name: value for name, value in found.items() if name in _NAMES}
        return {"requests": max(1, len(entries)), **known, "usage_flags": ["missing"]}
    for entry in untold:
        for name in [name for name in entry if name.endswith(_COUNTED)]:
            del entry[name]
    return {**found, "usage_incomplete": True}
