"""One answer of a stream while its items pass: what they say is merged by the provider's own rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import add
from typing import Any, Final

from pepperpy_obs.usage.boundaries import restarts
from pepperpy_obs.usage.captured import Captured
from pepperpy_obs.usage.get_path import first, get_path
from pepperpy_obs.usage.normal import Usage
from pepperpy_obs.usage.shapes import Match, word

__all__ = ["Part"]


class Part:
    """What is known of one answer so far."""

    __slots__ = ("aside", "begun", "captured", "final", "whole")

    def __init__(self, *, aside: bool = False) -> None:
        self.captured = Captured()
        self.aside = aside
        """Whether it is of another model, which only serves those that answer."""
        self.begun = False
        """Whether a provider has begun to write it: without usage it is incomplete, then."""
        self.final = False
        """Whether it has told its final usage."""
        self.whole = False
        """Whether it came in one piece: pieces of it add nothing."""

    @property
    def empty(self) -> bool:
        """Whether nothing is known of it that another answer would not share."""
        return not self.begun and self.captured.countless and self.captured.response_id is None

    def tell(self, usage: Usage) -> None:
        """Take what the user has counted."""
        self.captured, self.final = Captured.of_user(usage), True

    def learn(self, item: Any, new: Captured, found: Match | None) -> None:
        """Learn what one item of the answer says."""
        known = self.captured
        known.model = known.model or new.model
        known.response_id = known.response_id or new.response_id
        known.service_tier = new.service_tier or known.service_tier
        known.provider = known.provider or new.provider
        if found is not None and (new.raw or known.shape is None):
            self._merge(new, found)
        self._note_end(item, found)

    def replace(self, new: Captured) -> None:
        """Take a whole answer in the place of the pieces of it that have come before."""
        new.model, new.response_id = new.model or self.captured.model, new.response_id or self.captured.response_id
        new.provider = new.provider or self.captured.provider
        if new.countless and not self.captured.countless:
            return
        self.captured, self.whole, self.final = new, True, not new.countless

    @staticmethod
    def ends_once(found: Match) -> bool:
        """Tell whether nothing more is written of an answer like this one after its final usage."""
        if found.shape.end == "candidates":  # older ones of Google's have a reason to finish in each piece
            return False
        return found.shape.end == "flag" or (found.place.merge or found.shape.merge) == "last"

    def starts_over(self, new: Captured, found: Match) -> bool:
        """Tell whether a usage that nothing else tells from this answer's must be another's."""
        merge = found.place.merge or found.shape.merge
        return self.final and restarts(self.captured.raw, new.raw, merge, found.shape.end)

    def _merge(self, new: Captured, found: Match) -> None:
        known = self.captured
        merge = found.place.merge or found.shape.merge
        if known.shape is None or merge == "last":
            # What stands beside the usage, searches or a price, may come with any item.
            beside = {name: known.raw[name] for name in found.shape.around if name in known.raw} if known.raw else None
            known.shape, known.entries = found.shape, new.entries
            known.raw = {**beside, **new.raw} if beside else new.raw
        elif merge == "overwrite":
            known.raw = {**known.raw, **new.raw}
            known.entries = new.entries or known.entries
        else:
            known.raw = _combined(known.raw, new.raw, add if merge == "add" else max)

    def _note_end(self, item: Any, found: Match | None) -> None:
        shape = self.captured.shape if found is None else found.shape
        if shape is None:
            return
        last = _ENDS[shape.end](item)
        # Costs are reported once, at the end, though OpenRouter may add an empty choice there.
        priced = shape.end != "beside" and "cost" in self.captured.raw
        if last or (found is not None and (last is None or priced)):
            self.final = True


def _combined(old: Mapping[str, Any], new: Mapping[str, Any], combine: Callable[[Any, Any], Any]) -> dict[str, Any]:
    result = dict(old)
    for name, value in new.items():
        before = old.get(name)
        result[name] = combine(before, value) if _is_number(before) and _is_number(value) else value
    return result


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _says_nothing(_: Any) -> bool | None:
    return None


def _last_choice(item: Any) -> bool | None:
    """OpenAI: the usage comes after the last choice, in a chunk without any, or with the finish itself."""
    return bool(get_path(item, ("choices", "*", "finish_reason"))) if get_path(item, ("choices",)) else None


def _beside_choice(item: Any) -> bool | None:
    """Vercel: its price comes with the last choice of a chat, before the usage."""
    return False if get_path(item, ("choices",)) else None


def _last_candidate(item: Any) -> bool | None:
    """Google: every chunk has usage; the one with a finish reason has the last."""
    if not get_path(item, ("candidates",)):
        return None
    reasons = first(item, (("candidates", "*", "finishReason"), ("candidates", "*", "finish_reason")))
    # Protobuf says 0 where there is none.
    return any(reasons or ())


def _message_delta(item: Any) -> bool | None:
    return word(get_path(item, ("type",))) in {"message_delta", "message_stop", "message"}


def _run(item: Any) -> bool | None:
    """Assistants: the steps of a run come before the run itself."""
    return None if first(item, (("object",), ("data", "object"))) == "thread.run" else False


def _done(item: Any) -> bool | None:
    return get_path(item, ("done",)) is True


_ENDS: Final[dict[str, Callable[[Any], bool | None]]] = {
    "usage": _says_nothing,
    "choices": _last_choice,
    "beside": _beside_choice,
    "candidates": _last_candidate,
    "message_delta": _message_delta,
    "run": _run,
    "flag": _done,
}
"""Whether an item is the last that matters; None leaves it to whether it has usage."""
