"""A snapshot in pieces: taken with the lock of its store held, added up without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from pepperpy_obs.aggregate.packed import Keys, add_up
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.aggregate.snapshot import Snapshot

__all__ = ["LazySnapshot", "Part"]

_REMEMBERED: Final = 2
"""Sums of many pieces that are kept: of the window of health, and of one that a person looks at."""


class Part(Protocol):
    """What a snapshot is made of: the events of one stretch of time."""

    @property
    def start(self) -> int:
        """When the stretch begins."""
        ...

    def span(self) -> tuple[int | None, int | None]:
        """Return when its first and its last event were, as far as that is known before they are added up."""
        ...

    def to_table(self) -> SeriesTable:
        """Return its sums, which are not to be changed."""
        ...


class LazySnapshot:
    """A snapshot that has not been added up yet, of pieces that do not change any more.

    `packed` are the intervals of a window, `total` all intervals since the start that are closed; `parts` is the
    current interval. `times` are those of the store's total, `stretch` is what the window covers. One that `remembers`
    is of a window that is likely to be asked for again. `summed` gives its sums in less time where these are known.
    """

    __slots__ = (
        "_made",
        "_now",
        "_packed",
        "_parts",
        "_remembers",
        "_stretch",
        "_summed",
        "_times",
        "_total",
        "_window",
    )

    def __init__(
        self,
        parts: Sequence[Part],
        times: tuple[int | None, int | None],
        now: int | None,
        *,
        total: SeriesTable | None = None,
        packed: tuple[Sequence[bytes], Keys] | None = None,
        stretch: range | None = None,
        window: float | None = None,
        remembers: bool = False,
        summed: Callable[[], SeriesTable] | None = None,
    ) -> None:
        self._parts = parts
        self._times = times
        self._now = now
        self._total = total
        self._packed = packed
        self._stretch = stretch
        self._window = window
        self._remembers = remembers
        self._summed = summed
        self._made: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """Add it up, the first time; needs no lock. Two threads at once may add up both, to the same."""
        if self._made is None:
            add = _remembered if self._remembers else add_up
            sums = add(*self._packed) if self._packed else SeriesTable()
            stretch = self._stretch
            parts = [part for part in self._parts if stretch is None or part.start in stretch]
            sums.absorb(*([self._total] if self._total else []), *[part.to_table() for part in parts])
            sums.start, sums.end = self._span()
            self._made = Snapshot.of(sums, self._window)
        return self._made

    def sum(self) -> Snapshot:
        """Return what `Snapshot.sum` does."""
        if self._summed is None or self._made is not None:
            return self.snapshot().sum()
        table = self._summed()
        table.start, table.end = self._span()
        return Snapshot.of(table, self._window)

    def _span(self) -> tuple[int | None, int | None]:
        times = SeriesTable()
        times.span(*self._times)
        for part in self._parts:
            times.span(*part.span())
        if self._stretch is None:
            times.span(None, self._now)
            return times.start, times.end
        return (None, None) if times.start is None else (max(times.start, self._stretch.start), self._now)


def _remembered(pieces: Sequence[bytes], keys: Keys) -> SeriesTable:
    """Return the sum of pieces, to be changed; of the very pieces that were added up of late, without adding them up.

    Any thread may ask: two at once may both add up, and one of them is remembered.
    """
    sums = keys.sums
    whole = next((table for known, table in sums if _are_same(known, pieces)), None)
    if whole is None:
        whole = add_up(pieces, keys)
    others = [one for one in sums if one[1] is not whole]
    keys.sums = ((pieces, whole), *others[: _REMEMBERED - 1])
    table = SeriesTable()
    table.absorb(whole)
    return table


def _are_same(known: Sequence[bytes], pieces: Sequence[bytes]) -> bool:
    return len(known) == len(pieces) and all(one is other for one, other in zip(known, pieces, strict=True))
