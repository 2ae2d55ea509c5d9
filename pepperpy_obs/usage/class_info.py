"""What is known of a class whose objects may be answers: what its objects have, and what may be asked of them.

To read an answer must change nothing. So no method is called, nothing is loaded that waits to be, and what stands for
another object is not made to fetch it: only what an object has in its own `__dict__`, its slots and its properties
are looked at. A descriptor of any other kind may be a column of a database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    WrapperDescriptorType,
)
from typing import Any, Final, NamedTuple

from pepperpy_obs._guard import pass_on

__all__ = ["CALLED", "CLASSES", "WATCHED", "ClassInfo", "class_info", "watch"]

CALLED: Final = {"usage": "pydantic_ai", "new_messages": "pydantic_ai"}
"""Names that one version of an SDK spells as an attribute and another as a method, and that SDK."""
WATCHED: Final[set[str]] = set()
_PLAIN: Final = (int, float, str)


class _Tuple(NamedTuple):
    """Its field is of the kind that all such fields are of."""

    field: int


_FIELD: Final = type(vars(_Tuple)["field"])
_SAFE: Final = frozenset(
    {
        property,
        classmethod,
        staticmethod,
        _FIELD,
        BuiltinFunctionType,
        ClassMethodDescriptorType,
        FunctionType,
        GetSetDescriptorType,
        MemberDescriptorType,
        MethodDescriptorType,
        WrapperDescriptorType,
    }
)
"""Descriptors that give what is there; those of other kinds may load it first (SQLAlchemy, Django, cached_property)."""
_CLASS: Final = object.__dict__["__class__"]
_WRAPT: Final = "ObjectProxy"
_LAZY: Final = "Lazy"
_MOST: Final = 1024
"""Classes that are remembered; where there are more, they are looked at anew each time."""
CLASSES: Final[dict[type[Any], ClassInfo]] = {}
"""Classes that are known, for hot paths; `class_info` looks at the others."""


class ClassInfo(NamedTuple):
    """What is known of a class."""

    names: frozenset[str]
    """Those of the class that may be asked for."""
    more: str
    """What else its instances answer to: "" if nothing, "any" if to anything, else how to ask."""
    offered: frozenset[str]
    """The watched names that its instances compute, or need not have of their own."""
    own: Callable[[Any], Any] | None
    """Gives the `__dict__` of an instance; None where there is none, or one of the class's own making."""
    keys: Callable[[Any], Any] = Mapping.keys
    get: Callable[[Any, Any], Any] = Mapping.get
    """The two of a mapping, for a dict always those of dict."""


def watch(name: str) -> None:
    """Add a name to those that are looked for in answers. For tables, before any answer is seen."""
    WATCHED.add(name)


def class_info(kind: type[Any]) -> ClassInfo:
    """Return what is known of a class, which is looked at once."""
    known = CLASSES.get(kind)
    if known is None:
        if len(CLASSES) >= _MOST:
            CLASSES.clear()
        known = CLASSES[kind] = _look_at(kind)
    return known


def _look_at(kind: type[Any]) -> ClassInfo:
    space = {name: value for each in reversed(kind.__mro__) for name, value in vars(each).items()}
    fields = _fields_of_message(space)
    readable = {name for name, value in space.items() if _is_safe(value)}
    # A property, a slot, or a default that instances need not have of their own.
    offered = {
        name for name in readable & WATCHED if hasattr(type(space[name]), "__get__") or isinstance(space[name], _PLAIN)
    }
    # litellm keeps its price in a private attribute, which is no attribute of the class either.
    fields |= frozenset(space.get("__private_attributes__") or ())
    space_of: Any = space.get("__dict__")
    own = space_of.__get__ if type(space_of) in {GetSetDescriptorType, MemberDescriptorType} else None
    names, offers = fields.union(readable), fields & WATCHED | offered
    if space["__class__"] is not _CLASS or _is_proxy(space):  # it says that it is something else
        return ClassInfo(frozenset(), "wrapped" if _is_wrapt(kind) else "closed", frozenset(), None)
    if issubclass(kind, dict):
        return ClassInfo(names, "mapping", offers, own, dict.keys, dict.get)
    if issubclass(kind, Mapping):
        return ClassInfo(
            names, "mapping", offers, own, lambda source: source.keys(), lambda source, key: source.get(key)
        )
    more = "pydantic" if "__pydantic_extra__" in space else "any" if "__getattr__" in space and not fields else ""
    return ClassInfo(names, more, offers, own)


def _is_safe(value: Any) -> bool:
    kind = type(value)
    return kind in _SAFE or not hasattr(kind, "__get__")


def _is_proxy(space: Mapping[str, Any]) -> bool:
    """Tell whether objects of a class stand for others: those of C tell nothing but the name of what they hold."""
    return type(space.get("__wrapped__")) is GetSetDescriptorType


def _is_wrapt(kind: type[Any]) -> bool:
    """Tell whether objects of a class hold what they stand for already."""
    names = [each.__name__ for each in kind.__mro__]
    return _WRAPT in names and not any(name.startswith(_LAZY) for name in names)


def _fields_of_message(space: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of a protobuf message's fields, which are in no namespace; also of what proto-plus wraps."""
    descriptor = space.get("DESCRIPTOR") or getattr(getattr(space.get("_meta"), "pb", None), "DESCRIPTOR", None)
    try:
        return frozenset(descriptor.fields_by_name) if descriptor is not None else frozenset()
    except Exception as error:  # another library's word for something else
        pass_on(error)
        return frozenset()
