"""The shape of an object: which of the names that we know it has, and how they are read.

Answers of one kind have one object shape. So all that follows from names alone (which usage paths, shapes and facts are
worth trying) is worked out once a kind, not once an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pepperpy_obs._guard import pass_on
from pepperpy_obs.usage.class_info import CLASSES, WATCHED, ClassInfo, class_info

__all__ = ["NOTHING", "ObjectShape", "object_shape_of", "own_of"]

_BOUNDLESS: Final = frozenset({"mapping", "any", "closed"})
_MOST: Final = 1024
"""Shapes that are remembered; further ones are made anew each time."""
_LONGEST: Final = 64
"""A longer name is text of the user's, which is not kept."""
_WIDEST: Final = 64
"""No answer has more names at one level than this: a larger dict is data of the user's."""


class ObjectShape:
    """The watched names of one kind of object. Shared by threads: at worst two work out the same.

    `own` are those that are keys of the dict itself, or of the object's `__dict__`; the others
    have to be asked for. `dynamic` tells of what may answer to any name. In `cache` other rooms keep
    what they have worked out from the names: each under a key of its own, a table or the function that asks.
    """

    __slots__ = ("cache", "dynamic", "names", "own")

    def __init__(self, names: frozenset[str], own: frozenset[str] = frozenset(), *, dynamic: bool = False) -> None:
        self.names = names
        self.own = own
        self.dynamic = dynamic
        self.cache: dict[Any, Any] = {}


NOTHING: Final = ObjectShape(frozenset())
_EMPTY: Final[Mapping[str, Any]] = {}
_by_keys: dict[tuple[Any, ...], ObjectShape] = {}
"""By the type, if it is no dict, and all names in their order."""
_by_names: dict[tuple[Any, ...], ObjectShape] = {}
"""By the type and the names that we know."""


def object_shape_of(source: Any) -> ObjectShape:
    """Return the object shape of a dict or an object; of what refuses to be looked at, the one of nothing."""
    try:
        kind = type(source)
        if kind is dict:
            key: tuple[Any, ...] = tuple(source) if len(source) <= _WIDEST else ()
            return _by_keys.get(key) or _of_dict(source, key)
        known = CLASSES.get(kind) or class_info(kind)
        own = (known.own(source) if known.own is not None else None) or ()
        key = (kind, *own) if len(own) <= _WIDEST else ()
        if known.more == "pydantic" and (extra := source.__pydantic_extra__):
            key = (*key, None, *extra)
        return _by_keys.get(key) or _of_object(source, known, own, key)
    except Exception as error:  # raised by a property of the object's own: there is nothing to read
        pass_on(error)
        return NOTHING


def own_of(source: Any) -> Any:
    """Return the dict that has the `own` names of the source's object shape."""
    if type(source) is dict:
        return source
    own = (CLASSES.get(type(source)) or class_info(type(source))).own
    return (own(source) if own is not None else None) or _EMPTY


def _of_dict(source: dict[Any, Any], key: tuple[Any, ...]) -> ObjectShape:
    names = frozenset(source.keys() & WATCHED)
    return _remembered(key, dict, names, names) if names else NOTHING


def _of_object(source: Any, known: ClassInfo, own: Any, key: tuple[Any, ...]) -> ObjectShape:
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
) -> ObjectShape:
    """Return the object shape of these names, and have it found by `key` unless that would keep the user's data alive.

    What is worked out of an object shape is worth keeping even where the names around those that we know are always
    others.
    """
    told = (kind, names, own)
    object_shape = _by_names.get(told)
    if object_shape is None:
        dynamic = kind is not dict and class_info(kind).more in _BOUNDLESS
        object_shape = _kept(_by_names, told, ObjectShape(names, own, dynamic=dynamic))
    if key and all((type(name) is str and len(name) <= _LONGEST) or name is None or name is kind for name in key):
        _kept(_by_keys, key, object_shape)
    return object_shape


def _kept(memory: dict[tuple[Any, ...], ObjectShape], key: tuple[Any, ...], object_shape: ObjectShape) -> ObjectShape:
    if len(memory) >= _MOST:
        memory.clear()
    memory[key] = object_shape
    return object_shape
