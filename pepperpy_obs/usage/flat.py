"""Answers like one before: what was worked out of that one is a flat list of looks at this one.

`extract` decides by names and by what is there and what is not, hardly ever by values. So an answer that has the types
and the names of an earlier one at each level, and nothing new where that had nothing, is read at the same places.
What differs in anything that a decision may depend on is read as if it were the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, NamedTuple

from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.get_path import Path, get_path
from pepperpy_obs.usage.shapes import LONGEST_NAME, Match, small, word
from pepperpy_obs.usage.usage_paths import NO_ID

__all__ = ["Extracted", "Flat", "Getter", "Level", "getter"]

Extracted = tuple[Captured, Match | None]
Values = tuple[Any, ...]
Getter = Callable[[Any], Values]

_INT: Final = frozenset({int})


class Level(NamedTuple):
    """An object on the way to what is looked for."""

    slot: int
    """Where it is among the values found so far."""
    is_listed: bool
    """Whether it is the first of the list that is there."""
    kind: type[Any]
    own: Callable[[Any], Any] | None
    """Gives its `__dict__`; None for a dict."""
    size: int
    """How many names it has: as many as `values` asks for, so that it has no other one."""
    values: Getter
    """Gives the values of all of its names; raises KeyError if it lacks one."""
    extra: tuple[str, ...] | None
    """Names that a pydantic model got beside its own; None for what has no place for such."""


@dataclass(frozen=True, slots=True)
class Flat:
    """How answers like one before are read. Slots are places in the list of all values."""

    levels: tuple[Level, ...]
    dug: tuple[tuple[int, Path], ...]
    """What is not one look away: from which slot, and the path from there."""
    fixed: Getter
    """Gives the values that have to be `known`: None, mostly."""
    known: Values
    there: Getter
    """Gives the values that have to be something, beside counts and words."""
    counts: Getter
    names: tuple[str, ...]
    """Of the counts."""
    words: tuple[tuple[str, int], ...]
    """What the answer is called: names of a `Captured`, and slots."""
    told: tuple[tuple[str, Any], ...]
    """Further fields of a `Captured`, the same for all answers."""
    found: Match | None
    """The same for all, too: without the node, which is another one each time."""

    def read(self, answer: Any) -> Extracted | None:
        """Return what `extract` would, or None if the answer is not like the one before."""
        got = [answer]
        for slot, is_listed, kind, own_of, size, values, extra in self.levels:
            source = got[slot]
            if is_listed:
                if type(source) is not list or not source:
                    return None
                source = source[0]
            if type(source) is not kind:
                return None
            own = source if own_of is None else own_of(source)
            if len(own) != size or (extra is not None and tuple(source.__pydantic_extra__ or ()) != extra):
                return None
            try:
                got += values(own)
            except KeyError:
                return None
        for slot, path in self.dug:
            got.append(get_path(got[slot], path))
        if self.fixed(got) != self.known or None in self.there(got):
            return None
        return self._taken(got)

    def _taken(self, got: Sequence[Any]) -> Extracted | None:
        captured = Captured()
        for name, slot in self.words:
            value = got[slot]
            if type(value) is not str or not 0 < len(value) <= LONGEST_NAME:
                value = word(value)
            if value is None or value == NO_ID:
                return None
            setattr(captured, name, value)
        for name, value in self.told:
            setattr(captured, name, value)
        if self.found is not None:
            counts = self.counts(got)
            if not _INT.issuperset(map(type, counts)):
                if None in counts:
                    return None
                counts = tuple(map(small, counts))
            captured.raw = dict(zip(self.names, counts))  # noqa: B905 - of one length; to say so costs as much again
        return captured, self.found


def getter(slots: tuple[Any, ...]) -> Getter:
    """Return what gives the items of these names or slots, as a tuple however few they are."""
    if len(slots) > 1:
        return itemgetter(*slots)
    for slot in slots:
        twice = itemgetter(slot, slot)
        return lambda source: twice(source)[:1]
    return _nothing


def _nothing(_: Any) -> Values:
    return ()
