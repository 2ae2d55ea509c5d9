"""How figures of two processes become those of both. Each rule is associative and commutative."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

__all__ = ["added", "chosen", "merged"]

Key = TypeVar("Key", bound=Hashable)


def added(one: Mapping[Key, int], other: Mapping[Key, int]) -> dict[Key, int]:
    """Return the sum of each name."""
    sums = Counter(one)
    sums.update(other)
    return dict(sums)


def merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each name has, merged where both have it."""
    both = {name: one[name].merge(other[name]) for name in one.keys() & other.keys()}
    return {**one, **other, **both}


def chosen(one: int | None, other: int | None, choose: Callable[[int, int], int]) -> int | None:
    """Return the one that is known, or what `choose` makes of both."""
    return other if one is None else one if other is None else choose(one, other)
