"""What is looked at in place of an answer that would answer to any name: the little that it is asked for, as a dict."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from pepperpy_obs._guard import pass_on
from pepperpy_obs.usage.class_info import CLASSES, WATCHED, class_info
from pepperpy_obs.usage.get_path import safe_getattr

__all__ = ["held", "view_of"]

_USAGE: Final = ("usage", "usage_metadata")
_BESIDE: Final = (
    *("type", "id", "response_id", "model", "model_version", "model_name", "service_tier"),
    *("object", "choices", "candidates", "output"),
)
"""What is asked for as well, where there is usage."""
_NONE: Final = "no_answer_has_this"


def view_of(answer: Any) -> Any:
    """Return an answer itself, what a proxy of wrapt holds or, of an object with a `__getattr__`, what it has.

    Such an object may load something for each name that it is asked for, so it is asked for usage, and only if
    it has some for a few names more. A mock has everything, and all of it means nothing.
    """
    if type(answer) is dict:
        return answer
    try:
        known = CLASSES.get(type(answer)) or class_info(type(answer))
        if known.more != "any":
            return view_of(answer.__wrapped__) if known.more == "wrapped" else answer
        own = known.own(answer) if known.own is not None else None
    except Exception as error:  # a class of the user's that cannot be remembered
        pass_on(error)
        return answer
    view = {name: value for name, value in own.items() if name in WATCHED} if own else {}
    if view.keys().isdisjoint(_USAGE):
        _look_for(answer, (*known.offered, *_USAGE), view)
    if not view.keys().isdisjoint(_USAGE):
        _look_for(answer, _BESIDE, view)
        return {} if safe_getattr(answer, _NONE) is not None else view
    return view


def held(node: Any) -> Any:
    """Return what a proxy of wrapt holds; anything else as it is."""
    try:
        known = CLASSES.get(type(node)) or class_info(type(node))
    except Exception as error:  # a class of the user's that cannot be remembered
        pass_on(error)
        return node
    return node.__wrapped__ if known.more == "wrapped" else node


def _look_for(answer: Any, names: Iterable[str], view: dict[str, Any]) -> None:
    for name in names:
        if name not in view and (value := safe_getattr(answer, name)) is not None:
            view[name] = value
