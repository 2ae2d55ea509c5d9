"""The answer of a call, whatever it is, reduced to what its usage needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from pepperpy_obs._guard import pass_on
from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.get_path import safe_getattr
from pepperpy_obs.usage.normal import Usage
from pepperpy_obs.usage.numbers import as_money
from pepperpy_obs.usage.object_shape import own_of
from pepperpy_obs.usage.pending import is_pending
from pepperpy_obs.usage.plain import JOB
from pepperpy_obs.usage.same_shape import extract, extract_like
from pepperpy_obs.usage.several import PARSED, REPLY, of_attempts, of_messages, of_models
from pepperpy_obs.usage.shapes import Match
from pepperpy_obs.usage.stream import Stream
from pepperpy_obs.usage.views import view_of
from pepperpy_obs.usage.wire import looks_raw, speaks_of_usage

__all__ = ["capture"]

_NO_ANSWER: Final = (int, float, complex, bool, type(None), range, memoryview)
_MOST_KINDS: Final = 1024
_COST: Final = "x-litellm-response-cost"
"""The header in which the proxy of litellm tells what an answer cost."""


def capture(answer: object) -> Captured | None:
    """Return what `answer` says of its usage, or None if it says nothing of the kind.

    Takes an SDK's object, a dict, raw JSON as text or bytes, the whole text of a stream, a list
    of answers or of a stream's items, an HTTP response whose body has been read, or a finished
    `Usage`. Costs some microseconds; keeps numbers and names only. Raises nothing.
    """
    kind: Any = type(answer)
    try:
        special = _special(kind)
    except Exception as error:  # a metaclass whose classes cannot be remembered
        pass_on(error)
        special = None
    if special is not None:
        return special(answer)
    taken = extract_like(answer)
    if taken is None:
        answer = view_of(answer)
        taken = extract(answer)
    captured, found = taken
    if found is not None:
        return _found(answer, captured, found)
    if is_pending(answer, captured):
        captured.pending = True
        return captured
    response = _response(answer)
    return of_models(answer) if response is None else _from_response(response)


@lru_cache(_MOST_KINDS)
def _special(kind: type[Any]) -> Callable[[Any], Captured | None] | None:
    """Return how answers of a class are read, if not as most are: found out once a class, for it is asked of each."""
    return next((reader for kinds, reader in _SPECIAL if issubclass(kind, kinds)), None)


def _found(answer: Any, captured: Captured, found: Match) -> Captured | None:
    """Return what was found, or what else the answer tells beside it."""
    place = found.place.name
    if place == REPLY:
        return of_messages(answer)
    if place in PARSED:
        return of_attempts(answer, captured)
    if found.shape.name == JOB and is_pending(answer, captured):
        captured.shape, captured.raw, captured.pending = None, {}, True
    return captured


def _response(answer: object) -> dict[str, Any] | None:
    """Return what an HTTP response, or what an SDK wraps around one, consists of, if its body has been read already.

    From where httpx and requests keep it: their `content` would read, and an SDK's `parse()` may have side effects.
    """
    try:
        response = own_of(own_of(answer).get("http_response", answer))
        return response if type(response.get("_content")) is bytes else None
    except Exception as error:  # it has no such dict, or one of its own making
        pass_on(error)
        return None


def _from_response(response: dict[str, Any]) -> Captured | None:
    captured = _from_text(response["_content"])
    if captured is not None and captured.raw and "cost" not in captured.raw:
        cost = safe_getattr(response.get("headers"), _COST)
        if isinstance(cost, str) and as_money(cost)[0] is not None:
            captured.raw = {**captured.raw, "cost": cost}
    return captured


def _from_text(text: str | bytes | bytearray) -> Captured | None:
    if not speaks_of_usage(text):
        return None
    try:
        return capture(json.loads(text))
    except (ValueError, RecursionError):  # not one piece of JSON: a stream's body
        stream = Stream()
        stream.feed(text)
        return stream.captured(whole=True)


def _from_items(items: list[Any] | tuple[Any, ...]) -> Captured | None:
    """Read a list as a stream's items; the ends of a list of something else give it away."""
    if not items or not (_is_raw(items[0]) or _knows(items[0], items[-1])):
        return None
    stream = Stream()
    for item in items:
        stream.feed(item)
    return stream.captured(whole=True)


def _is_raw(item: Any) -> bool:
    return issubclass(type(item), (str, bytes, bytearray)) and looks_raw(item)


def _knows(*items: Any) -> bool:
    stream = Stream()
    for item in items:
        if not issubclass(type(item), _NO_ANSWER):
            stream.feed(item)
    return stream.recognised


_SPECIAL: Final[tuple[tuple[tuple[type[Any], ...], Callable[[Any], Captured | None]], ...]] = (
    (_NO_ANSWER, lambda _: None),
    ((Captured,), lambda answer: answer),
    ((Usage,), Captured.of_user),
    ((str, bytes, bytearray), _from_text),
    ((list, tuple), _from_items),
)
