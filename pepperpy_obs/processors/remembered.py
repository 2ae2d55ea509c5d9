"""Which answers were counted before: a bounded memory of their response ids and of the objects themselves."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pepperpy_obs.typing import EventDict

__all__ = ["Remembered", "is_framework_id", "known_id", "told_id"]

_FRAMEWORK_IDS: Final = ("lc_run-", "run-")
"""How ids begin that LangChain gives to an answer in whose stream the provider's own id got lost."""


class _Seen(NamedTuple):
    """An answer that was counted."""

    trace: Any
    tokens: tuple[Any, Any]
    priced: bool
    held: Any = None
    """The weak reference whose identity is the key: while it is held, no other object has that identity."""


def is_framework_id(told: object) -> bool:
    """Tell whether an id is a framework's own, so that the provider's id of the same answer differs from it."""
    return isinstance(told, str) and told.startswith(_FRAMEWORK_IDS)


def told_id(usage: EventDict) -> str | None:
    """Return the id of an answer, the provider's or a framework's, or None if there is none."""
    told = usage.get("response_id")
    return told if isinstance(told, str) and told else None


def known_id(usage: EventDict) -> str | None:
    """Return the provider's id of an answer, or None if there is none."""
    told = told_id(usage)
    return None if is_framework_id(told) else told


class Remembered:
    """Remembers the latest `limit` response ids and as many objects; older ones are taken for new.

    An id belongs to one answer within its trace. In another trace it must come with the same tokens as
    well: some servers give every answer the same id.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ids: dict[str, _Seen] = {}
        self._objects: dict[int, _Seen] = {}

    def twin(self, usage: EventDict, trace: Any) -> bool | None:
        """Return whether the answer with this id was priced when it was counted; None if it was not counted yet."""
        seen = self._ids.get(usage.get("response_id") or "")
        if seen is None:
            return None
        # LangChain's pieces of one answer have its id, and the provider's answer has another.
        return seen.priced if seen.trace == trace or seen.tokens == _tokens(usage) else None

    def same_object(self, held: Any, usage: EventDict) -> bool | None:
        """Return the same of the very object that was returned again: a function below keeps its answers."""
        seen = None if held is None else self._objects.get(id(held))
        return None if seen is None or seen.tokens != _tokens(usage) else seen.priced

    def add(self, usage: EventDict, trace: Any, held: Any, *, priced: bool) -> None:
        """Remember an answer, or one of the requests of a total."""
        told = usage.get("response_id")
        if told:
            _put(self._ids, told, _Seen(trace, _tokens(usage), priced), self._limit)
        if held is not None:
            _put(self._objects, id(held), _Seen(trace, _tokens(usage), priced, held), self._limit)


def _tokens(usage: EventDict) -> tuple[Any, Any]:
    return usage.get("input_tokens"), usage.get("output_tokens")


def _put(memory: dict[Any, _Seen], key: Any, seen: _Seen, limit: int) -> None:
    memory.pop(key, None)  # so that it counts as the latest
    memory[key] = seen
    if len(memory) > limit:
        del memory[next(iter(memory))]
