"""What a shape and a place are, and what of them is worth trying on an answer. The rows are in `table`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Generic, Literal, TypeVar

from pepperpy_obs.usage.dig import Path, dig, first

__all__ = ["Choice", "Found", "Merge", "Place", "Shape", "by_name", "word"]

Rule = Literal["inclusive", "cache_apart", "thoughts_apart", "reasoning_apart", "by_total", "only_total"]
Merge = Literal["last", "overwrite", "most", "add"]
End = Literal["usage", "choices", "candidates", "message_delta", "run", "flag"]
T = TypeVar("T")

_LONGEST_NAME: Final = 256
_MOST_SIGNATURES: Final = 1024


class Choice(Generic[T]):
    """Rows of a table, each with the names of which it needs one; asked for those that a signature allows.

    Answers of one kind have one signature, so the choice is made once a kind, not once an answer.
    """

    __slots__ = ("_chosen", "_rows")

    def __init__(self, rows: Iterable[tuple[T, frozenset[str]]]) -> None:
        """A row that needs no name is always chosen."""
        self._rows = tuple(rows)
        self._chosen: dict[frozenset[str], tuple[T, ...]] = {}

    def of(self, signature: frozenset[str]) -> tuple[T, ...]:
        """Return the rows worth trying, in the order of the table."""
        chosen = self._chosen.get(signature)
        if chosen is None:
            chosen = tuple(row for row, names in self._rows if not names or not names.isdisjoint(signature))
            if len(self._chosen) >= _MOST_SIGNATURES:
                self._chosen.clear()
            self._chosen[signature] = chosen
        return chosen


def by_name(rows: Mapping[str, tuple[Path, ...]]) -> Choice[tuple[str, Path]]:
    """Return the rows of a mapping from names to alternative paths, one row a path."""
    return Choice(((name, path), frozenset(path[:1])) for name, paths in rows.items() for path in paths)


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
    ids: tuple[Path, ...] = ()
    """What tells the answer by, where it is not its `id`."""
    aggregate: bool = False
    numerals: bool = False
    """Numbers may come as text: HTTP headers."""
    facts: Choice[tuple[str, Path]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", by_name(self.counts))

    @property
    def needs(self) -> frozenset[str]:
        """The names of which a node of this shape has at least one."""
        by_type = self.counts["input_tokens"] + self.counts["output_tokens"] if self.types else ()
        return frozenset(path[0] for path in (*self.any, *self.all, *by_type))

    def fits(self, node: Any, owner: Any, place: str) -> bool:
        """Tell whether `node`, found at `place` within `owner`, has this shape."""
        if self.places and place not in self.places:
            return False
        if self.types and dig(owner, ("type",)) in self.types:
            return first(node, self.counts["input_tokens"] + self.counts["output_tokens"]) is not None
        if self.any and first(node, self.any) is None:
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
    name: str = field(init=False)
    """The path as text, by which shapes name it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", ".".join(self.path))


@dataclass(frozen=True, slots=True)
class Found:
    """A usage node, with its shape, its place and what stands around it."""

    shape: Shape
    place: Place
    node: Any
    owner: Any


def word(value: Any, longest: int = _LONGEST_NAME) -> str | None:
    """Return a non-empty text of bearable length, from a text or an enum of texts; else None."""
    if isinstance(value, Enum):
        value = value.value
    return str(value) if isinstance(value, str) and 0 < len(value) <= longest else None
