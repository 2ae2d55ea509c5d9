"""From what was captured to the normal form; what is odd is flagged, never raised and never guessed in silence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pepperpy_obs._record import EARLIER, MADE
from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.normal import COUNTS, FIELD_NAMES, INPUT_PARTS, OUTPUT_PARTS, Usage, fields, to_fields
from pepperpy_obs.usage.numbers import MOST, as_count, as_money
from pepperpy_obs.usage.origin import provider_of
from pepperpy_obs.usage.rules import RULES, Counts
from pepperpy_obs.usage.shapes import Shape
from pepperpy_obs.usage.tiers import TIERED, tier_of
from pepperpy_obs.usage.totals import split, summed
from pepperpy_obs.usage.untold import without_untold

__all__ = ["read", "usage_fields"]

_MOST_KINDS: Final = 1024
_MONEY: Final = ("cost", "upstream_cost", "market_cost", "ticks")
_ASIDE: Final = frozenset(
    {
        *_MONEY,
        "cost_beside",
        "byok",
        "speed",
        "inference_geo",
        "unmeasured",
        "own_calls",
        "cached",
        "cost_from_cache",
        "complete",
    }
)
_BILLED: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_KNOWN: Final = frozenset(
    {
        *COUNTS,
        *TIERED,
        *(f"billed_{name}" for name in _BILLED),
        *("total", "thoughts", "tool_input", "cache_write_5m_tokens", "requests", "web_queries"),
        *("all_input", "text_input", "text_output"),
    }
)
_SPECIAL: Final = frozenset({*TIERED, *(f"billed_{name}" for name in _BILLED), "all_input"})
_INT: Final = frozenset({int})
_A_PROMPT: Final = re.compile(r"gemini-[12]\b")
"""Google's models whose grounded prompts are billed; of later ones each search is."""
_TICKS_PER_USD: Final = 10_000_000_000
_PARENTS: Final = (
    ("input_tokens", INPUT_PARTS[:2]),
    ("input_tokens", INPUT_PARTS[2:]),
    ("cache_write_tokens", ("cache_write_1h_tokens", "cache_write_12h_tokens")),
    ("cache_read_tokens", ("audio_cache_read_tokens", "image_cache_read_tokens", "video_cache_read_tokens")),
    ("audio_input_tokens", ("audio_cache_read_tokens",)),
    ("image_input_tokens", ("image_cache_read_tokens",)),
    ("video_input_tokens", ("video_cache_read_tokens",)),
    ("output_tokens", OUTPUT_PARTS[:1]),
    ("output_tokens", OUTPUT_PARTS[1:]),
)
"""Each count that has parts; parts that may overlap are in different rows."""


def read(captured: Captured, *, provider: str | None = None, model: str | None = None) -> Usage | None:
    """Return the usage in normal form, or None if nothing was captured that tells of any.

    `provider` and `model` are the caller's word: they win over what is inferred. A part larger
    than its whole is cut down to it (and parts that together are, in their order), and flagged:
    the whole is what is billed, so it is believed. A number that is none is left out and flagged.
    """
    if captured.usage is not None:
        return _from_user(captured.usage, provider, model)
    if captured.entries:
        return _joined(captured, provider, model)
    return _single(captured, provider, model) if _tells(captured) else None


def usage_fields(captured: Captured, *, provider: str | None = None, model: str | None = None) -> dict[str, Any] | None:
    """Return what an event says of what was captured: `fields` of what `read` returns, at half the price."""
    if captured.pending:
        names = {"provider": provider or provider_of(captured, model), "model": model or captured.model}
        facts = {**names, "response_model": captured.model, "response_id": captured.response_id}
        return to_fields(facts) | {"usage_duplicate": True}
    if captured.usage is None and not captured.entries and not captured.earlier:
        if not _tells(captured):
            return None
        facts = _facts(captured, provider, model)
        return facts if FIELD_NAMES.isdisjoint(facts) else without_untold(to_fields(facts))
    usage = read(captured, provider=provider, model=model)
    found = None if usage is None else without_untold(fields(usage))
    if found is not None and captured.earlier:
        if not captured.entries:
            found["usage_flags"] = ["missing"]
        found[EARLIER] = [_dated(each, provider, model) for each in captured.earlier]
    return found


def _dated(captured: Captured, provider: str | None, model: str | None) -> dict[str, Any]:
    """Return the fields of a request that may be of an earlier call, and when it was made."""
    made = {} if captured.made is None else {MADE: captured.made}
    return fields(_entry(captured, provider, model)) | made


def _tells(captured: Captured) -> bool:
    if captured.shape is None:
        return captured.incomplete
    # The total of a run that has made no request yet: it was begun, and goes on.
    return not (captured.shape.aggregate and captured.raw.get("requests") == 0)


def _single(captured: Captured, provider: str | None, model: str | None) -> Usage:
    return Usage(**_facts(captured, provider, model))


def _facts(captured: Captured, provider: str | None, model: str | None) -> dict[str, Any]:
    """Return what a `Usage` of one answer is made of: what is known, and nothing else."""
    flags: list[str] = []
    shape, raw = captured.shape, captured.raw
    said = _said(tuple(raw))
    counts, units = _counts(captured, flags, said)
    cost = _reported(raw, flags) if said.aside else None
    tier = (tier_of(counts, flags) if said.special else None) or _tier(captured.service_tier)
    if shape is not None:
        _rule(counts, shape, flags, model=captured.model or model or "", special=said.special)
        if "input_tokens" not in counts and not units and cost is None:
            flags.append("input_tokens: missing" if "output_tokens" in counts else "usage: no tokens")
    facts = _fit(counts, flags)
    if units:
        facts["units"] = units
    known = {
        "provider": provider or provider_of(captured, model),
        "model": model or captured.model,
        "response_model": captured.model,
        "response_id": _id(captured),
        "service_tier": tier,
    }
    facts.update({name: value for name, value in known.items() if value is not None})
    if said.aside or captured.incomplete or captured.aggregate or (shape is not None and shape.aggregate) or flags:
        _add_rest(facts, captured, cost, flags)
    if "requests" in counts:
        facts["requests"] = counts["requests"]
    return facts


def _rule(counts: Counts, shape: Shape, flags: list[str], *, model: str, special: bool) -> None:
    """Bring the counts of a shape into normal form."""
    total = counts.get("total")
    if special:
        _bill(counts, flags)
        _share(counts, flags)
    RULES[shape.rule](counts)
    _check(total, counts, flags)
    if "web_queries" in counts:
        _search(counts, model)


def _fit(counts: Counts, flags: list[str]) -> dict[str, Any]:
    """Return the counts that a `Usage` has, with no part larger than its whole."""
    names, wholes = _in_order(tuple(counts))
    for whole, parts in wholes:
        left = counts.get(whole, -1)
        for part in parts:
            left -= counts.get(part, 0)
        if left < 0:
            _clamp(counts, whole, parts, flags)
    return {name: counts[name] for name in names if name in counts}


def _add_rest(facts: dict[str, Any], captured: Captured, cost: Decimal | None, flags: list[str]) -> None:
    """Add what few answers tell of."""
    raw, shape = captured.raw, captured.shape
    # pydantic-ai counts the requests that told no usage; google-genai tells only that of its last.
    lacks = bool(raw.get("unmeasured")) or "own_calls" in raw or raw.get("complete") is False
    # One answer has an id; a framework's total over several has none.
    is_total = captured.aggregate or (shape is not None and shape.aggregate)
    rest = {
        "inference_geo": _geo(raw.get("inference_geo")),
        "reported_cost_usd": cost,
        "incomplete": captured.incomplete or lacks or None,
        "aggregate": (is_total and "response_id" not in facts) or None,
        "cached": raw.get("cached") is True or raw.get("cost_from_cache") == 0 or None,
        "flags": tuple(flags) or None,
    }
    facts.update({name: value for name, value in rest.items() if value is not None})


class _Said(NamedTuple):
    """What the names tell under which an answer said something."""

    counts: bool
    """Whether all of them are counts."""
    special: bool
    """Whether some are counts that not every provider tells."""
    aside: bool
    """Whether some are no counts."""


@lru_cache(_MOST_KINDS)
def _said(names: tuple[str, ...]) -> _Said:
    return _Said(_KNOWN.issuperset(names), not _SPECIAL.isdisjoint(names), not _ASIDE.isdisjoint(names))


def _id(captured: Captured) -> str | None:
    """Return the provider's own id of the answer, if it is one."""
    return None if captured.shape is not None and captured.shape.anonymous else captured.response_id


def _counts(captured: Captured, flags: list[str], said: _Said) -> tuple[Counts, dict[str, int | Decimal]]:
    """Return the valid counts, and whatever is measured in other units than tokens."""
    values = captured.raw.values()
    if said.counts and _INT.issuperset(map(type, values)) and values and min(values) >= 0 and max(values) <= MOST:
        return dict(captured.raw), {}
    counts: Counts = {}
    units: dict[str, int | Decimal] = {}
    numerals = captured.shape is not None and captured.shape.numerals
    for name, value in captured.raw.items():
        odd: str | None = None
        if name in _KNOWN:
            if type(value) is int and 0 <= value <= MOST:
                counts[name] = value
                continue
            count, odd = as_count(value, numerals=numerals)
            if count is not None:
                counts[name] = count
        elif name not in _ASIDE:
            amount, odd = as_money(value)
            if amount:
                units[name] = amount
        if odd is not None:
            flags.append(f"{name}: {odd}")
    flags.sort()  # in which order an answer's fields are found depends on its form
    return counts, units


def _bill(counts: Counts, flags: list[str]) -> None:
    """Let the cloud's own count, by which it bills, take the place of the model's, and flag where they differ."""
    for name in _BILLED:
        billed = counts.pop(f"billed_{name}", None)
        if billed is None:
            continue
        if name in counts and counts[name] != billed:
            flags.append(f"{name}: {counts[name]} said, {billed} billed")
        counts[name] = billed


def _share(counts: Counts, flags: list[str]) -> None:
    """Bring the cached part of all that was read to what is billed of it, and flag that it was.

    Cohere bills no preamble of its own, which its cached tokens are counted with: of what is billed the same share is.
    """
    everything, billed = counts.pop("all_input", 0), counts.get("input_tokens", 0)
    cached = counts.get("cache_read_tokens")
    if cached and everything > billed:
        counts["cache_read_tokens"] = min(cached, everything) * billed // everything
        flags.append(f"cache_read_tokens: {cached} of {everything} read, of which {billed} are billed")


def _search(counts: Counts, model: str) -> None:
    """Make searches of the queries that Google's answer names: one for each prompt, or for each query, as it bills."""
    queries = counts.pop("web_queries")
    counts["web_searches"] = min(queries, 1) if _A_PROMPT.search(model.lower()) else queries


def _check(total: int | None, counts: Counts, flags: list[str]) -> None:
    """Flag a total that is not the sum of its parts, as the rule made them."""
    whole = counts.get("input_tokens", 0) + counts.get("output_tokens", 0)
    if total is not None and total != whole:
        flags.append(f"total: {total} said, {whole} found")


@lru_cache(_MOST_KINDS)
def _in_order(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]]:
    """Return those of these names that a `Usage` has, in its order, and the wholes with those parts that are there."""
    rows = ((whole, tuple(part for part in parts if part in names)) for whole, parts in _PARENTS)
    return tuple(name for name in COUNTS if name in names), tuple((whole, parts) for whole, parts in rows if parts)


def _clamp(counts: Counts, whole: str, parts: tuple[str, ...], flags: list[str]) -> None:
    left = counts.get(whole)
    for part in parts:
        # An earlier row may have left out a part that is this one's, too.
        if (value := counts.get(part)) is None:
            continue
        if left is None:
            if value:
                flags.append(f"{part}: {value} of an unknown {whole}")
            del counts[part]
        elif value > left:
            flags.append(f"{part}: {value} cut to {left}, all that is left of {whole}")
            counts[part] = left
            left = 0
        else:
            left -= value


def _reported(raw: Mapping[str, Any], flags: list[str]) -> Decimal | None:
    """Return the provider's own price: with a key of one's own at OpenRouter, its fee and the upstream's price."""
    found: dict[str, Decimal] = {}
    for name in _MONEY:
        if name in raw:
            amount, odd = as_money(raw[name])
            if odd is not None:
                flags.append(f"{name}: {odd}")
            if amount is not None:
                found[name] = amount
    if raw.get("byok") is True:
        upstream = found.get("upstream_cost")
        return None if upstream is None else found.get("cost", Decimal(0)) + upstream
    if "cost" not in found and "cost_beside" in raw:
        # What is no amount is something else of this name: a message of pydantic-ai has a method.
        beside, _ = as_money(raw["cost_beside"])
        found |= {} if beside is None else {"cost": beside}
    # xAI's messages are protobuf, where a price that is not there reads as 0.
    if found.get("ticks"):
        return found["ticks"] / _TICKS_PER_USD
    # Vercel's gateway charges nothing where the account at the maker is the caller's own, and tells what that one pays.
    return found.get("cost") or found.get("market_cost") or found.get("cost")


def _tier(tier: str | None) -> str | None:
    """Return the tier in one spelling: Google writes capitals, and which kind of demand it is."""
    if tier is None:
        return None
    tier = tier.lower().removeprefix("service_tier_").removeprefix("on_demand_")
    return None if tier in {"unspecified", "traffic_type_unspecified"} else tier


def _geo(said: Any) -> str | None:
    """Return where the request was confined to, in lower case; nowhere, mostly."""
    geo = said.lower() if isinstance(said, str) else None
    return None if geo in {"global", "not_available"} else geo


def _joined(captured: Captured, provider: str | None, model: str | None) -> Usage:
    """Return a usage that has entries."""
    total = _single(captured, provider, model) if captured.raw else None
    whose = provider or (total.provider if total else None)
    entries = tuple(_entry(each, whose, model or captured.model) for each in captured.entries)
    if total is not None:
        shared = captured.shape is not None and captured.shape.shared
        return split(total, entries, shared=shared)
    aggregate = captured.aggregate or (captured.shape is not None and captured.shape.aggregate)
    total = replace(summed(entries), incomplete=captured.incomplete, aggregate=aggregate)
    # By model it is not told how many requests there were.
    return replace(total, requests=None) if captured.aggregate else total


def _entry(captured: Captured, provider: str | None, model: str | None) -> Usage:
    entry = _single(captured, provider, captured.model or model)
    # The requests that an SDK made before this one are other entries.
    lacks = entry.incomplete and (captured.incomplete or "own_calls" not in captured.raw)
    # What a model has used in a run may be that of several requests, too.
    return replace(entry, incomplete=lacks, aggregate=captured.aggregate)


def _from_user(usage: Usage, provider: str | None, model: str | None) -> Usage:
    """Check what the user counted by the same rules as what a provider did."""
    flags = list(usage.flags)
    said = Captured()
    said.raw = {name: value for name in COUNTS if (value := getattr(usage, name)) is not None}
    said.model = usage.response_model
    counts, _ = _counts(said, flags, _said(tuple(said.raw)))
    _fit(counts, flags)
    return replace(
        usage,
        **{name: counts.get(name) for name in COUNTS},  # type: ignore[arg-type]
        provider=provider or usage.provider or provider_of(said, model or usage.model),
        model=model or usage.model or usage.response_model,
        flags=tuple(flags),
    )
