"""Makes a `Flat` of an answer that has been read: every look that `extract` may have taken, once more and noted.

It asks more than `extract` did rather than less: a look too many only makes the plan hold for fewer answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.class_info import class_info
from pepperpy_obs.usage.extract import OWNERS, SPEED, matchers_of
from pepperpy_obs.usage.flat import Flat, Level, getter
from pepperpy_obs.usage.get_path import OPERATORS, Path, get_path
from pepperpy_obs.usage.object_shape import ObjectShape, object_shape_of
from pepperpy_obs.usage.path_table import reachable
from pepperpy_obs.usage.shapes import Match, Shape, UsagePath, by_name
from pepperpy_obs.usage.usage_paths import HINTS, NAMES, TIERS, USAGE_HINTS, USAGE_PATHS

__all__ = ["flatten"]

_WIDEST: Final = 64
_LONGEST: Final = 64
_DEEPEST: Final = 16
"""Levels of one plan: an answer that needs more is not read any faster by it."""
_OF_USERS: Final = frozenset({"metadata", "labels"})
"""Names of dicts that hold the user's own names, which are others in each answer."""
_FACTS: Final = ("shape", "raw", "provider", "model", "response_id", "service_tier")

Ref = tuple[int, Any]
"""A value: the level and its name there, or -1 and its number among those that were dug for; -2 is the answer."""
_ANSWER: Final[Ref] = (-2, None)


class _UnlikeError(Exception):
    """The answer is read by something that other answers of its kind need not have."""


def flatten(answer: Any, captured: Captured, found: Match | None) -> Flat | None:
    """Return the plan by which answers like this one are read; None if each has to be looked at anew."""
    if captured.entries or captured.earlier:
        return None
    try:
        flat = _Looks(answer).flat(captured, found)
    except _UnlikeError:
        return None
    taken = flat.read(answer)
    if taken is None:
        return None
    same = all(getattr(taken[0], name) == getattr(captured, name) for name in _FACTS)
    return flat if same else None


class _Seen(NamedTuple):
    """An object that was looked into."""

    above: Ref
    is_listed: bool
    source: Any
    own: Callable[[Any], Any] | None
    keys: tuple[str, ...]
    extra: tuple[str, ...] | None

    def value(self, key: str) -> Any:
        """Return one of its own."""
        return (self.source if self.own is None else self.own(self.source))[key]


class _Looks:
    """The looks at one answer."""

    def __init__(self, answer: Any) -> None:
        self._levels: list[_Seen] = []
        self._below: dict[tuple[Ref, bool], int] = {}
        self._dug: list[tuple[Ref, Path, Any]] = []
        self._fixed: dict[Ref, Any] = {}
        self._there: dict[Ref, None] = {}
        self._answer = answer
        if self._level(_ANSWER) is None:
            raise _UnlikeError

    def flat(self, captured: Captured, found: Match | None) -> Flat:
        """Look at all that `extract` may have looked at, and write it down."""
        node, owner = self._find(found)
        words = self._names(node, owner, found)
        told: dict[str, Any] = {}
        if found is not None and found.place.tier is not None:
            words.pop("service_tier", None)
            told["service_tier"] = found.place.tier
        elif captured.service_tier == "fast" and node is not None and self._speed(node) == "fast":
            words.pop("service_tier", None)
            told["service_tier"] = "fast"
        if "provider" not in words:
            self._hints(node)
            if captured.provider is not None:
                told["provider"] = captured.provider
        counts: dict[str, Ref] = {}
        if found is not None and node is not None:
            told["shape"] = found.shape
            counts = self._counts(found.shape, node, owner)
            for path in (*found.shape.entries, *found.shape.earlier):
                for level in {node, owner, 0}:
                    if self._read(level, path) is not None:
                        self._unlike()  # no entries here, but there may be some in the next answer
        return self._written(found, words, counts, told)

    def _find(self, found: Match | None) -> tuple[int | None, int]:
        """Look for the usage as `extract` does; return the levels of it and of what it belongs to."""
        for place in USAGE_PATHS:
            if place.beside is not None and self._read(0, (place.beside,)) is None:
                continue
            ref = self._read(0, place.path)
            if ref is None:
                continue
            node, owner = self._needed(ref), self._needed(self._read(0, place.owner))
            if self._try(node, owner, place, found):
                return node, owner
        if found is not None:
            raise _UnlikeError
        for key in OWNERS:
            ref = self._read(0, (key,))
            if ref is not None:
                return None, self._needed(ref)
        return None, 0

    def _try(self, node: int, owner: int, place: UsagePath, found: Match | None) -> bool:
        """Ask what the shapes ask of a node, up to the one that it has."""
        is_here = found is not None and place is found.place
        for matcher in matchers_of(self._shape_at(node)):
            shape = matcher.shape
            if shape.types:
                self._fix(self._read(owner, ("type",)))
            asked = (*shape.any, *shape.all, *shape.lacks)
            typed = (*shape.counts["input_tokens"], *shape.counts["output_tokens"]) if shape.types else ()
            for path in (*asked, *typed):
                self._read(node, path)
            if is_here and found is not None and shape is found.shape:
                return True
        return False

    def _names(self, node: int | None, owner: int, found: Match | None) -> dict[str, Ref]:
        words: dict[str, Ref] = {}
        for level in dict.fromkeys((owner, 0)):
            self._first(level, by_name(NAMES), words)
        if found is not None and node is not None:
            nearer: dict[str, Ref] = {}
            self._first(node, (("service_tier", path) for path in TIERS), nearer)
            self._first(owner, (("response_id", path) for path in found.shape.ids), nearer)
            words |= nearer
        return words

    def _first(self, level: int, rows: Iterator[tuple[str, Path]], words: dict[str, Ref]) -> None:
        """Look up names that are not known yet."""
        for name, path in rows:
            if name not in words and (ref := self._read(level, path)) is not None:
                words[name] = ref

    def _speed(self, node: int) -> Any:
        ref = self._read(node, SPEED)
        self._fix(ref)
        return None if ref is None else self._fixed[ref]

    def _hints(self, node: int | None) -> None:
        for _, path in HINTS:
            self._read(0, path)
        for _, path in USAGE_HINTS if node is not None else ():
            self._read(node or 0, path)

    def _counts(self, shape: Shape, node: int, owner: int) -> dict[str, Ref]:
        counts: dict[str, Ref] = {}
        self._first(node, by_name(shape.counts), counts)
        for level in dict.fromkeys((0, owner)):
            beside: dict[str, Ref] = {}
            self._first(level, by_name(shape.around), beside)
            counts |= beside
        if SPEED[0] not in counts:
            self._speed(node)
        return counts

    def _read(self, level: int, path: Path) -> Ref | None:
        """Look at what a path leads to, and remember how; None if there is nothing."""
        seen = self._levels[level]
        if not path:
            return seen.above if not seen.is_listed else self._unlike()
        if not reachable(self._shape_at(level), path):
            return None
        key, rest = path[0], path[1:]
        if key not in seen.keys:
            return self._unlike() if seen.is_listed or key[0] in OPERATORS else self._dig(seen.above, path)
        ref = (level, key)
        value = seen.value(key)
        if value is None:
            self._fixed[ref] = None
            return None
        if not rest:
            self._there[ref] = None
            return ref
        return self._dig(ref, rest) if key in _OF_USERS else self._go_on(ref, value, rest)

    def _go_on(self, ref: Ref, value: Any, rest: Path) -> Ref | None:
        first, *after = rest
        is_listed = first == "^" and type(value) is list and bool(after)
        if is_listed and not value:
            self._fixed[ref] = []
            return None
        below = None if first[0] in OPERATORS and not is_listed else self._level(ref, is_listed=is_listed)
        if below is None:
            self._there[ref] = None
            return self._dig(ref, rest)
        return self._read(below, tuple(after) if is_listed else rest)

    def _dig(self, above: Ref, path: Path) -> Ref | None:
        """Have what is not one look away dug for, each time."""
        for number, (known, way, value) in enumerate(self._dug):
            if known == above and way == path:
                return None if value is None else (-1, number)
        value = get_path(self._value(above), path)
        ref = (-1, len(self._dug))
        self._dug.append((above, path, value))
        if value is None:
            self._fixed[ref] = None
            return None
        self._there[ref] = None
        return ref

    def _value(self, ref: Ref) -> Any:
        level, key = ref
        if level == -2:
            return self._answer
        if level == -1:
            return self._dug[key][2]
        return self._levels[level].value(key)

    def _fix(self, ref: Ref | None) -> None:
        """Have answers whose value is another one looked at anew."""
        if ref is not None:
            value = self._value(ref)
            if type(value) is not str or len(value) > _LONGEST:
                self._unlike()
            self._fixed[ref] = value

    def _unlike(self) -> Any:
        raise _UnlikeError

    def _needed(self, ref: Ref | None) -> int:
        """Return the level of what has to be one."""
        level = None if ref is None else self._level(ref)
        return self._unlike() if level is None else level

    def _shape_at(self, level: int) -> ObjectShape:
        return object_shape_of(self._levels[level].source)

    def _level(self, ref: Ref, *, is_listed: bool = False) -> int | None:
        """Return the level of an object, a new one if need be; None of what may have names that it does not show."""
        known = self._below.get((ref, is_listed))
        if known is not None:
            return known
        source = self._value(ref)
        source = source[0] if is_listed else source
        kind, own, extra = type(source), None, None
        if kind is not dict:
            about = class_info(kind)
            if about.more not in {"", "pydantic"} or about.own is None:
                return None
            own = about.own
            extra = tuple(source.__pydantic_extra__ or ()) if about.more == "pydantic" else None
        keys = tuple(source if own is None else own(source) or ())
        names = (*keys, *(extra or ()))
        if len(names) > _WIDEST or any(type(name) is not str or len(name) > _LONGEST for name in names):
            return None
        if len(self._levels) >= _DEEPEST or (not names and kind is not dict):
            self._unlike()
        self._below[ref, is_listed] = len(self._levels)
        self._levels.append(_Seen(ref, is_listed, source, own, keys, extra))
        return len(self._levels) - 1

    def _written(
        self,
        found: Match | None,
        words: dict[str, Ref],
        counts: dict[str, Ref],
        told: dict[str, Any],
    ) -> Flat:
        slots: dict[Ref, int] = {_ANSWER: 0}
        for level, seen in enumerate(self._levels):
            for key in seen.keys:
                slots[level, key] = len(slots)
        for number in range(len(self._dug)):
            slots[-1, number] = len(slots)

        checked = {*words.values(), *counts.values(), *(seen.above for seen in self._levels)}
        return Flat(
            tuple(
                Level(slots[above], is_listed, type(source), own, len(keys), getter(keys), extra)
                for above, is_listed, source, own, keys, extra in self._levels
            ),
            tuple((slots[above], path) for above, path, _ in self._dug),
            getter(tuple(slots[ref] for ref in self._fixed)),
            tuple(self._fixed.values()),
            getter(tuple(slots[ref] for ref in self._there if ref not in checked)),
            getter(tuple(slots[ref] for ref in counts.values())),
            tuple(counts),
            tuple((name, slots[ref]) for name, ref in words.items()),
            tuple(told.items()),
            None if found is None else Match(found.shape, found.place, None, None, found.object_shape),
        )
