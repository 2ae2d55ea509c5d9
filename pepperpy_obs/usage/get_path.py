"""Follows a path into anything: dicts, SDK objects, dataclasses, pydantic models, lists of these.

Nothing is copied and nothing is imported; what is not there, or refuses to be read, is None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any, Final

from pepperpy_obs._guard import interrupted, pass_on
from pepperpy_obs.usage.class_info import CALLED, CLASSES, class_info, watch

__all__ = ["FUNCTIONS", "OPERATORS", "Path", "first", "get_path", "paths", "safe_getattr"]

Path = tuple[str, ...]

OPERATORS: Final = "*^@#?><"
FUNCTIONS: Final = (MethodType, FunctionType, BuiltinMethodType)
_MOST_BEFORE: Final = 64
_MODALITIES: Final = {"TEXT": 1, "IMAGE": 2, "VIDEO": 3, "AUDIO": 4, "DOCUMENT": 5}
"""Google's names of modalities, and the numbers that Vertex writes for them in some answers."""
_ROLES: Final[tuple[Path, ...]] = (("type",), ("role",))
_TOOLS: Final = {"WEB_SEARCH": 1}
"""xAI's names of tools, and the numbers that its messages have for them."""


def paths(*texts: str) -> tuple[Path, ...]:
    """Return paths as `get_path` wants them, from "a.b" and the like.

    `*` stands for every item of a list (or value of a dict), `^` for the first, `@AUDIO` for the tokens of that
    modality in one of Google's lists (`@IMAGE+DOCUMENT` for those of both), `#word` for the number of
    items of a list that are of this type or end with this word (`#` for that of its different texts), `?ttl=1h`
    for the items where that is so, `>human` for those after the last of this type, `<human` for the latest of those
    before it.

    >>> get_path({"a": [{"b": 1}, {"b": 2}]}, *paths("a.*.b"))
    [1, 2]
    """
    made = tuple(tuple(text.split(".")) if text else () for text in texts)
    for path in made:
        for key in path:
            if key[0] not in OPERATORS:
                watch(key)
    return made


def first(source: object, alternatives: tuple[Path, ...]) -> Any:
    """Return what the first path that leads anywhere leads to."""
    for path in alternatives:
        found = get_path(source, path)
        if found is not None:
            return found
    return None


def get_path(source: Any, path: Path) -> Any:
    """Return what is at the end of `path`, or None."""
    for position, key in enumerate(path):
        if type(source) is dict and key[0] not in OPERATORS:
            source = source.get(key)
        elif source is None:
            return None
        elif key[0] not in OPERATORS:
            source = safe_getattr(source, key)
        elif key == "*":
            rest = path[position + 1 :]
            return [item for each in _items(source) if (item := get_path(each, rest)) is not None] or None
        else:
            source = _operate(source, key[0], key[1:])
    return source


def _operate(source: Any, operator: str, operand: str) -> Any:
    if operator == "^":
        return next(iter(_items(source)), None)
    if operator == "@":
        return _modality(source, operand)
    if operator == "#":
        return _count(source, operand)
    if operator == ">":
        return _split(source, operand)[1]
    if operator == "<":
        return _split(source, operand)[0][-_MOST_BEFORE:]
    name, _, value = operand.partition("=")
    return [each for each in _items(source) if safe_getattr(each, name) == value]


def safe_getattr(source: Any, key: str) -> Any:
    """Return one attribute or item, without ever asking an object for something that it does not have.

    A failing lookup on a pydantic model costs a microsecond, so its class is asked first, once.
    """
    try:
        known = CLASSES.get(type(source)) or class_info(type(source))
        own = known.own(source) if known.own is not None else None
        if own and key in own:
            value = own[key]
        elif known.more == "mapping":
            value = known.get(source, key)
        elif key in known.names or known.more == "any":
            value = getattr(source, key, None)
        elif known.more == "pydantic":
            value = (source.__pydantic_extra__ or {}).get(key)
        else:
            return safe_getattr(source.__wrapped__, key) if known.more == "wrapped" else None
        return _called(source, key, value) if isinstance(value, FUNCTIONS) else value
    except BaseException as error:  # raised by a property or a method of the object's own: there is nothing to read
        pass_on(error)
        if interrupted(error):
            raise
        return None


def _called(source: Any, key: str, method: Any) -> Any:
    """Return what a method gives where it is an SDK's other word for an attribute; others are not called."""
    return method() if CALLED.get(key) == type(source).__module__.partition(".")[0] else method


def _items(source: Any) -> Any:
    if type(source) is list:  # as most are: to ask an abstract class takes ten times as long
        return source
    if isinstance(source, Mapping):
        return source.values()
    return source if isinstance(source, Sequence) and not isinstance(source, str | bytes) else ()


def _modality(source: Any, name: str) -> int | None:
    """Add up the tokens of one modality; None where the list does not name it."""
    total = None
    spellings = _spellings(name)
    for each in _items(source):
        kind = safe_getattr(each, "modality")
        kind = kind.value if isinstance(kind, Enum) else kind
        if kind in spellings:
            tokens = first(each, (("tokenCount",), ("token_count",), ("tokens",)))
            total = (total or 0) + (tokens if type(tokens) is int else 0)
    return total


@lru_cache(maxsize=16)
def _spellings(names: str) -> tuple[str | int, ...]:
    # A tuple only compares: what an answer calls its modality need not be hashable.
    return tuple(each for name in names.split("+") for each in (name, name.lower(), _MODALITIES[name]))


def _split(source: Any, kind: str) -> tuple[list[Any], list[Any]]:
    """Return the items before and after the last of this type."""
    items = list(_items(source))
    last = max((n for n, each in enumerate(items) if first(each, _ROLES) == kind), default=-1)
    return items[: max(0, last)], items[last + 1 :]


def _count(source: Any, word: str) -> int | None:
    """Count the items of a list; a search that is only a page opened or looked through is none."""
    found = 0
    if not word:
        return len({each for each in _items(source) if isinstance(each, str) and each.strip()}) or None
    for each in _items(source):
        kind = each if isinstance(each, str | int) else get_path(each, ("type",))
        if (type(kind) is int and kind == _TOOLS.get(word)) or (
            isinstance(kind, str) and kind.endswith(word) and get_path(each, ("action", "type")) in (None, "search")
        ):
            found += 1
    return found or None
