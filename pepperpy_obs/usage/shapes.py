"""What a shape and a place are, and how it is found out whether a node has a shape. The rows are in `table`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal

from pepperpy_obs.usage.get_path import FUNCTIONS, Path, first, get_path
from pepperpy_obs.usage.object_shape import ObjectShape, own_of
from pepperpy_obs.usage.path_table import PathTable, own_key, reachable

__all__ = ["LONGEST_NAME", "Match", "Matcher", "Merge", "Shape", "UsagePath", "by_name", "small", "word"]

Rule = Literal[
    "inclusive",
    "cache_apart",
    "thoughts_apart",
    "reasoning_apart",
    "by_total",
    "only_total",
    "speech_and_text",
]
Merge = Literal["last", "overwrite", "most", "add"]
End = Literal["usage", "choices", "beside", "candidates", "message_delta", "run", "flag"]

LONGEST_NAME: Final = 256
_LONGEST_NUMBER: Final = 32
_NOT_SAID: Final = "NotGiven"
"""In place of a method: pydantic-ai's answers have one that works out a price."""


def by_name(rows: Mapping[str, tuple[Path, ...]]) -> Iterator[tuple[str, Path]]:
    """Yield the rows of a mapping from names to alternative paths, one row a path."""
    return ((name, path) for name, paths in rows.items() for path in paths)


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
    earlier: tuple[Path, ...] = ()
    """Requests that may be of this call or of one before: what an answer tells of the conversation so far."""
    ids: tuple[Path, ...] = ()
    """What tells the answer by, where it is not its `id`."""
    aggregate: bool = False
    anonymous: bool = False
    """Its ids are the framework's own, and say nothing of the provider's answer."""
    shared: bool = False
    """The total may be of a run around this one as well: both count in one object."""
    refine: Callable[[Any, list[Any]], None] | None = None
    """Tells the entries what only the answer as a whole knows of them."""
    numerals: bool = False
    """Numbers may come as text: HTTP headers."""
    facts: PathTable = field(init=False, repr=False, compare=False)
    beside: PathTable | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", PathTable(by_name(self.counts)))
        object.__setattr__(self, "beside", PathTable(by_name(self.around)) if self.around else None)


class Matcher:
    """What a node of one object shape has to be asked to know whether it has a shape: what its names do not tell."""

    __slots__ = ("_all", "_any", "_key", "_lacks", "_typed", "possible", "shape")

    def __init__(self, shape: Shape, object_shape: ObjectShape) -> None:
        self.shape = shape
        self._any: tuple[Path, ...] | None = _within(object_shape, shape.any)
        self._all = shape.all
        self._lacks = _within(object_shape, shape.lacks)
        typed = shape.counts["input_tokens"] + shape.counts["output_tokens"] if shape.types else ()
        self._typed = _within(object_shape, typed)
        if (shape.any and not self._any) or _within(object_shape, shape.all) != shape.all:
            self._any = None
        self._key = own_key(object_shape, self._any[0]) if self._any else None
        self.possible = self._any is not None or bool(self._typed)

    def fits(self, node: Any, owner: Any, place: str) -> bool:
        """Tell whether `node`, found at `place` within `owner`, has the shape."""
        shape = self.shape
        if shape.places and place not in shape.places:
            return False
        if shape.types and get_path(owner, ("type",)) in shape.types:
            return first(node, self._typed) is not None
        if self._any is None:
            return False
        if (self._key is None or own_of(node).get(self._key) is None) and self._any and first(node, self._any) is None:
            return False
        for path in self._all:
            if get_path(node, path) is None:
                return False
        return not self._lacks or first(node, self._lacks) is None


def _within(object_shape: ObjectShape, paths: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(path for path in paths if reachable(object_shape, path))


@dataclass(frozen=True, slots=True)
class UsagePath:
    """Where usage may stand in an answer, and where the names that go with it do."""

    path: Path
    owner: Path = ()
    tier: str | None = None
    """The service tier that being here implies."""
    merge: Merge | None = None
    beside: str | None = None
    """A name that the answer must have, too."""
    name: str = field(init=False)
    """The path as text, by which shapes name it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", ".".join(self.path))


@dataclass(slots=True)
class Match:
    """A usage node, with its shape, its place and what stands around it."""

    shape: Shape
    place: UsagePath
    node: Any
    owner: Any
    object_shape: ObjectShape
    """The node's."""


def word(value: Any, longest: int = LONGEST_NAME) -> str | None:
    """Return a non-empty text of bearable length, from a text or an enum of texts; else None."""
    if type(value) is str and 0 < len(value) <= longest:
        return value
    if isinstance(value, Enum):
        value = value.value
    return str(value) if isinstance(value, str) and 0 < len(value) <= longest else None


def small(value: Any) -> Any:
    """Return a number or a short word; for anything else the name of its type, which is no number either."""
    if isinstance(value, bool | int | float | Decimal):
        return value
    if isinstance(value, list):
        numbers = [each for each in value if isinstance(each, int | float | Decimal) and not isinstance(each, bool)]
        return sum(numbers) if len(numbers) == len(value) else "list"
    if isinstance(value, FUNCTIONS):
        return _NOT_SAID
    return word(value, _LONGEST_NUMBER) or type(value).__name__
