"""From one item - an answer, or an event of a stream - to what is captured of it, as if it were the first."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.get_path import FUNCTIONS, Path, first, get_path
from pepperpy_obs.usage.object_shape import ObjectShape, object_shape_of, own_of
from pepperpy_obs.usage.path_table import PathTable, own_key, reachable
from pepperpy_obs.usage.shapes import Match, Matcher, UsagePath, by_name, small, word
from pepperpy_obs.usage.table import SHAPES
from pepperpy_obs.usage.usage_paths import HINTS, NAMES, NO_ID, TIERS, USAGE_HINTS, USAGE_PATHS
from pepperpy_obs.usage.views import held, view_of

__all__ = ["OWNERS", "SPEED", "extract", "matchers_of"]

_NOWHERE: Final[Path] = ("no_answer_has_this",)
OWNERS: Final = ("response", "message", "chunk", "interaction", "data")
"""Where events of streams keep the answer that they speak of."""
_LONGEST_ID: Final = 128
_UUID7: Final = re.compile(r"\b([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")
SPEED: Final[Path] = ("speed",)

_HINTS: Final = PathTable(HINTS)
_USAGE_HINTS: Final = PathTable(USAGE_HINTS)


class _Asked(NamedTuple):
    """What an answer of one object shape is asked."""

    places: tuple[tuple[UsagePath, str | None], ...]
    """Where usage may stand, and the key if it is one of the object's own."""
    owners: tuple[str, ...]
    names: tuple[tuple[str, Path, str | None], ...]
    """The field, where it may stand, and the key if it is one of the object's own."""


def extract(answer: Any) -> tuple[Captured, Match | None]:
    """Return what `answer` says of itself, and where its usage was found, if anywhere."""
    answer = view_of(answer)
    object_shape = object_shape_of(answer)
    captured = Captured()
    if not object_shape.names or (object_shape.dynamic and get_path(answer, _NOWHERE) is not None):
        return captured, None  # a mock has everything, and all of it means nothing
    asked = object_shape.cache.get(extract) or _asked(object_shape)
    found = _find(answer, object_shape, asked.places)
    owner = _owner(answer, asked.owners) if found is None else found.owner
    if owner is not answer:
        within = object_shape_of(owner)
        _name(captured, owner, (within.cache.get(extract) or _asked(within)).names)
    _name(captured, answer, asked.names)
    if captured.response_id == NO_ID:
        captured.response_id = None
    if found is not None:
        _tell(captured, found, answer, object_shape)
    if captured.provider is None:
        captured.provider = _hinted(answer, object_shape, found)
    return captured, found


def _hinted(answer: Any, object_shape: ObjectShape, found: Match | None) -> str | None:
    """Return the provider of whose answers alone something that is there tells: the table's first."""
    if hints := _HINTS.of(answer, object_shape):
        return next(provider for provider, _ in HINTS if provider in hints)
    if found is not None and (hints := _USAGE_HINTS.of(found.node, found.object_shape)):
        return next(provider for provider, _ in USAGE_HINTS if provider in hints)
    return None


def _asked(object_shape: ObjectShape) -> _Asked:
    """Work out what answers of an object shape are asked, and remember it there."""
    places = tuple(
        (place, own_key(object_shape, place.path))
        for place in USAGE_PATHS
        if reachable(object_shape, place.path) and (place.beside is None or place.beside in object_shape.names)
    )
    named = (
        (name, path, own_key(object_shape, path)) for name, path in by_name(NAMES) if reachable(object_shape, path)
    )
    asked = object_shape.cache[extract] = _Asked(
        places, tuple(key for key in OWNERS if key in object_shape.names), tuple(named)
    )
    return asked


def _find(answer: Any, object_shape: ObjectShape, places: tuple[tuple[UsagePath, str | None], ...]) -> Match | None:
    """Return the usage of `answer`, at the first place where there is one of a known shape."""
    own = own_of(answer)
    for place, key in places:
        if place.beside is not None and get_path(answer, (place.beside,)) is None:
            continue
        node = get_path(answer, place.path) if key is None else own.get(key)
        if isinstance(node, list):
            node = node[0] if node else None
        elif isinstance(node, FUNCTIONS):
            node = get_path(answer, place.path)
        if node is None:
            continue
        if type(node) is not dict:
            node = held(node)
        owner = get_path(answer, place.owner) if place.owner else answer
        within = object_shape if node is answer else object_shape_of(node)
        for matcher in matchers_of(within):
            if matcher.fits(node, owner, place.name):
                return Match(matcher.shape, place, node, owner, within)
    return None


def matchers_of(object_shape: ObjectShape) -> tuple[Matcher, ...]:
    """Return the shapes that nodes of an object shape may have, in the order of the table."""
    matchers: tuple[Matcher, ...] | None = object_shape.cache.get(Matcher)
    if matchers is None:
        made = (Matcher(shape, object_shape) for shape in SHAPES)
        matchers = object_shape.cache[Matcher] = tuple(matcher for matcher in made if matcher.possible)
    return matchers


def _tell(captured: Captured, found: Match, answer: Any, object_shape: ObjectShape) -> None:
    shape = found.shape
    captured.shape = shape
    captured.raw = _collect(found, answer, object_shape)
    captured.service_tier = _tier(found) or captured.service_tier
    if shape.entries:
        captured.entries = entries = _entries(found, answer)
        if shape.refine is not None and entries:
            shape.refine(answer, entries)
    if shape.earlier:
        captured.earlier = _earlier(found)
    if shape.ids:
        captured.response_id = word(first(found.owner, shape.ids)) or captured.response_id


def _collect(found: Match, answer: Any, object_shape: ObjectShape) -> dict[str, Any]:
    """Return what the usage says under the names of the normal form, unchecked, as plain small values."""
    raw = found.shape.facts.of(found.node, found.object_shape)
    beside = found.shape.beside
    if beside is not None:
        raw |= beside.of(answer, object_shape)
        if found.owner is not answer:
            raw |= beside.of(found.owner, object_shape_of(found.owner))
    for name, value in raw.items():
        if type(value) is not int:
            raw[name] = small(value)
    return raw


def _owner(answer: Any, owners: tuple[str, ...]) -> Any:
    for key in owners:
        inner = get_path(answer, (key,))
        if inner is not None and not isinstance(inner, str):
            return inner
    return answer


def _name(captured: Captured, source: Any, names: tuple[tuple[str, Path, str | None], ...]) -> None:
    """Learn what `source` says of names not known yet."""
    own = own_of(source)
    for name, path, key in names:
        if getattr(captured, name) is None:
            value = get_path(source, path) if key is None else own.get(key)
            if value is not None:
                # Of several answers in one, the first one's.
                setattr(captured, name, word(value[0] if isinstance(value, list) and value else value))


def _tier(found: Match) -> str | None:
    """Return the tier that the usage itself names; Anthropic calls its fast mode a speed."""
    if found.place.tier is not None:
        return found.place.tier
    object_shape = found.object_shape
    told: tuple[bool, tuple[Path, ...]] | None = object_shape.cache.get(_tier)
    if told is None:
        told = reachable(object_shape, SPEED), tuple(path for path in TIERS if reachable(object_shape, path))
        object_shape.cache[_tier] = told
    has_speed, tiers = told
    if has_speed and get_path(found.node, SPEED) == "fast":
        return "fast"
    return word(first(found.node, tiers)) if tiers else None


def _entries(found: Match, answer: Any) -> list[Captured]:
    """Return the single requests that the usage is a total of, as far as the answer names them."""
    if not found.shape.entries:
        return []
    around = (found.node, found.owner) if found.owner is answer else (found.node, found.owner, answer)
    listed = next((listed for each in around if (listed := first(each, found.shape.entries))), None)
    if not isinstance(listed, list | tuple):
        return []
    return [captured for captured, inner in map(extract, listed) if inner is not None and captured.raw]


def _earlier(found: Match) -> list[Captured]:
    """Return the requests that may be of this call or of one before, each with the time at which it was made."""
    requests: list[Captured] = []
    listed: Any = first(found.node, found.shape.earlier) or ()
    for each in listed:
        captured, inner = extract(each)
        if inner is not None and captured.raw:
            captured.made = _made(get_path(each, ("id",)))
            requests.append(captured)
    return requests


def _made(told: Any) -> int | None:
    """Return the time in an id that contains a UUID of version 7, as LangChain's ids do (RFC 9562, 5.7)."""
    uuid = _UUID7.search(told) if isinstance(told, str) and len(told) <= _LONGEST_ID else None
    return None if uuid is None else int(uuid[1] + uuid[2], 16)
