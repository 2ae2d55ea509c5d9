"""The answer of a call, whatever it is, reduced to what its usage needs."""

from __future__ import annotations

import json
from typing import Any, Final

from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.normal import Usage
from pepperpy_obs.usage.stream import Stream
from pepperpy_obs.usage.take import take
from pepperpy_obs.usage.wire import looks_raw, speaks_of_usage

__all__ = ["capture"]

_NO_ANSWER: Final = (int, float, complex, bool, type(None), range, memoryview)


def capture(answer: object) -> Captured | None:
    """Return what `answer` says of its usage, or None if it says nothing of the kind.

    Takes an SDK's object, a dict, raw JSON as text or bytes, the whole text of a stream, a list
    of answers or of a stream's items, or a finished `Usage`. Costs some microseconds; keeps
    numbers and names only. Raises nothing.
    """
    if isinstance(answer, _NO_ANSWER):
        return None
    if isinstance(answer, Captured):
        return answer
    if isinstance(answer, Usage):
        return Captured.of_user(answer)
    if isinstance(answer, str | bytes | bytearray):
        return _from_text(answer)
    if isinstance(answer, list | tuple):
        return _from_items(answer)
    captured, found = take(answer)
    return None if found is None else captured


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
    return isinstance(item, str | bytes | bytearray) and looks_raw(item)


def _knows(*items: Any) -> bool:
    stream = Stream()
    for item in items:
        if not isinstance(item, _NO_ANSWER):
            stream.feed(item)
    return stream.recognised
