"""Records of one batch that go in one request, and how they are taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pepperpy_obs.shipping.doubt import Doubt
from pepperpy_obs.shipping.leg import Leg
from pepperpy_obs.shipping.outcome import Outcome

__all__ = ["Group", "divided", "halves", "regroup"]


@dataclass(eq=False, slots=True)
class Group:
    """Places in a leg that go in one request."""

    leg: Leg
    places: Sequence[int]
    replay: bool = False
    reduced: bool = False
    doubt: Doubt | None = None
    tried: bool = False
    """It has failed, as it is."""
    waiting: Sequence[int] = ()
    """Others of a request that was refused in unknown words: what becomes of this one decides about them."""
    strikes: int = 0
    """How many of them were refused alone in such words."""
    why: str = ""
    """The words."""


def halves(group: Group) -> list[Group]:
    """Return its two halves."""
    half = len(group.places) // 2
    return [replace(group, places=places, tried=False) for places in (group.places[:half], group.places[half:])]


def divided(group: Group, parts: Sequence[Sequence[int]]) -> list[Group]:
    """Return a group for each part of it; a part has indices into the places."""
    return [replace(group, places=[group.places[index] for index in part]) for part in parts]


def regroup(group: Group, outcomes: Sequence[Outcome]) -> list[Group]:
    """Return what was not settled: what may go again as it was first, then what goes in another shape."""
    kinds = {
        "doubtful": Group(group.leg, [], group.replay, group.reduced, group.doubt),
        "again": Group(group.leg, [], group.replay, group.reduced),
        "reduced": Group(group.leg, [], group.replay, reduced=True),
        "replay": Group(group.leg, [], replay=True, reduced=group.reduced),
    }
    for place, outcome in zip(group.places, outcomes, strict=True):
        kind = "doubtful" if outcome.doubtful else outcome.what
        if kind in kinds:
            kinds[kind].places = [*kinds[kind].places, place]
    return [one for one in kinds.values() if one.places]
