"""What the objects of one kind have in common: which names that we know they answer to, and how.

Answers of one kind have one layout, so what can be worked out from names alone - which places,
shapes and facts are worth trying - is worked out once a kind, not once an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pepperpy_obs._guard import pass_on
from pepperpy_obs.usage.kinds import KINDS, WATCHED, Kind, kind_of

__all__ = ["NOTHING", "Layout", "layout_of", "own_of"]

_BOUNDLESS: Final = frozenset({"mapping", "any", "closed"})
_MOST: Final = 1024
"""Layouts that are remembered; where there are more, they are made up anew each time."""
_LONGEST: Final = 64
"""A longer name is somebody's text, and not to be kept."""
_WIDEST: Final = 64
"""No answer has more names at one level than this: a larger dict is somebody's data."""


class Layout:
    """The watched names of one kind of object. Shared by threads: at worst two work out the same.

    `own` are those that are keys of the dict itself, or of the object's `__dict__`; the others
    have to be asked for. `boundless` tells of what may answer to any name. In `chosen` others keep what
    they have worked out from the names: each under a key of its own, a table or the function that asks.
    """

    __slots__ = ("boundless", "chosen", "names", "own")

    def __init__(self, names: frozenset[str], own: frozenset[str] = frozenset(), *, boundless: bool = False) -> None:
        self.names = names
        self.own = own
        self.boundless = boundless
        self.chosen: dict[Any, Any] = {}


NOTHING: Final = Layout(frozenset())
_EMPTY: Final[Mapping[str, Any]] = {}
_by_keys: dict[tuple[Any, ...], Layout] = {}
"""By the type, if it is no dict, and all names in their order."""
_by_names: dict[tuple[Any, ...], Layout] = {}
"""By the type and the names that we know."""


def layout_of(source: Any) -> Layout:
    """Return the layout of a dict or an object; of what refuses to be looked at, the one of nothing."""
    try:
        kind = type(source)
        if kind is dict:
            key: tuple[Any, ...] = tuple(source) if len(source) <= _WIDEST else ()
            return _by_keys.get(key) or _of_dict(source, key)
        known = KINDS.get(kind) or kind_of(kind)
        own = (known.own(source) if known.own is not None else None) or ()
        key = (kind, *own) if len(own) <= _WIDEST else ()
        if known.more == "pydantic" and (extra := source.__pydantic_extra__):
            key = (*key, None, *extra)
        return _by_keys.get(key) or _of_object(source, known, own, key)
    except Exception as error:  # raised by a property of somebody else's: there is nothing to read
        pass_on(error)
        return NOTHING


def own_of(source: Any) -> Any:
    """Return the dict that has the `own` names of the source's layout."""
    if type(source) is dict:
        return source
    own = (KINDS.get(type(source)) or kind_of(type(source))).own
    return (own(source) if own is not None else None) or _EMPTY


def _of_dict(source: dict[Any, Any], key: tuple[Any, ...]) -> Layout:
    names = frozenset(source.keys() & WATCHED)
    return _remembered(key, dict, names, names) if names else NOTHING


def _of_object(source: Any, known: Kind, own: Any, key: tuple[Any, ...]) -> Layout:
    if known.more == "closed":
        return _remembered((type(source),), type(source), frozenset())
    if known.more == "any":
        return _remembered((type(source), *own), type(source), frozenset(WATCHED))
    direct = frozenset(own.keys() & WATCHED) if own else frozenset[str]()
    names = direct | known.offered
    if known.more == "mapping":
        return _remembered((), type(source), names | (known.keys(source) & WATCHED))
    if known.more == "pydantic" and source.__pydantic_extra__:
        names |= source.__pydantic_extra__.keys() & WATCHED
    return _remembered(key, type(source), names, direct) if names else NOTHING


def _remembered(
    key: tuple[Any, ...], kind: type[Any], names: frozenset[str], own: frozenset[str] = frozenset()
) -> Layout:
    """Return the layout of these names, and have it found by `key` unless that would keep somebody's data alive.

    What is worked out of a layout is worth keeping even where the names around those that we know are always others.
    """
    told = (kind, names, own)
    layout = _by_names.get(told)
    if layout is None:
        boundless = kind is not dict and kind_of(kind).more in _BOUNDLESS
        layout = _kept(_by_names, told, Layout(names, own, boundless=boundless))
    if key and all((type(name) is str and len(name) <= _LONGEST) or name is None or name is kind for name in key):
        _kept(_by_keys, key, layout)
    return layout


def _kept(memory: dict[tuple[Any, ...], Layout], key: tuple[Any, ...], layout: Layout) -> Layout:
    if len(memory) >= _MOST:
        memory.clear()
    memory[key] = layout
    return layout
