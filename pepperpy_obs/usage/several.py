"""Results that hold the usage of several requests, and no total of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.class_info import watch
from pepperpy_obs.usage.extract import extract
from pepperpy_obs.usage.get_path import safe_getattr

__all__ = ["PARSED", "REPLY", "added", "has_total", "of_attempts", "of_messages", "of_models"]

PARSED: Final = frozenset({"_raw_response.usage", "_raw_response.usage_metadata"})
"""Where what instructor has parsed keeps the last answer."""
REPLY: Final = "chat_message.models_usage"
"""The place at which a reply of AutoGen has the usage of its last message."""
_MAIN: Final = ("input_tokens", "output_tokens")
_MOST_MODELS: Final = 64
_BY_MODEL: Final = "_lm_usage"
"""Where a prediction of DSPy keeps its usage by model."""
watch(_BY_MODEL)
_ASKED_BY: Final = "get_lm_usage"
"""The method of DSPy's predictions that gives it: by that their classes are known."""
_MOST_KINDS: Final = 512


@lru_cache(_MOST_KINDS)
def has_total(kind: type[Any]) -> bool:
    """Tell whether objects of a class have the usage of all requests that led to them, by model."""
    return any(_ASKED_BY in vars(each) for each in kind.__mro__)


def of_models(answer: Any) -> Captured | None:
    """Return the usage of a dict from models to their usage (DSPy, LangChain's callback), or of what keeps one."""
    told = safe_getattr(answer, _BY_MODEL)
    if told is None and type(answer) is dict:
        told = answer
    if type(told) is not dict or not 0 < len(told) <= _MOST_MODELS:
        return None
    entries: list[Captured] = []
    for model, used in told.items():
        if type(model) is not str or not isinstance(used, Mapping):
            return None
        captured, found = extract(used)
        if found is not None and not found.place.path:
            captured.model, captured.aggregate = model, True
            entries.append(captured)
        elif used:
            return None
    return _total(entries)


def of_attempts(answer: Any, last: Captured) -> Captured:
    """Return what all attempts used that instructor made at an answer: it keeps the last one, and their total."""
    total, found = extract({"usage": safe_getattr(answer, "_total_usage")})
    if found is None or _size(total) <= _size(last):
        return last
    total.model, total.provider, total.service_tier = last.model, total.provider or last.provider, last.service_tier
    total.aggregate = True
    return total


def of_messages(answer: Any) -> Captured | None:
    """Return the usage of a reply of AutoGen: of its message, and of those that led to it."""
    inner = safe_getattr(answer, "inner_messages")
    messages = [*inner] if isinstance(inner, list | tuple) else []
    return _total(captured for captured, found in map(extract, [*messages, answer]) if found is not None)


def added(one: Captured | None, other: Captured) -> Captured:
    """Return the totals of two results as one."""
    return other if one is None else (_total([*one.entries, *other.entries]) or other)


def _size(captured: Captured) -> int:
    """Return how many tokens were used, as far as these are numbers."""
    counts = (captured.raw.get(name) for name in _MAIN)
    return sum(count for count in counts if isinstance(count, int))


def _total(entries: Iterable[Captured]) -> Captured | None:
    total = Captured()
    total.entries = [entry for entry in entries if entry.raw]
    total.aggregate = True
    return total if total.entries else None
