"""The options of an operation: what is accepted, and what is said about the rest."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from numbers import Number
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, TypedDict, get_args
from uuid import UUID

from pepperpy_obs._call import own_names
from pepperpy_obs._record import Spec
from pepperpy_obs.errors import SetupError
from pepperpy_obs.events import Kind, Level

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BlockOptions", "CallOptions", "Options", "checked_fields", "make_spec"]

_PLAIN: Final = (str, bytes, Number, UUID, Enum, date, time, timedelta, PurePath)
_DEEPEST: Final = 8


class _Common(TypedDict, total=False):
    kind: Kind
    """agent, llm, tool or task; default: llm if usage is tracked, else task."""
    agent: str
    """The agent to credit, for this call and those below it."""
    usage: Callable[[Any], object]
    """Reads the usage from the result (of each item, for streams): returns an answer, a dict or None."""
    attributes: Mapping[str, Any]
    """Fields that every event of the operation carries."""
    budget: Decimal | str | int
    """US dollars that one call may cost with all below it; past that its event says `over_budget`."""
    level: Level
    """The level of its events; default: info, warning or error by outcome."""
    expected: type[BaseException] | tuple[type[BaseException], ...]
    """Exceptions that are no errors: a call that raises one is `ok`, and its event names it (`raised`)."""


class CallOptions(_Common, total=False):
    """What `record_call` accepts beside the provider and the operation."""

    model: str
    """The model that is asked; wins over what the answer says, which stays in `response_model`."""


class BlockOptions(CallOptions, total=False):
    """What `measure` accepts beside the operation."""

    provider: str
    """The provider; wins over the name in the answer, and over the one that its shape implies."""


class Options(_Common, total=False):
    """What `@measured`, `@tracked_usage` and `@costed` accept, all by keyword."""

    operation: str
    """The name to count under; default: the function's qualified name."""
    provider: str
    """The provider; wins over the name in the answer, and over the one that its shape implies."""
    model: str | Callable[..., str | None]
    """The model that is asked, or a function of the call's arguments that names it; wins over what the answer says.

    Default: the argument called `model`, `model_id`, `modelId` or `model_name` of calls that may be requests.
    """


def make_spec(
    name: str,
    options: Mapping[str, Any],
    *,
    facets: frozenset[str] = frozenset(),
    where: str = "measure",
    takes_arguments: bool = False,
) -> Spec:
    """Return the facts of an operation; raises SetupError for an option that is unknown or of the wrong kind."""
    _refuse_unknown(options, where)
    tracked = "usage" in facets or "usage" in options
    model: Any = options.get("model")
    asked: Callable[..., object] | None = None
    if takes_arguments and callable(model):
        model, asked = None, model
    for key in ("operation", "agent", "provider", "model"):
        value = model if key == "model" else options.get(key)
        if value is not None and (not isinstance(value, str) or not value):
            msg = f"{where}: {key}={value!r}; give a text that is not empty"
            raise SetupError(msg)
    _one_of("kind", options.get("kind"), get_args(Kind), where)
    _one_of("level", options.get("level"), get_args(Level), where)
    usage = options.get("usage")
    if usage is not None and not callable(usage):
        msg = f"{where}: usage={usage!r}; give a function that takes the result and returns an answer, a dict or None"
        raise SetupError(msg)
    return Spec(
        options.get("operation") or name,
        kind=options.get("kind") or ("llm" if tracked else "task"),
        agent=options.get("agent"),
        provider=options.get("provider"),
        model=model,
        asked=asked,
        tracked=tracked,
        priced="cost" in facets,
        usage=usage,
        budget=_money(options.get("budget"), where),
        level=options.get("level"),
        expected=_expected(options.get("expected"), where),
        attributes=_attributes(options.get("attributes"), where),
    )


def _refuse_unknown(options: Mapping[str, Any], where: str) -> None:
    known = sorted(Options.__optional_keys__)
    for key in options:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]}=?" if near else ""
            msg = f"{where}: unknown option {key}={options[key]!r}; accepted are {', '.join(known)}{hint}"
            raise SetupError(msg)


def _one_of(key: str, value: object, accepted: tuple[str, ...], where: str) -> None:
    if value is not None and value not in accepted:
        msg = f"{where}: {key}={value!r}; accepted are {', '.join(accepted)}"
        raise SetupError(msg)


def _expected(value: object, where: str) -> tuple[type[BaseException], ...]:
    given: tuple[object, ...] = () if value is None else value if isinstance(value, tuple) else (value,)
    found = tuple(one for one in given if isinstance(one, type) and issubclass(one, BaseException))
    if len(found) != len(given):
        msg = f"{where}: expected={value!r}; give a class of exceptions, or a tuple of them"
        raise SetupError(msg)
    return found


def _money(value: object, where: str) -> Decimal | None:
    if value is None:
        return None
    money = None
    if isinstance(value, Decimal | str | int) and not isinstance(value, bool):
        with suppress(InvalidOperation):
            money = Decimal(value)
    if money is None or not money.is_finite() or money <= 0:
        msg = f"{where}: budget={value!r}; give US dollars above zero as a Decimal, an int or a text such as '0.25'"
        raise SetupError(msg)
    return money


def _attributes(value: object, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        msg = f"{where}: attributes={value!r}; give a mapping of names to values"
        raise SetupError(msg)
    return checked_fields(value, where)


def checked_fields(
    fields: Mapping[str, object], where: str, *, refused: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return the fields, each with a name that is free and a value that a log has a word for; else SetupError."""
    moved = sorted((fields.keys() - own_names(fields).keys()) | (fields.keys() & refused))
    if moved:
        msg = f"{where}: attributes {', '.join(moved)} would overwrite facts of the event; choose other names"
        raise SetupError(msg)
    for name, value in fields.items():
        if not _is_plain(value):
            advice = (
                "it is called for no event: call it here, or use current_call().add() in the call"
                if callable(value)
                else "give a text, a number, a date, an id, or a list or dict of such; str() makes a text of it"
            )
            msg = f"{where}: attribute {name}={value!r} is a {type(value).__name__}; {advice}"
            raise SetupError(msg)
    return dict(fields)


def _is_plain(value: object, depth: int = 0) -> bool:
    """Return whether the log has a word for a value."""
    if value is None or isinstance(value, _PLAIN):
        return True
    if is_dataclass(value):
        return not isinstance(value, type)
    if depth >= _DEEPEST:
        return False
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and _is_plain(one, depth + 1) for name, one in value.items())
    return isinstance(value, list | tuple | set | frozenset | deque) and all(_is_plain(one, depth + 1) for one in value)
