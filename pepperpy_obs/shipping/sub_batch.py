"""Records of one batch that go in one request, and how they are taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pepperpy_obs.shipping.in_flight import InFlightBatch
from pepperpy_obs.shipping.poison import PoisonDetector
from pepperpy_obs.shipping.results import RecordResult

__all__ = ["SubBatch", "divided", "halves", "regroup"]


@dataclass(eq=False, slots=True)
class SubBatch:
    """Places in a batch that go in one request."""

    flight: InFlightBatch
    places: Sequence[int]
    replay: bool = False
    reduced: bool = False
    detector: PoisonDetector | None = None
    tried: bool = False
    """It has failed, as it is."""
    waiting: Sequence[int] = ()
    """Others of a request that was refused in unknown words: what becomes of this one decides about them."""
    strikes: int = 0
    """How many of them were refused alone in such words."""
    why: str = ""
    """The words."""


def halves(group: SubBatch) -> list[SubBatch]:
    """Return its two halves."""
    half = len(group.places) // 2
    return [replace(group, places=places, tried=False) for places in (group.places[:half], group.places[half:])]


def divided(group: SubBatch, parts: Sequence[Sequence[int]]) -> list[SubBatch]:
    """Return a group for each part of it; a part has indices into the places."""
    return [replace(group, places=[group.places[index] for index in part]) for part in parts]


def regroup(group: SubBatch, outcomes: Sequence[RecordResult]) -> list[SubBatch]:
    """Return what was not settled: what may go again as it was first, then what goes in another shape."""
    kinds = {
        "doubtful": SubBatch(group.flight, [], group.replay, group.reduced, group.detector),
        "again": SubBatch(group.flight, [], group.replay, group.reduced),
        "reduced": SubBatch(group.flight, [], group.replay, reduced=True),
        "replay": SubBatch(group.flight, [], replay=True, reduced=group.reduced),
    }
    for place, outcome in zip(group.places, outcomes, strict=True):
        kind = "doubtful" if outcome.doubtful else outcome.what
        if kind in kinds:
            kinds[kind].places = [*kinds[kind].places, place]
    return [one for one in kinds.values() if one.places]
