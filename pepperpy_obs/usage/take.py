"""From one item - an answer, or an event of a stream - to what is captured of it, as if it were the first."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.dig import FUNCTIONS, Path, dig, first
from pepperpy_obs.usage.layout import Layout, layout_of, own_of
from pepperpy_obs.usage.places import HINTS, NAMES, NO_ID, PLACES, TIERS, USAGE_HINTS
from pepperpy_obs.usage.rows import Rows, at_hand, reachable
from pepperpy_obs.usage.shapes import Found, Place, Trial, by_name, small, word
from pepperpy_obs.usage.table import SHAPES
from pepperpy_obs.usage.views import held, view_of

__all__ = ["OWNERS", "SPEED", "take", "trials_of"]

_NOWHERE: Final[Path] = ("no_answer_has_this",)
OWNERS: Final = ("response", "message", "chunk", "interaction", "data")
"""Where events of streams keep the answer that they speak of."""
_LONGEST_ID: Final = 128
_UUID7: Final = re.compile(r"\b([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")
SPEED: Final[Path] = ("speed",)

_HINTS: Final = Rows(HINTS)
_USAGE_HINTS: Final = Rows(USAGE_HINTS)


class _Asked(NamedTuple):
    """What an answer of one layout is asked."""

    places: tuple[tuple[Place, str | None], ...]
    """Where usage may stand, and the key if that is at hand."""
    owners: tuple[str, ...]
    names: tuple[tuple[str, Path, str | None], ...]
    """What is learnt, where it may stand, and the key if that is at hand."""


def take(answer: Any) -> tuple[Captured, Found | None]:
    """Return what `answer` says of itself, and where its usage was found, if anywhere."""
    answer = view_of(answer)
    layout = layout_of(answer)
    captured = Captured()
    if not layout.names or (layout.boundless and dig(answer, _NOWHERE) is not None):
        return captured, None  # a mock has everything, and all of it means nothing
    asked = layout.chosen.get(take) or _asked(layout)
    found = _find(answer, layout, asked.places)
    owner = _owner(answer, asked.owners) if found is None else found.owner
    if owner is not answer:
        within = layout_of(owner)
        _name(captured, owner, (within.chosen.get(take) or _asked(within)).names)
    _name(captured, answer, asked.names)
    if captured.response_id == NO_ID:
        captured.response_id = None
    if found is not None:
        _tell(captured, found, answer, layout)
    if captured.provider is None:
        captured.provider = _hinted(answer, layout, found)
    return captured, found


def _hinted(answer: Any, layout: Layout, found: Found | None) -> str | None:
    """Return the provider of whose answers alone something that is there tells: the table's first."""
    if hints := _HINTS.of(answer, layout):
        return next(provider for provider, _ in HINTS if provider in hints)
    if found is not None and (hints := _USAGE_HINTS.of(found.node, found.layout)):
        return next(provider for provider, _ in USAGE_HINTS if provider in hints)
    return None


def _asked(layout: Layout) -> _Asked:
    """Work out what answers of a layout are asked, and remember it there."""
    places = tuple(
        (place, at_hand(layout, place.path))
        for place in PLACES
        if reachable(layout, place.path) and (place.beside is None or place.beside in layout.names)
    )
    named = ((name, path, at_hand(layout, path)) for name, path in by_name(NAMES) if reachable(layout, path))
    asked = layout.chosen[take] = _Asked(places, tuple(key for key in OWNERS if key in layout.names), tuple(named))
    return asked


def _find(answer: Any, layout: Layout, places: tuple[tuple[Place, str | None], ...]) -> Found | None:
    """Return the usage of `answer`, at the first place where there is one of a known shape."""
    own = own_of(answer)
    for place, key in places:
        if place.beside is not None and dig(answer, (place.beside,)) is None:
            continue
        node = dig(answer, place.path) if key is None else own.get(key)
        if isinstance(node, list):
            node = node[0] if node else None
        elif isinstance(node, FUNCTIONS):
            node = dig(answer, place.path)
        if node is None:
            continue
        if type(node) is not dict:
            node = held(node)
        owner = dig(answer, place.owner) if place.owner else answer
        within = layout if node is answer else layout_of(node)
        for trial in trials_of(within):
            if trial.fits(node, owner, place.name):
                return Found(trial.shape, place, node, owner, within)
    return None


def trials_of(layout: Layout) -> tuple[Trial, ...]:
    """Return the shapes that nodes of a layout may have, in the order of the table."""
    trials: tuple[Trial, ...] | None = layout.chosen.get(Trial)
    if trials is None:
        made = (Trial(shape, layout) for shape in SHAPES)
        trials = layout.chosen[Trial] = tuple(trial for trial in made if trial.possible)
    return trials


def _tell(captured: Captured, found: Found, answer: Any, layout: Layout) -> None:
    shape = found.shape
    captured.shape = shape
    captured.raw = _collect(found, answer, layout)
    captured.service_tier = _tier(found) or captured.service_tier
    if shape.entries:
        captured.entries = entries = _entries(found, answer)
        if shape.refine is not None and entries:
            shape.refine(answer, entries)
    if shape.earlier:
        captured.earlier = _earlier(found)
    if shape.ids:
        captured.response_id = word(first(found.owner, shape.ids)) or captured.response_id


def _collect(found: Found, answer: Any, layout: Layout) -> dict[str, Any]:
    """Return what the usage says under the names of the normal form, unchecked, as plain small values."""
    raw = found.shape.facts.of(found.node, found.layout)
    beside = found.shape.beside
    if beside is not None:
        raw |= beside.of(answer, layout)
        if found.owner is not answer:
            raw |= beside.of(found.owner, layout_of(found.owner))
    for name, value in raw.items():
        if type(value) is not int:
            raw[name] = small(value)
    return raw


def _owner(answer: Any, owners: tuple[str, ...]) -> Any:
    for key in owners:
        inner = dig(answer, (key,))
        if inner is not None and not isinstance(inner, str):
            return inner
    return answer


def _name(captured: Captured, source: Any, names: tuple[tuple[str, Path, str | None], ...]) -> None:
    """Learn what `source` says of names not known yet."""
    own = own_of(source)
    for name, path, key in names:
        if getattr(captured, name) is None:
            value = dig(source, path) if key is None else own.get(key)
            if value is not None:
                # Of several answers in one, the first one's.
                setattr(captured, name, word(value[0] if isinstance(value, list) and value else value))


def _tier(found: Found) -> str | None:
    """Return the tier that the usage itself names; Anthropic calls its fast mode a speed."""
    if found.place.tier is not None:
        return found.place.tier
    layout = found.layout
    told: tuple[bool, tuple[Path, ...]] | None = layout.chosen.get(_tier)
    if told is None:
        told = reachable(layout, SPEED), tuple(path for path in TIERS if reachable(layout, path))
        layout.chosen[_tier] = told
    has_speed, tiers = told
    if has_speed and dig(found.node, SPEED) == "fast":
        return "fast"
    return word(first(found.node, tiers)) if tiers else None


def _entries(found: Found, answer: Any) -> list[Captured]:
    """Return the single requests that the usage is a total of, as far as they are told."""
    if not found.shape.entries:
        return []
    around = (found.node, found.owner) if found.owner is answer else (found.node, found.owner, answer)
    listed = next((listed for each in around if (listed := first(each, found.shape.entries))), None)
    if not isinstance(listed, list | tuple):
        return []
    return [captured for captured, inner in map(take, listed) if inner is not None and captured.raw]


def _earlier(found: Found) -> list[Captured]:
    """Return the requests that may be of this call or of one before, each with the time at which it was made."""
    requests: list[Captured] = []
    listed: Any = first(found.node, found.shape.earlier) or ()
    for each in listed:
        captured, inner = take(each)
        if inner is not None and captured.raw:
            captured.made = _made(dig(each, ("id",)))
            requests.append(captured)
    return requests


def _made(told: Any) -> int | None:
    """Return the time in an id that contains a UUID of version 7, as LangChain's ids do (RFC 9562, 5.7)."""
    uuid = _UUID7.search(told) if isinstance(told, str) and len(told) <= _LONGEST_ID else None
    return None if uuid is None else int(uuid[1] + uuid[2], 16)
