"""What a shape and a place are, and how an answer's usage is found by them. The rows are in `table`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal

from pepperpy_obs.usage.dig import Path, dig, first

__all__ = ["Found", "Merge", "Place", "Shape", "collect", "find", "word"]

Rule = Literal["inclusive", "cache_apart", "thoughts_apart", "reasoning_apart", "by_total", "only_total"]
Merge = Literal["last", "overwrite", "most", "add"]
End = Literal["usage", "choices", "candidates", "message_delta", "flag"]

_LONGEST_NAME: Final = 256
_LONGEST_NUMBER: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One way to spell usage.

    A node has this shape if it has one of `any` and all of `all` and none of `lacks`, or if the
    answer around it says it is one of `types`. `counts` says where each fact is, alternatives in
    order; `around` the same for facts that stand in the answer beside the usage. `rule` brings
    the counts into normal form, `merge` says what a later usage of the same stream means, `end`
    how a stream shows that its usage is final.
    """

    name: str
    counts: Mapping[str, tuple[Path, ...]]
    any: tuple[Path, ...] = ()
    all: tuple[Path, ...] = ()
    lacks: tuple[Path, ...] = ()
    types: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    rule: Rule = "inclusive"
    merge: Merge = "last"
    end: End = "usage"
    provider: str | None = None
    around: Mapping[str, tuple[Path, ...]] = field(default_factory=dict[str, tuple[Path, ...]])
    entries: tuple[Path, ...] = ()
    aggregate: bool = False
    numerals: bool = False
    """Numbers may come as text: HTTP headers."""

    def fits(self, node: Any, owner: Any, place: str) -> bool:
        """Tell whether `node`, found at `place` within `owner`, has this shape."""
        if self.places and place not in self.places:
            return False
        if self.types and dig(owner, ("type",)) in self.types:
            return first(node, self.counts["input_tokens"] + self.counts["output_tokens"]) is not None
        if self.any and first(node, self.any) is None:
            return False
        if not self.any and not self.all:
            return False
        return all(dig(node, path) is not None for path in self.all) and first(node, self.lacks) is None


@dataclass(frozen=True, slots=True)
class Place:
    """Where usage may stand in an answer, and where the names that go with it do."""

    path: Path
    owner: Path = ()
    tier: str | None = None
    """The service tier that being here implies."""
    merge: Merge | None = None

    @property
    def name(self) -> str:
        """The path as text, by which shapes name it."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Found:
    """A usage node, with its shape, its place and what stands around it."""

    shape: Shape
    place: Place
    node: Any
    owner: Any


def find(answer: Any, places: tuple[Place, ...], shapes: tuple[Shape, ...]) -> Found | None:
    """Return the usage of `answer`, at the first place where there is one of a known shape."""
    for place in places:
        path = place.path
        if not path:
            node = answer
        else:
            # Most places are not there: one look-up settles it.
            top = answer.get(path[0]) if type(answer) is dict else dig(answer, path[:1])
            if top is None:
                continue
            node = dig(top, path[1:])
            if isinstance(node, list):
                node = node[0]
            if node is None:
                continue
        owner = dig(answer, place.owner)
        for shape in shapes:
            if shape.fits(node, owner, place.name):
                return Found(shape, place, node, owner)
    return None


def collect(found: Found, answer: Any) -> dict[str, Any]:
    """Return what the usage says under the names of the normal form, unchecked, as plain small values."""
    raw: dict[str, Any] = {}
    for name, value in _values(found, answer):
        if value is not None:
            raw[name] = _small(value)
    return raw


def _values(found: Found, answer: Any) -> Iterator[tuple[str, Any]]:
    for name, alternatives in found.shape.counts.items():
        yield name, first(found.node, alternatives)
    for name, alternatives in found.shape.around.items():
        if (value := first(found.owner, alternatives)) is None:
            value = first(answer, alternatives)
        yield name, value


def _small(value: Any) -> Any:
    """Return a number or a short word; for anything else the name of its type, which is no number either."""
    if isinstance(value, bool | int | float | Decimal):
        return value
    if isinstance(value, list):
        numbers = [each for each in value if isinstance(each, int | float | Decimal) and not isinstance(each, bool)]
        return sum(numbers) if len(numbers) == len(value) else "list"
    return word(value, _LONGEST_NUMBER) or type(value).__name__


def word(value: Any, longest: int = _LONGEST_NAME) -> str | None:
    """Return a non-empty text of bearable length, from a text or an enum of texts; else None."""
    if isinstance(value, Enum):
        value = value.value
    return str(value) if isinstance(value, str) and 0 < len(value) <= longest else None
