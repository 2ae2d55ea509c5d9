"""Follows a path into anything: dicts, SDK objects, dataclasses, pydantic models, lists of these.

Nothing is copied and nothing is imported; what is not there, or refuses to be read, is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

__all__ = ["Path", "dig", "first", "paths"]

Path = tuple[str, ...]

_CALLED: Final = frozenset({"usage", "new_messages"})
"""Names that one version of an SDK spells as an attribute and another as a method."""
_MODALITIES: Final = {"TEXT": 1, "IMAGE": 2, "VIDEO": 3, "AUDIO": 4, "DOCUMENT": 5}
"""Google's names of modalities, and the numbers that Vertex writes for them in some answers."""

_MOST_CLASSES: Final = 1024
_classes: dict[type[Any], tuple[frozenset[str], str]] = {}
"""What is known of the classes met so far."""


def paths(*texts: str) -> tuple[Path, ...]:
    """Return paths as `dig` wants them, from "a.b" and the like.

    `*` stands for every item of a list (or value of a dict), `@AUDIO` for the tokens of that
    modality in one of Google's lists, `#word` for the number of items of a list that are of
    this type or end with this word, `?ttl=1h` for the items of a list where that is so.

    >>> dig({"a": [{"b": 1}, {"b": 2}]}, *paths("a.*.b"))
    [1, 2]
    """
    return tuple(tuple(text.split(".")) if text else () for text in texts)


def first(source: object, alternatives: tuple[Path, ...]) -> Any:
    """Return what the first path that leads anywhere leads to."""
    for path in alternatives:
        found = dig(source, path)
        if found is not None:
            return found
    return None


def dig(source: Any, path: Path) -> Any:
    """Return what is at the end of `path`, or None."""
    for position, key in enumerate(path):
        if source is None:
            return None
        if key == "*":
            rest = path[position + 1 :]
            found = [item for each in _items(source) if (item := dig(each, rest)) is not None]
            return found or None
        if key[0] == "@":
            return _modality(source, key[1:])
        if key[0] == "#":
            return _count(source, key[1:])
        if key[0] == "?":
            name, _, value = key[1:].partition("=")
            source = [each for each in _items(source) if _step(each, name) == value]
            continue
        source = source.get(key) if type(source) is dict else _step(source, key)
    return source


def _step(source: Any, key: str) -> Any:
    """Return one attribute or item, without ever asking an object for something that it does not have.

    A failing lookup on a pydantic model costs a microsecond, so its class is asked first, once.
    """
    if isinstance(source, Mapping):
        return source.get(key)
    try:
        names, dynamic = _known(type(source))
        own = getattr(source, "__dict__", None)
        if own is not None and key in own:
            value = own[key]
        elif key in names:
            value = getattr(source, key)
        elif dynamic == "pydantic":
            value = (getattr(source, "__pydantic_extra__", None) or {}).get(key)
        elif dynamic:
            value = getattr(source, key, None)
        else:
            return None
        return value() if key in _CALLED and callable(value) else value
    except Exception:  # raised by a property or a method of somebody else's: there is nothing to read
        return None


def _known(kind: type[Any]) -> tuple[frozenset[str], str]:
    """Return the names that a class gives its instances, and whether these answer to more ("" if not)."""
    known = _classes.get(kind)
    if known is None:
        names = frozenset(name for each in kind.__mro__ for name in vars(each))
        dynamic = "pydantic" if "__pydantic_extra__" in names else "yes" if "__getattr__" in names else ""
        if len(_classes) >= _MOST_CLASSES:
            _classes.clear()
        known = _classes[kind] = names, dynamic
    return known


def _items(source: Any) -> Any:
    if isinstance(source, Mapping):
        return source.values()
    return source if isinstance(source, list | tuple) else ()


def _modality(source: Any, name: str) -> int | None:
    """Add up the tokens of one modality; None where the list does not name it."""
    total = None
    for each in _items(source):
        kind = _step(each, "modality")
        kind = kind.value if isinstance(kind, Enum) else kind
        if kind in (name, name.lower(), _MODALITIES[name]):
            tokens = first(each, (("tokenCount",), ("token_count",), ("tokens",)))
            total = (total or 0) + (tokens if type(tokens) is int else 0)
    return total


def _count(source: Any, word: str) -> int | None:
    """Count the items of a list; a search that is only a page opened or looked through is none."""
    if not isinstance(source, list | tuple):
        return None
    found = 0
    for each in source:
        kind = each if isinstance(each, str) else dig(each, ("type",))
        if isinstance(kind, str) and kind.endswith(word) and dig(each, ("action", "type")) in (None, "search"):
            found += 1
    return found or None
