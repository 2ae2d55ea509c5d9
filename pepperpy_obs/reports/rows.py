"""Rows of a report that are made when they are asked for.

Ten thousand rows at once are as many objects for the interpreter's collector to look at: it holds the interpreter lock
for 60 ms meanwhile. A row that is made, written and let go of costs it nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

__all__ = ["Rows"]

Row = TypeVar("Row")


class Rows(Mapping[str, Row], Generic[Row]):
    """The rows of a table by name, in the order of `names`; equal to any mapping of equal rows."""

    __slots__ = ("_make", "_names")

    def __init__(self, names: Mapping[str, Any], make: Callable[[str, Any], Row]) -> None:
        self._names = names
        self._make = make

    def __getitem__(self, name: str) -> Row:
        return self._make(name, self._names[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def largest(self, most: int, size: Callable[[Any], float]) -> Rows[Row]:
        """Return the `most` rows that are made of what has the greatest `size`, the greatest first."""
        names = sorted(self._names, key=lambda name: (-size(self._names[name]), name))[:most]
        return Rows({name: self._names[name] for name in names}, self._make)

    def __repr__(self) -> str:
        return repr(dict(self))
