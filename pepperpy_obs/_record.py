"""The compact record that a call leaves behind, and the facts of the operation that it was a call of.

A record is a plain list, because a list display is the cheapest mutable object that CPython
can make, and it is made on every call. It enters the buffer when the call starts and is
complete once its `END` is set, which is therefore always written last: the drain keeps
records without one as "in flight", so that active calls are known at no cost to the caller.
What a failing call writes down (`ERROR`, `END`) needs no call of Python code, which may not be
possible any more where a stack has overflowed.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pepperpy_obs.events import ALERT_CHANGED, CACHE_LOOKED_UP, METRIC_RECORDED, OPERATION_FINISHED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from pepperpy_obs.events import Kind, Level

__all__ = [
    "CALLER",
    "EARLIER",
    "END",
    "ERROR",
    "MADE",
    "MOVED",
    "NOTES",
    "PRICED",
    "SPAN",
    "SPEC",
    "START",
    "Around",
    "Elsewhere",
    "Identity",
    "Notes",
    "Record",
    "SpanFacts",
    "Spec",
    "blank",
    "identity_of",
    "notes_of",
]

Record = list[Any]
Identity = tuple[int, Any]
"""The address of an object, and a weak reference to it if it allows for one: an address may be used again."""

PRICED: Final = "_priced"
"""Key of an event that is to be priced; the chain takes it out."""

EARLIER: Final = "_earlier"
"""Key of the requests that an answer tells of and that may be of its call or of one before; the link that counts takes
them out. `MADE` is the key of the time at which such a request was answered, in epoch ms, where that is known."""
MADE: Final = "_made"

SPAN: Final = "_span"
"""Key of the `SpanFacts` of an event that was another instrumentation's span; the link that counts takes them out."""

_REFERENCES: Final[Callable[[Any], int]] = type.__dict__["__weakrefoffset__"].__get__

MOVED: Final = "\0"
"""Begins a name of the user's that is ours by meaning; the event has it under another, when all names are known."""

SPEC: Final = 0
"""The `Spec` of the operation; None in a record that only stands for a caller elsewhere."""
CALLER: Final = 1
"""The record of the calling call or None; once it was asked for, its own `SpanContext`, a tuple."""
START: Final = 2
END: Final = 3
"""Both in ns of the monotonic clock; `END` is None while the call is in flight."""
NOTES: Final = 4
"""`Notes`, or None for the many calls that have none."""
ERROR: Final = 5
"""The class of the exception that ended the call, or None."""


class SpanFacts(NamedTuple):
    """From which instrumentation a span came, and when it began and ended, in epoch ns."""

    scope: str
    start: int
    end: int
    above: str | None = None
    """The span that it is counted below: spans that make no event are passed over."""


class Notes:
    """What only some calls have: an answer, the user's fields, a stream's progress, a cache lookup."""

    __slots__ = ("answer", "asked", "cache", "cache_hit", "captured", "fields", "first", "items", "pieces")

    def __init__(self) -> None:
        self.captured: object = None
        self.pieces: Any = None
        """The stream of which `record_usage` was given the chunks, if it was."""
        self.answer: Identity | None = None
        """That of the object that was returned, to know it again where it is returned further."""
        self.asked: str | None = None
        """The model that the call's own argument names."""
        self.fields: dict[str, Any] = {}
        self.first: int | None = None
        self.items: int | None = None
        self.cache: str | None = None
        self.cache_hit = False

    @property
    def untold(self) -> bool:
        """Whether no usage is known yet, names at most."""
        return self.captured is None or getattr(self.captured, "countless", False)


class Around:
    """The notes of a block that is no call, but puts fields on every call inside."""

    __slots__ = ("block", "call", "fields")

    def __init__(self, call: Record | None, fields: Mapping[str, Any], block: object = None) -> None:
        self.block = block
        """What takes the events of the calls inside, in a test."""
        self.call = call
        """The record of the call that the block stands in."""
        self.fields = fields


class Elsewhere:
    """The notes of a record that stands for a span of another tracing: calls inside are its children."""

    __slots__ = ("call",)

    def __init__(self, call: Record | None) -> None:
        self.call = call
        """What was current when the span became so: to the code inside that is still the running call."""


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """The facts of one operation, settled when it is decorated and shared by all of its calls."""

    operation: str
    kind: Kind = "task"
    event: str = OPERATION_FINISHED
    agent: str | None = None
    provider: str | None = None
    model: str | None = None
    asked: Callable[..., object] | None = None
    """Reads the model that a call asks for from its arguments."""
    tracked: bool = False
    priced: bool = False
    usage: Callable[[Any], object] | None = None
    budget: Decimal | None = None
    level: Level | None = None
    expected: tuple[type[BaseException], ...] = ()
    """Exceptions that are no errors of its calls."""
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    silent: bool = False
    """Only marks a stretch of a trace (an agent's block): no event is made of it."""
    base: dict[str, Any] = field(init=False)
    """What all events of the operation have in common, in the order in which a reader wants the keys."""

    plain: bool = field(init=False)
    """Whether a call of it has no account by itself and changes nothing for those below: no answer, agent or budget."""
    uniform: bool = field(init=False)
    """Whether events of its calls differ in their times and ids only, unless something happens in them."""

    traced: bool = field(init=False)
    """Whether it belongs to a trace even without a caller; a lone metric or cache lookup, or mere fields, do not."""

    def __post_init__(self) -> None:
        alone = self.event in {METRIC_RECORDED, CACHE_LOOKED_UP, ALERT_CHANGED} or (self.silent and self.agent is None)
        object.__setattr__(self, "traced", not alone)
        bare = not self.credited and self.budget is None and not self.silent
        object.__setattr__(self, "plain", bare and not self.tracked)
        finishes = self.event == OPERATION_FINISHED and not self.silent
        fixed = all(isinstance(value, str | int | float | None) for value in self.attributes.values())
        object.__setattr__(self, "uniform", finishes and fixed)
        base: dict[str, Any] = {"timestamp": "", "level": self.level or "info", "event": self.event, "event_id": ""}
        if self.event == OPERATION_FINISHED:
            base |= {"operation": self.operation, "kind": self.kind, "outcome": "ok", "duration_seconds": 0.0}
        elif self.operation:
            base |= {"operation": self.operation, "kind": self.kind}
        given = {"agent": self.credited, "provider": self.provider, "model": self.model, "budget_usd": self.budget}
        base |= {key: value for key, value in given.items() if value is not None}
        if self.priced:
            base[PRICED] = True
        object.__setattr__(self, "base", base | dict(self.attributes))

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process as what it was made of: `base` and `usual` are made there, of that process's words."""
        made = {one.name: getattr(self, one.name) for one in fields(self) if one.init and one.name != "event"}
        return _remade, (made,)

    @property
    def may_ask(self) -> bool:
        """Whether its calls may be requests, so that an argument which bears a model's name is one."""
        return self.model is None and (self.tracked or self.kind == "llm" or self.provider is not None)

    @property
    def credited(self) -> str | None:
        """The agent that calls below this one are credited to, if it names one."""
        return self.agent or (self.operation if self.kind == "agent" else None)


def _remade(facts: dict[str, Any]) -> Spec:
    return Spec(**facts)


def blank(spec: Spec | None, parent: Record | None) -> Record:
    """Return the record of a call that is about to start (the wrappers write this list out by hand)."""
    return [spec, parent, 0, None, None, None]


def identity_of(answer: object) -> Identity:
    """Return the identity of an answer; nothing keeps the answer alive."""
    # Of a dict, a list or a text there are none: to be refused takes four times as long as to ask.
    return id(answer), weakref.ref(answer) if _REFERENCES(type(answer)) else None


def notes_of(record: Record) -> Notes:
    """Return the notes of `record`, made on first use."""
    notes: Notes | None = record[NOTES]
    if notes is None:
        notes = record[NOTES] = Notes()
    return notes
