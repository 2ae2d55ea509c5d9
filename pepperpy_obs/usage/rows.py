"""Rows of a table, each a name and a path, looked up in an answer all at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pepperpy_obs.usage.dig import OPERATORS, Path, ask, dig
from pepperpy_obs.usage.layout import Layout, layout_of, own_of

__all__ = ["Rows", "at_hand", "reachable"]

_Row = tuple[str, Path]
_MOST: Final = 4096


class _Plan(NamedTuple):
    """How rows are found in one layout."""

    leaves: tuple[tuple[str, str], ...]
    """Names, and keys that are at hand."""
    branches: tuple[tuple[str, bool, Rows], ...]
    """Keys, whether they are at hand, and what is looked for below them."""
    heads: tuple[tuple[Path, Rows], ...]
    """Paths into the first of a list, which most answers do not have, and what is looked for below them."""
    rest: tuple[_Row, ...]
    """What has to be dug for."""


_NOTHING: Final = _Plan((), (), (), ())


class Rows:
    """Names, each with the paths to its value, the first of which that leads anywhere is followed.

    What paths have in common is walked once, and paths that a layout does not have are not tried.
    """

    __slots__ = ("_rows",)

    def __init__(self, rows: Iterable[_Row]) -> None:
        self._rows = tuple(rows)

    def of(self, source: Any, layout: Layout) -> dict[str, Any]:
        """Return what `source`, of this layout, has: by name, as it is there."""
        plan = layout.chosen.get(self) or self.plan(layout)
        found: dict[str, Any] = {}
        if plan is not _NOTHING:
            _follow(plan, source, found)
        return found

    def plan(self, layout: Layout) -> _Plan:
        """Work out how the rows are found in a layout, and remember it there."""
        rows = [row for row in self._rows if reachable(layout, row[1])]
        ways: dict[str, set[tuple[str, bool, bool]]] = defaultdict(set)
        for name, path in rows:
            ways[name].add((path[0], len(path) > 1, _is_headed(path)))
        leaves: list[tuple[str, str]] = []
        branches: dict[str, list[_Row]] = {}
        heads: dict[Path, list[_Row]] = {}
        rest: list[_Row] = []
        for name, path in rows:
            key, further = path[0], path[1:]
            if len(ways[name]) > 1 or key not in layout.names:  # alternatives have an order
                rest.append((name, path))
            elif _is_headed(path):
                heads.setdefault(path[:-1], []).append((name, path[-1:]))
            elif further:
                branches.setdefault(key, []).append((name, further))
            elif key in layout.own:
                leaves.append((name, key))
            else:
                rest.append((name, path))
        below = tuple((key, key in layout.own, _rows(tuple(each))) for key, each in branches.items())
        headed = tuple((head, _rows(tuple(each))) for head, each in heads.items())
        plan = layout.chosen[self] = _Plan(tuple(leaves), below, headed, tuple(rest)) if rows else _NOTHING
        return plan


def _follow(plan: _Plan, source: Any, found: dict[str, Any]) -> None:
    leaves, branches, heads, rest = plan
    own = own_of(source)
    for name, key in leaves:
        value = own.get(key)  # another thread may have taken it out since
        if value is not None:
            found[name] = value
    for key, is_at_hand, below in branches:
        value = own.get(key) if is_at_hand else ask(source, key)
        if value is not None:
            layout = layout_of(value)
            inner = layout.chosen.get(below) or below.plan(layout)
            if inner is not _NOTHING:
                _follow(inner, value, found)
    if heads:
        _follow_heads(heads, source, found)
    for name, path in rest:
        if name not in found and (value := dig(source, path)) is not None:
            found[name] = value


def _follow_heads(heads: tuple[tuple[Path, Rows], ...], source: Any, found: dict[str, Any]) -> None:
    for head, below in heads:
        value = dig(source, head)
        if value is not None:
            for name, each in below.of(value, layout_of(value)).items():
                found.setdefault(name, each)


def _is_headed(path: Path) -> bool:
    """Tell whether a path leads into the first item of a list, and further."""
    return len(path) > 2 and path[1] == "^"


def reachable(layout: Layout, path: Path) -> bool:
    """Tell whether something of this layout may have what the path leads to."""
    return not path or path[0] in layout.names or path[0][0] in OPERATORS


def at_hand(layout: Layout, path: Path) -> str | None:
    """Return the only key of a path if what it leads to is got by one look at `own_of` the source."""
    return path[0] if len(path) == 1 and path[0] in layout.own else None


@lru_cache(_MOST)
def _rows(rows: tuple[_Row, ...]) -> Rows:
    return Rows(rows)
