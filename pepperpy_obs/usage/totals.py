"""Usage of several requests: their sum, and a total split into them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from pepperpy_obs.usage.normal import COUNTS, Usage

__all__ = ["split", "summed"]


def summed(entries: tuple[Usage, ...]) -> Usage:
    """Return the usage of several answers that passed through one call."""
    if len(entries) == 1:
        return entries[0]
    counts = {name: _sum(entries, name) for name in COUNTS if any(getattr(each, name) is not None for each in entries)}
    costs = [each.reported_cost_usd for each in entries]
    known = [cost for cost in costs if cost is not None]
    return replace(
        entries[-1],
        **counts,  # type: ignore[arg-type]
        response_id=None,
        reported_cost_usd=sum(known, Decimal(0)) if len(known) == len(costs) else None,
        requests=len(entries),
        flags=tuple(dict.fromkeys(flag for each in entries for flag in each.flags)),
        entries=entries,
    )


def split(total: Usage, entries: tuple[Usage, ...], *, shared: bool = False) -> Usage:
    """Return a total with the entries that it consists of, as far as both can be believed.

    Of a total that is `shared` with the run around this one, a single request is all that is this run's: it has
    called no tool, so the others are no requests of agents below it.
    """
    total = replace(total, **_in_common(total, entries))
    beyond = {name: _sum(entries, name) - (getattr(total, name) or 0) for name in ("input_tokens", "output_tokens")}
    if not any(beyond.values()):
        return _added_up(total, entries)
    if _each_the_total(total, entries):
        flag = f"entries: {len(entries)}, each of them the total"
        return replace(total, entries=entries[:1], flags=(*total.flags, flag))
    if shared and len(entries) == 1 and max(beyond.values()) <= 0:
        return replace(entries[0], aggregate=True, requests=1)
    flag = f"entries: {beyond['input_tokens']:+} input, {beyond['output_tokens']:+} output tokens beyond the total"
    total = replace(total, flags=(*total.flags, flag))
    if total.aggregate and max(beyond.values()) <= 0 and (total.requests or 0) > len(entries):
        return replace(total, entries=(*entries, _rest(total, entries)))
    # Anthropic leaves compaction, and what an advising model read, out of its total, yet bills them.
    if total.aggregate or min(beyond.values()) < 0:
        return total
    first = replace(entries[0], web_searches=total.web_searches)
    return replace(total, entries=(first, *entries[1:]))


def _added_up(total: Usage, entries: tuple[Usage, ...]) -> Usage:
    """Return the total of entries that add up to it."""
    if total.aggregate and len(entries) == 1:
        return replace(total, response_id=entries[0].response_id)
    apart = total.aggregate or any(entry.model != total.model for entry in entries)
    return replace(total, entries=entries if apart and len(entries) > 1 else ())


def _rest(total: Usage, entries: tuple[Usage, ...]) -> Usage:
    """Return the requests of a total that have no entries, as one more: those of a run within this one."""
    told = {name: getattr(total, name) for name in COUNTS}
    counts: dict[str, Any] = {n: max(0, count - _sum(entries, n)) for n, count in told.items() if count is not None}
    requests = (total.requests or 0) - len(entries)
    return Usage(**counts, provider=total.provider, model=total.model, requests=requests)


def _each_the_total(total: Usage, entries: tuple[Usage, ...]) -> bool:
    """Tell whether each entry repeats the total, as Groq's compound systems were seen to do."""
    whole = (total.input_tokens, total.output_tokens)
    return len(entries) > 1 and all((entry.input_tokens, entry.output_tokens) == whole for entry in entries)


def _in_common(total: Usage, entries: tuple[Usage, ...]) -> dict[str, Any]:
    """Return the names that a total lacks and all of its entries share."""
    shared: dict[str, Any] = {}
    for name in ("provider", "model", "response_model"):
        values = {getattr(entry, name) for entry in entries}
        if getattr(total, name) is None and len(values) == 1:
            shared[name] = values.pop()
    return shared


def _sum(entries: tuple[Usage, ...], name: str) -> int:
    return sum(getattr(each, name) or 0 for each in entries)
