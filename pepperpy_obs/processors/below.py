"""What was counted below a call that has not ended yet, and which of it a total contains."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pepperpy_obs.processors.known_ids import is_framework_id, told_id
from pepperpy_obs.typing import EventDict

__all__ = ["Below", "Counted", "Matching", "plain_names"]

_MOST: Final = 1024
"""How many answers are kept for one call, the latest. A longer run is still matched by its response ids."""
_JUST_NOW: Final = 16
"""Among how many of these, the latest, the object is looked for that is returned further."""
_MOST_SUMS: Final = 4096
_NAMES: Final = 4096
_DATED: Final = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$")


class Counted(NamedTuple):
    """One request that was counted."""

    address: int
    """Where the object was that was returned; 0 for a part of a total."""
    told: str | None
    names: tuple[Any, Any]
    """The models that were asked for and that answered, as far as they are known."""
    tokens: tuple[int, int]
    priced: bool

    @classmethod
    def of(cls, usage: EventDict, address: int, *, priced: bool) -> Counted:
        """Return the request that an event, or an entry of one, tells of."""
        names = (None, None) if _is_rest(usage) else (usage.get("model"), usage.get("response_model"))
        return cls(address, told_id(usage), names, _tokens(usage), priced)

    @property
    def models(self) -> frozenset[str]:
        """Those models, in plain names."""
        return plain_names(*self.names)


class Below:
    """The requests that were counted below one call."""

    __slots__ = ("asked", "requests", "totals")

    def __init__(self) -> None:
        self.requests: list[Counted] = []
        self.totals: list[Counted] = []
        """Frameworks' totals as they were told, whatever of them was counted: one may be returned further."""
        self.asked = 0
        """Requests below that told no usage."""

    @property
    def size(self) -> int:
        """How much it keeps."""
        return len(self.requests) + len(self.totals) + 1

    def add(self, other: Below) -> None:
        """Add what was counted below a call that has ended."""
        for mine, theirs in ((self.requests, other.requests), (self.totals, other.totals)):
            mine.extend(theirs)
            if len(mine) > _MOST:
                del mine[:-_MOST]
        self.asked += other.asked

    def same(self, event: EventDict, address: int) -> list[bool]:
        """Return of each time that this very answer was counted below whether it was priced then."""
        if not self.requests and not self.totals:
            return []
        told, tokens = told_id(event), _tokens(event)
        # The address alone may be a later object's; with the same tokens it is the same answer.
        found = [one.priced for one in (*self.requests, *self.totals) if told is not None and one.told == told]
        latest = (*self.requests[-_JUST_NOW:], *self.totals[-_JUST_NOW:]) if address else ()
        return found or [one.priced for one in latest if (one.address, one.tokens) == (address, tokens)]

    def unseen(self, event: EventDict) -> int:
        """Return how many of the requests that a total tells of, without their usage, were not counted below."""
        models, told = plain_names(event.get("model"), event.get("response_model")), int(event["requests"])
        seen = sum(1 for one in self.requests if _one_model(one.models, models))
        return max(0, told - seen - self.asked)

    def alike(self, event: EventDict) -> list[bool]:
        """Return the same of a request that may be this answer, of which only a framework's id is known."""
        models, (read, written) = _answered(event), _tokens(event)
        return [
            one.priced
            for one in self.requests
            if _one_model(one.models, models) and (one.tokens[0] == read or one.tokens[1] == written)
        ][:1]


class Matching:
    """Finds the entries of one total among the requests that were counted below it, each request once."""

    def __init__(self, below: Sequence[Counted]) -> None:
        self._free = dict(enumerate(below))
        self._by_tokens: dict[tuple[int, int], list[int]] = {}
        for place, one in self._free.items():
            self._by_tokens.setdefault(one.tokens, []).append(place)
        self._by_id = {one.told: place for place, one in self._free.items() if one.told is not None}

    def take_id(self, told: str | None) -> bool | None:
        """Take the request with this id: return whether it was priced, None if there is none."""
        place = self._by_id.get(told or "", -1)
        return self._take((place,) if place in self._free else ())

    def take(self, entry: EventDict) -> bool | None:
        """Take a request with the entry's tokens that may be it, for all that their ids and models say."""
        told, models = told_id(entry), _answered(entry)
        places = self._by_tokens.get(_tokens(entry), [])
        while places and places[-1] not in self._free:  # or a long run would look at each of them again and again
            places.pop()
        same = ((place, self._free.get(place)) for place in reversed(places))
        return self._take(
            place
            for place, one in same
            if one is not None and _may_be_one(one.told, told) and _one_model(one.models, models)
        )

    def take_sum(self, entry: EventDict) -> bool | None:
        """Take the requests whose tokens add up to the entry's, which stands for several."""
        places = _adding_up({place: one.tokens for place, one in self._free.items()}, _tokens(entry))
        priced = [self._free.pop(place).priced for place in places]
        return any(priced) if priced else None

    def _take(self, places: Iterable[int]) -> bool | None:
        place = next(iter(places), None)
        return None if place is None else self._free.pop(place).priced


def _may_be_one(one: str | None, other: str | None) -> bool:
    """Tell whether answers of these ids, which differ, may be one: only one of them has an id, or a provider's id."""
    return one is None or other is None or is_framework_id(one) != is_framework_id(other)


def _one_model(some: frozenset[str], others: frozenset[str]) -> bool:
    return not some or not others or not some.isdisjoint(others)


def _answered(usage: EventDict) -> frozenset[str]:
    """Return the model that answered; only where it is unknown, the one that was asked for."""
    answered = usage.get("response_model")
    return plain_names(None if answered or _is_rest(usage) else usage.get("model"), answered)


def _is_rest(usage: EventDict) -> bool:
    """Tell whether this is what is left of a total: its model is that of the other requests, and only guessed."""
    return "requests" in usage and "response_model" not in usage and told_id(usage) is None


def plain_names(*names: Any) -> frozenset[str]:
    """Return models' names without their makers and dates; what is no text is left out."""
    return frozenset(_plain_name(name) for name in names if isinstance(name, str))


@lru_cache(_NAMES)
def _plain_name(model: str) -> str:
    """Return a model's name without its maker and its date: requests and answers spell it differently."""
    return _DATED.sub("", model.lower().rpartition("/")[2])


def _tokens(usage: EventDict) -> tuple[int, int]:
    return usage.get("input_tokens") or 0, usage.get("output_tokens") or 0


def _adding_up(parts: dict[int, tuple[int, int]], whole: tuple[int, int]) -> list[int]:
    """Return the places of parts that add up to the whole, or none; gives up where there are too many sums."""
    reached: dict[tuple[int, int], tuple[tuple[int, int], int] | None] = {(0, 0): None}
    for place, (read, written) in parts.items():
        for sum_ in list(reached):
            further = sum_[0] + read, sum_[1] + written
            if further not in reached and further[0] <= whole[0] and further[1] <= whole[1]:
                reached[further] = (sum_, place)
        if whole in reached or len(reached) > _MOST_SUMS:
            break
    places: list[int] = []
    step = reached.get(whole)
    while step is not None:
        sum_, place = step
        places.append(place)
        step = reached[sum_]
    return places
