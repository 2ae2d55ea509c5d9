"""From one item - an answer, or an event of a stream - to what is captured of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.dig import Path, dig, first, signature
from pepperpy_obs.usage.places import HINTS, NAMES, PLACES, TIERS
from pepperpy_obs.usage.shapes import Choice, Found, by_name, word
from pepperpy_obs.usage.table import SHAPES

__all__ = ["take"]

_NOWHERE: Final[Path] = ("no_answer_has_this",)
_OWNERS: Final = ("response", "message", "chunk", "interaction", "data")
"""Where events of streams keep the answer that they speak of."""
_LONGEST_NUMBER: Final = 32

_PLACES: Final = Choice((place, frozenset(place.path[:1])) for place in PLACES)
_SHAPES: Final = Choice((shape, shape.needs) for shape in SHAPES)
_NAMES: Final = by_name(NAMES)
_HINTS: Final = Choice(((path, provider), frozenset(path[:1])) for path, provider in HINTS)
_MARKS: Final = Choice(((path, provider), frozenset(path)) for path, provider in HINTS if len(path) == 1)
"""The hints that may stand in an event without usage."""


def take(answer: Any) -> tuple[Captured, Found | None]:
    """Return what `answer` says of itself, and where its usage was found, if anywhere."""
    known = signature(answer)
    if not known or (type(answer) is not dict and dig(answer, _NOWHERE) is not None):
        return Captured(), None  # a mock has everything, and all of it means nothing
    found = _find(answer, known)
    captured = Captured()
    owner = _owner(answer) if found is None else found.owner
    _name(captured, owner, signature(owner) if owner is not answer else known)
    if owner is not answer:
        _name(captured, answer, known)
    if found is not None:
        captured.shape = found.shape
        captured.raw = _collect(found, answer)
        captured.entries = _entries(found, answer)
        captured.service_tier = _tier(found) or captured.service_tier
        if found.shape.ids:
            captured.response_id = word(first(answer, found.shape.ids)) or captured.response_id
    if captured.provider is None:
        hints = (_MARKS if found is None else _HINTS).of(known)
        captured.provider = next((who for path, who in hints if dig(answer, path) is not None), None)
    return captured, found


def _find(answer: Any, known: frozenset[str]) -> Found | None:
    """Return the usage of `answer`, at the first place where there is one of a known shape."""
    for place in _PLACES.of(known):
        node = dig(answer, place.path)
        if isinstance(node, list):
            node = node[0] if node else None
        if node is None:
            continue
        owner = dig(answer, place.owner)
        for shape in _SHAPES.of(known if node is answer else signature(node)):
            if shape.fits(node, owner, place.name):
                return Found(shape, place, node, owner)
    return None


def _collect(found: Found, answer: Any) -> dict[str, Any]:
    """Return what the usage says under the names of the normal form, unchecked, as plain small values."""
    raw: dict[str, Any] = {}
    node = found.node
    for name, path in found.shape.facts.of(signature(node)):
        if name not in raw and (value := dig(node, path)) is not None:
            raw[name] = _small(value)
    for name, alternatives in found.shape.around.items():
        value = first(found.owner, alternatives)
        value = first(answer, alternatives) if value is None else value
        if value is not None:
            raw[name] = _small(value)
    return raw


def _small(value: Any) -> Any:
    """Return a number or a short word; for anything else the name of its type, which is no number either."""
    if isinstance(value, bool | int | float | Decimal):
        return value
    if isinstance(value, list):
        numbers = [each for each in value if isinstance(each, int | float | Decimal) and not isinstance(each, bool)]
        return sum(numbers) if len(numbers) == len(value) else "list"
    return word(value, _LONGEST_NUMBER) or type(value).__name__


def _owner(answer: Any) -> Any:
    for key in _OWNERS:
        inner = dig(answer, (key,))
        if inner is not None and not isinstance(inner, str):
            return inner
    return answer


def _name(captured: Captured, source: Any, known: frozenset[str]) -> None:
    """Learn what `source` says of names not known yet."""
    for name, path in _NAMES.of(known):
        if getattr(captured, name) is None:
            value = dig(source, path)
            # Of several answers in one, the first one's.
            if (value := word(value[0] if isinstance(value, list) and value else value)) is not None:
                setattr(captured, name, value)


def _tier(found: Found) -> str | None:
    """Return the tier that the usage itself names; Anthropic calls its fast mode a speed."""
    if found.place.tier is not None:
        return found.place.tier
    if dig(found.node, ("speed",)) == "fast":
        return "fast"
    return word(first(found.node, TIERS))


def _entries(found: Found, answer: Any) -> list[Captured]:
    """Return the single requests that the usage is a total of, as far as they are told."""
    if not found.shape.entries:
        return []
    around = (found.node, found.owner, answer)
    listed = next((listed for each in around if (listed := first(each, found.shape.entries))), None)
    if not isinstance(listed, list | tuple):
        return []
    return [captured for captured, inner in map(take, listed) if inner is not None and captured.raw]
