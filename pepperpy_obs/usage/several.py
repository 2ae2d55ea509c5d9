"""Results that hold the usage of several requests, and no total of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.dig import ask
from pepperpy_obs.usage.take import take

__all__ = ["REPLY", "of_messages", "of_models"]

REPLY: Final = "chat_message.models_usage"
"""The place at which a reply of AutoGen has the usage of its last message."""
_MOST_MODELS: Final = 64
_BY_MODEL: Final = "_lm_usage"
"""Where a prediction of DSPy keeps its usage by model."""


def of_models(answer: Any) -> Captured | None:
    """Return the usage of a dict from models to their usage (DSPy, LangChain's callback), or of what keeps one."""
    told = answer if type(answer) is dict else ask(answer, _BY_MODEL)
    if type(told) is not dict or not 0 < len(told) <= _MOST_MODELS:
        return None
    entries: list[Captured] = []
    for model, used in told.items():
        if type(model) is not str or not isinstance(used, Mapping):
            return None
        captured, found = take(used)
        if found is not None and not found.place.path:
            captured.model, captured.aggregate = model, True
            entries.append(captured)
        elif used:
            return None
    return _total(entries)


def of_messages(answer: Any) -> Captured | None:
    """Return the usage of a reply of AutoGen: of its message, and of those that led to it."""
    inner = ask(answer, "inner_messages")
    messages = [*inner] if isinstance(inner, list | tuple) else []
    return _total(captured for captured, found in map(take, [*messages, answer]) if found is not None)


def _total(entries: Iterable[Captured]) -> Captured | None:
    total = Captured()
    total.entries = [entry for entry in entries if entry.raw]
    total.aggregate = True
    return total if total.entries else None
