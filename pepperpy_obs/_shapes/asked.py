"""The model that a call asks for: which of its arguments names it is settled when the wrapper is generated."""

from __future__ import annotations

import inspect
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs._call import as_text
from pepperpy_obs._guard import failed
from pepperpy_obs._record import notes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_obs._record import Record, Spec

__all__ = ["asked_by", "candidates", "note_asked"]

NAMES: Final[tuple[str, ...]] = ("model", "model_id", "modelId", "model_name")
"""What SDKs call the argument; the first one that holds a text wins."""


def candidates(target: Callable[..., Any], spec: Spec, signature: inspect.Signature | None, arguments: str) -> str:
    """Return the source of the arguments that may name the model, as `note_asked` takes them; "" if there are none.

    `signature` is that of the wrapper (None: star arguments), `arguments` how it hands its own on.
    """
    if spec.asked is not None:
        return f"_pp_asked_by(_pp_given, {arguments})"
    if not spec.may_ask:
        return ""
    names, star, stars, before = _own(signature)
    found = [name for name in NAMES if name in names]
    rest = [name for name in NAMES if name not in names]
    if star:
        places = _places(target)
        found += [
            f"*{star}[{at - before}:{at - before + 1}]" for name in rest if (at := places.get(name, -1)) >= before
        ]
    if stars:
        found += [f"{stars}.get({name!r})" for name in rest]
    return ", ".join(found)


def _own(signature: inspect.Signature | None) -> tuple[set[str], str, str, int]:
    """Return the wrapper's own parameters, those for all others (or ""), and how many are taken by position."""
    if signature is None:
        return set(), "args", "kwargs", 0
    kinds = inspect.Parameter
    names, star, stars, before = set[str](), "", "", 0
    for name, parameter in signature.parameters.items():
        if parameter.kind is kinds.VAR_POSITIONAL:
            star = name
        elif parameter.kind is kinds.VAR_KEYWORD:
            stars = name
        else:
            names.add(name)
            before += parameter.kind is not kinds.KEYWORD_ONLY
    return names, star, stars, before


def _places(target: Callable[..., Any]) -> dict[str, int]:
    """Return where the function below foreign wrappers takes its arguments by position."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return {}
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {name: place for place, (name, one) in enumerate(signature.parameters.items()) if one.kind in by_place}


def asked_by(spec: Spec, /, *args: Any, **kwargs: Any) -> object:
    """Return what the operation's own reader makes of the arguments; its failure is ours to count."""
    if spec.asked is None:
        return None
    try:
        return spec.asked(*args, **kwargs)
    except Exception as error:
        failed("model", error)
        return None


def note_asked(record: Record, *values: object) -> None:
    """Note the first value that is a text. What else bears the name (a client, a network) is not looked into."""
    try:
        for value in values:
            if issubclass(type(value), str | Enum):
                text = as_text(value)
                if text:
                    notes_of(record).asked = text
                    return
    except Exception as error:
        failed("model", error)
