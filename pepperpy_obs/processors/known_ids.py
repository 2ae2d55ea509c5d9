"""Which answers were counted before: a bounded memory of their response ids and of the objects themselves."""

from __future__ import annotations

from typing import Any, Final

from pepperpy_obs.typing import EventDict

__all__ = ["KnownAnswers", "is_framework_id", "known_id", "told_id"]

_FRAMEWORK_IDS: Final = ("lc_run-", "run-")
"""How ids begin that LangChain gives to an answer in whose stream the provider's own id got lost."""


_Seen = tuple[Any, tuple[Any, Any], bool, Any]
"""The trace of an answer that was counted, its tokens, whether it was priced, and the weak reference whose identity is
the key: while that is held, no other object has it."""


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


class KnownAnswers:
    """Remembers the latest `limit` response ids and as many objects; older ones are taken for new.

    An id belongs to one answer within its trace. In another trace it must come with the same tokens as
    well: some servers give every answer the same id.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ids: dict[str, _Seen] = {}
        self._objects: dict[int, _Seen] = {}

    def twin(self, usage: EventDict, trace: Any, held: Any = None, *, same_input: bool = False) -> bool | None:
        """Return whether this answer was priced when it was counted; None if it was not counted yet.

        It is known by its id; without one by the very object, which a function below has kept and returned again. In
        another trace `same_input` is enough, where two instrumentations may differ about the output.
        """
        told = usage.get("response_id")
        if not told and held is None:
            return None
        seen = self._ids.get(told) if told else self._objects.get(id(held))
        if seen is None:
            return None
        tokens = usage.get("input_tokens"), usage.get("output_tokens")
        if (told and seen[0] == trace) or seen[1] == tokens or (same_input and seen[1][0] in {tokens[0], None}):
            return seen[2]
        return None

    def add(self, usage: EventDict, trace: Any, held: Any, *, priced: bool) -> None:
        """Remember an answer, or one of the requests of a total."""
        told = usage.get("response_id")
        memory: dict[Any, _Seen] = self._ids
        key = told
        if not told:
            if held is None:
                return
            memory, key = self._objects, id(held)
        if key in memory:
            del memory[key]  # so that it counts as the latest
        memory[key] = (trace, (usage.get("input_tokens"), usage.get("output_tokens")), priced, held)
        if len(memory) > self._limit:
            del memory[next(iter(memory))]
