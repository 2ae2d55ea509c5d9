"""Rows of a table, each a name and a path, looked up in an answer all at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pepperpy_obs.usage.get_path import OPERATORS, Path, get_path, safe_getattr
from pepperpy_obs.usage.object_shape import ObjectShape, object_shape_of, own_of

__all__ = ["PathTable", "own_key", "reachable"]

_Row = tuple[str, Path]
_MOST: Final = 4096


class _Plan(NamedTuple):
    """How rows are found in one object shape."""

    leaves: tuple[tuple[str, str], ...]
    """Names, and keys of the object's own."""
    branches: tuple[tuple[str, bool, PathTable], ...]
    """Keys, whether they are the object's own, and the paths below them."""
    heads: tuple[tuple[Path, PathTable], ...]
    """Paths into the first of a list, which most answers do not have, and what is looked for below them."""
    rest: tuple[_Row, ...]
    """What has to be dug for."""


_NOTHING: Final = _Plan((), (), (), ())


class PathTable:
    """Names, each with the paths to its value, the first of which that leads anywhere is followed.

    What paths have in common is walked once, and paths that an object shape does not have are not tried.
    """

    __slots__ = ("_rows",)

    def __init__(self, rows: Iterable[_Row]) -> None:
        self._rows = tuple(rows)

    def of(self, source: Any, object_shape: ObjectShape) -> dict[str, Any]:
        """Return what `source`, of this object shape, has: by name, as it is there."""
        plan = object_shape.cache.get(self) or self.plan(object_shape)
        found: dict[str, Any] = {}
        if plan is not _NOTHING:
            _follow(plan, source, found)
        return found

    def plan(self, object_shape: ObjectShape) -> _Plan:
        """Work out how the rows are found in an object shape, and remember it there."""
        rows = [row for row in self._rows if reachable(object_shape, row[1])]
        ways: dict[str, set[tuple[str, bool, bool]]] = defaultdict(set)
        for name, path in rows:
            ways[name].add((path[0], len(path) > 1, _is_headed(path)))
        leaves: list[tuple[str, str]] = []
        branches: dict[str, list[_Row]] = {}
        heads: dict[Path, list[_Row]] = {}
        rest: list[_Row] = []
        for name, path in rows:
            key, further = path[0], path[1:]
            if len(ways[name]) > 1 or key not in object_shape.names:  # alternatives have an order
                rest.append((name, path))
            elif _is_headed(path):
                heads.setdefault(path[:-1], []).append((name, path[-1:]))
            elif further:
                branches.setdefault(key, []).append((name, further))
            elif key in object_shape.own:
                leaves.append((name, key))
            else:
                rest.append((name, path))
        below = tuple((key, key in object_shape.own, _rows(tuple(each))) for key, each in branches.items())
        headed = tuple((head, _rows(tuple(each))) for head, each in heads.items())
        plan = object_shape.cache[self] = _Plan(tuple(leaves), below, headed, tuple(rest)) if rows else _NOTHING
        return plan


def _follow(plan: _Plan, source: Any, found: dict[str, Any]) -> None:
    leaves, branches, heads, rest = plan
    own = own_of(source)
    for name, key in leaves:
        value = own.get(key)  # another thread may have taken it out since
        if value is not None:
            found[name] = value
    for key, is_at_hand, below in branches:
        value = own.get(key) if is_at_hand else safe_getattr(source, key)
        if value is not None:
            object_shape = object_shape_of(value)
            inner = object_shape.cache.get(below) or below.plan(object_shape)
            if inner is not _NOTHING:
                _follow(inner, value, found)
    if heads:
        _follow_heads(heads, source, found)
    for name, path in rest:
        if name not in found and (value := get_path(source, path)) is not None:
            found[name] = value


def _follow_heads(heads: tuple[tuple[Path, PathTable], ...], source: Any, found: dict[str, Any]) -> None:
    for head, below in heads:
        value = get_path(source, head)
        if value is not None:
            for name, each in below.of(value, object_shape_of(value)).items():
                found.setdefault(name, each)


def _is_headed(path: Path) -> bool:
    """Tell whether a path leads into the first item of a list, and further."""
    return len(path) > 2 and path[1] == "^"


def reachable(object_shape: ObjectShape, path: Path) -> bool:
    """Tell whether something of this object shape may have what the path leads to."""
    return not path or path[0] in object_shape.names or path[0][0] in OPERATORS


def own_key(object_shape: ObjectShape, path: Path) -> str | None:
    """Return the only key of a path if what it leads to is got by one look at `own_of` the source."""
    return path[0] if len(path) == 1 and path[0] in object_shape.own else None


@lru_cache(_MOST)
def _rows(rows: tuple[_Row, ...]) -> PathTable:
    return PathTable(rows)
