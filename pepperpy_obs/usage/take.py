"""From one item - an answer, or an event of a stream - to what is captured of it."""

from __future__ import annotations

from typing import Any

from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.dig import Path, dig, first
from pepperpy_obs.usage.shapes import Found, collect, find, word
from pepperpy_obs.usage.table import HINTS, IDS, MODELS, PLACES, SHAPES, TIERS

__all__ = ["take"]

_OWNERS = ("response", "message")
"""Where events of streams keep the answer that they speak of."""


def take(answer: Any) -> tuple[Captured, Found | None]:
    """Return what `answer` says of itself, and where its usage was found, if anywhere."""
    found = find(answer, PLACES, SHAPES)
    owner = found.owner if found is not None else _owner(answer)
    captured = Captured(
        model=_name(owner, answer, MODELS),
        response_id=_name(owner, answer, IDS),
        service_tier=_name(owner, answer, TIERS),
    )
    if found is not None:
        captured.shape = found.shape
        captured.raw = collect(found, answer)
        captured.entries = _entries(found, answer)
        captured.service_tier = _tier(found) or captured.service_tier
        captured.provider = _hint(answer)
    return captured, found


def _owner(answer: Any) -> Any:
    for key in _OWNERS:
        inner = dig(answer, (key,))
        if inner is not None and not isinstance(inner, str):
            return inner
    return answer


def _name(owner: Any, answer: Any, alternatives: tuple[Path, ...]) -> str | None:
    for source in (owner,) if owner is answer else (owner, answer):
        for path in alternatives:
            if (name := word(dig(source, path))) is not None:
                return name
    return None


def _tier(found: Found) -> str | None:
    """Return the tier that the usage itself names; Anthropic calls its fast mode a speed."""
    if found.place.tier is not None:
        return found.place.tier
    if dig(found.node, ("speed",)) == "fast":
        return "fast"
    return word(first(found.node, TIERS))


def _hint(answer: Any) -> str | None:
    return next((provider for path, provider in HINTS if dig(answer, path) is not None), None)


def _entries(found: Found, answer: Any) -> list[Captured]:
    """Return the single requests that the usage is a total of, as far as they are told."""
    if not found.shape.entries:
        return []
    listed = first(found.node, found.shape.entries) or first(answer, found.shape.entries)
    if not isinstance(listed, list | tuple):
        return []
    return [captured for captured, inner in map(take, listed) if inner is not None and captured.raw]
