"""`extract`, faster for answers of a shape that was seen before: they are read by the same plan."""

from __future__ import annotations

from typing import Any, Final

from pepperpy_obs._guard import pass_on
from pepperpy_obs.usage import extract as anew
from pepperpy_obs.usage.flat import Extracted, Flat
from pepperpy_obs.usage.flatten import flatten
from pepperpy_obs.usage.object_shape import NOTHING, object_shape_of

__all__ = ["extract", "extract_like"]

_MOST: Final = 1024
"""Kinds of answers that are remembered; further ones are looked at anew."""
_MOST_VARIANTS: Final = 8
"""Plans of one kind; answers that differ more are looked at one by one."""
_MOST_TRIES: Final = 16
_WIDEST: Final = 64
_LONGEST: Final = 64


class _Known:
    """What is known of one kind of answers."""

    __slots__ = ("flats", "tries")

    def __init__(self) -> None:
        self.flats: tuple[Flat, ...] = ()
        self.tries = _MOST_TRIES


_known: dict[Any, _Known] = {}
"""By the class; for a dict, by its names."""


def extract(answer: Any) -> Extracted:
    """Return what `usage.extract.extract` does, faster if an answer like this one was extracted before."""
    return extract_like(answer) or _learn(answer)


def extract_like(answer: Any) -> Extracted | None:
    """Return what an answer says that is like one before; None of any other."""
    try:
        kind: Any = type(answer)
        known = _known.get(kind if kind is not dict else tuple(answer) if len(answer) <= _WIDEST else None)
        if known is not None:
            for flat in known.flats:
                taken = flat.read(answer)
                if taken is not None:
                    return taken
    except Exception as error:  # an answer that refuses to be looked at, or changes meanwhile
        pass_on(error)
    return None


def _learn(answer: Any) -> Extracted:
    """Look at an answer as if it were the first, and remember how; not of the very first, which may be the only one."""
    captured, found = anew.extract(answer)
    try:
        kind: Any = type(answer)
        key = kind if kind is not dict else tuple(answer)
        known = _known.get(key)
        if known is None:
            if object_shape_of(answer) is not NOTHING and (kind is not dict or _may_be_kept(key)):
                if len(_known) >= _MOST:
                    _known.clear()
                _known[key] = _Known()
        elif known.tries > 0 and len(known.flats) < _MOST_VARIANTS:
            known.tries -= 1
            flat = flatten(answer, captured, found)
            if flat is not None:
                known.flats = (*known.flats, flat)
    except Exception as error:  # a class of the user's that cannot be remembered, or an answer that changes meanwhile
        pass_on(error)
    return captured, found


def _may_be_kept(names: tuple[Any, ...]) -> bool:
    """Tell whether these are names; a longer one is text of the user's."""
    return len(names) <= _WIDEST and all(type(name) is str and len(name) <= _LONGEST for name in names)
