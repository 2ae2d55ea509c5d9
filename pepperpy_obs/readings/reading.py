"""The reading: all that is known of a source at one moment.

It is made by one drain and one claim of the records, so that a call that ends meanwhile is in the figures of ended
calls or in those of running ones: begun = ended + active in every reading.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Final, Self

from pepperpy_obs.aggregate.lazy_snapshot import LazySnapshot
from pepperpy_obs.aggregate.snapshot import EMPTY as NO_EVENTS
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.errors import SetupError
from pepperpy_obs.readings import live as live_state
from pepperpy_obs.readings import self_stats
from pepperpy_obs.readings.live import LiveState
from pepperpy_obs.readings.self_stats import SelfStats

__all__ = ["EMPTY", "Reading"]

_FORMAT: Final = 1
_ENCODE: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"), sort_keys=True).encode
_TOGETHER: Final = 16
"""Series that are encoded together: some 0.2 ms."""


@dataclass(frozen=True, eq=False)
class Reading:  # noqa: PLW1641 - equal by all that is in it, which is too much to hash
    """One moment: what was counted, what is true now, and how we do.

    Immutable. Merging the readings of several processes gives the one that a single process would have had, in
    whatever order they are merged; `EMPTY` changes nothing. The snapshot is added up when it is first asked for, in
    the thread that asks.
    """

    at: int
    """When it was made: UTC epoch nanoseconds."""
    counted: Snapshot | LazySnapshot
    """The snapshot, or the pieces of one."""
    live: LiveState = live_state.UNKNOWN
    own: SelfStats = self_stats.UNKNOWN
    unknown: frozenset[str] = frozenset()
    """Figures of reports that this source cannot know, such as `cost.savings`: reports have None for them."""

    @cached_property
    def snapshot(self) -> Snapshot:
        """All series that were counted, of the window that was asked for."""
        return self.counted.snapshot() if isinstance(self.counted, LazySnapshot) else self.counted

    @cached_property
    def sum(self) -> Snapshot:
        """The same without labels, the calls of all series as those of one: what a store has ready."""
        return self.counted.sum()

    def merge(self, other: Self) -> Self:
        """Return the reading of both processes."""
        return type(self)(
            max(self.at, other.at),
            self.snapshot.merge(other.snapshot),
            self.live.merge(other.live),
            self.own.merge(other.own),
            self.unknown | other.unknown,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reading) and self.to_dict() == other.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON takes."""
        return self._plain(list)

    def _plain(self, rows: Callable[[Iterable[Any]], Any]) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "at": self.at,
            "snapshot": self.snapshot.to_dict(rows),
            "live": self.live.to_dict() if self.live.known else None,
            "own": self.own.to_dict() if self.own.known else None,
            **({"unknown": sorted(self.unknown)} if self.unknown else {}),
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the reading that `to_dict` was asked of; anything else is a `SetupError`."""
        try:
            return cls._read(plain)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            msg = f"this is not a reading that Reading.to_dict wrote ({error!r}); it begins {str(plain)[:80]!r}"
            raise SetupError(msg) from error

    @classmethod
    def _read(cls, plain: Mapping[str, Any]) -> Self:
        if plain["format"] != _FORMAT:
            msg = f"format {plain['format']!r}, and this version reads format {_FORMAT}"
            raise ValueError(msg)
        live, own = plain["live"], plain["own"]
        return cls(
            int(plain["at"]),
            Snapshot.from_dict(plain["snapshot"]),
            live_state.UNKNOWN if live is None else LiveState.from_dict(live),
            self_stats.UNKNOWN if own is None else SelfStats.from_dict(own),
            frozenset(plain.get("unknown", ())),
        )

    def to_json(self) -> str:
        """Return one line of JSON; equal readings give equal lines."""
        return "".join(_pieces(self._plain(iter)))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the reading that `to_json` was asked of; anything else is a `SetupError`."""
        try:
            plain = json.loads(text)
        except ValueError as error:
            msg = f"this is not JSON ({error}); a reading is what Reading.to_json wrote"
            raise SetupError(msg) from error
        return cls.from_dict(plain)


EMPTY: Final = Reading(0, NO_EVENTS)
"""The reading of nothing; merging it changes nothing."""


def _pieces(plain: Any) -> Iterator[str]:
    """Yield JSON in pieces: one call for 10,000 series would keep the interpreter from other threads for 100 ms."""
    if isinstance(plain, dict):
        for place, name in enumerate(sorted(plain)):
            yield f"{',' if place else '{'}{_ENCODE(name)}:"
            yield from _pieces(plain[name])
        yield "}" if plain else "{}"
    elif isinstance(plain, Iterator):
        before = "["
        while some := list(islice(plain, _TOGETHER)):
            yield f"{before}{_ENCODE(some)[1:-1]}"
            before = ","
        yield "]" if before == "," else "[]"
    else:
        yield _ENCODE(plain)
