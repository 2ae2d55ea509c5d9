"""Rolling windows: the same sums again, kept by intervals of time, and packed.

Theory. Time is cut at the same places in every process, by counting from the epoch, at six levels: 10 s, 50 s, 150 s,
15 minutes, an hour, six hours. Each interval consists of whole intervals of the level below.

* An interval of the finest level gets one packed piece when the store closes it. It gets one
  more whenever a late event has opened the interval once again.
* Any other interval is *open* until the first event after its end. It has no piece: it is what lies below.
  Then it is *closed*: the pieces below are added up into one. From then on it is written to by late events only:
  these are packed as one more piece, in the interval of each level that is closed. Below an open interval nothing
  is dropped, so late events of any age are in it when it is closed.
* A piece may be of a coarser level to begin with, where nothing finer would be kept of its time: the past of a log.
* Pieces are bytes and never change. Many of one interval are added up into fewer. What leaves the last interval of its
  level is gone from the windows, never from the total, which the store keeps by itself.

A reader takes the pieces that cover a window, the coarsest ones that lie wholly in it, and adds them up without a lock:
some dozens, whatever the window. Only the owner of the store writes, under its lock; the reader has a list of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Self

from pepperpy_obs import _clock
from pepperpy_obs.aggregate.packed import Keys, add_up, pack
from pepperpy_obs.aggregate.series_data import INTERVAL
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.errors import SetupError

__all__ = ["LONGEST", "Level", "Windows", "check_steps", "resolution_at", "stretch_of"]

SECOND: Final = 1_000_000_000
_TEN: Final = (INTERVAL, 30 + 1)
_MINUTES: Final = (150 * SECOND, 24 + 1)
_HOUR: Final = (3600 * SECOND, 24 + 1)
# One interval more than the window has: the window's edges fall within intervals, at both ends.
RESOLUTIONS: Final = (_TEN, _MINUTES, _HOUR)
# No window is cut by the levels between these: they are kept for as long as one above them may be open.
LEVELS: Final = (_TEN, (50 * SECOND, 3 + 1), _MINUTES, (900 * SECOND, 4 + 1), _HOUR, (21_600 * SECOND, 4 + 1))
LONGEST: Final = 86_400.0
"""The longest window, in seconds."""

_MOST_PIECES: Final = 8


def stretch_of(window: float, now: int) -> range:
    """Return the stretch of nanoseconds that a window of so many seconds covers which ends at `now`.

    It begins and ends where intervals do: of 10 s up to 5 minutes, of 150 s up to an hour, of an hour above.
    """
    length = round(window * SECOND)
    resolution = next((each for each, size in RESOLUTIONS if each * (size - 1) >= length), RESOLUTIONS[-1][0])
    return range((now - length) // resolution * resolution, (now // resolution + 1) * resolution)


def check_steps(step: int, count: int) -> None:
    """Raise SetupError where windows do not hold as many steps of `step` nanoseconds."""
    if any(step % resolution == 0 and step * count <= resolution * size for resolution, size in RESOLUTIONS):
        return
    kept = ", ".join(
        f"{resolution // SECOND} s for {resolution * (size - 1) // SECOND} s" for resolution, size in RESOLUTIONS
    )
    msg = f"{count} steps of {step / SECOND:g} s are not kept; give a step that is a multiple of one that is: {kept}"
    raise SetupError(msg)


def resolution_at(at: int, newest: int) -> int:
    """Return the length of the interval around `at` that windows will keep once an event of `newest` has come."""
    for (finer, size), (resolution, _) in ((_MINUTES, _HOUR), (_TEN, _MINUTES)):
        if (at // resolution + 1) * resolution <= (newest // finer - size + 1) * finer:
            return resolution
    return INTERVAL


class Level:
    """The last `size` intervals of `resolution` nanoseconds each."""

    __slots__ = ("pieces", "resolution", "size")

    def __init__(self, resolution: int, size: int) -> None:
        self.resolution = resolution
        self.size = size
        self.pieces: dict[int, list[bytes]] = {}
        """By the interval's number, counted from the epoch."""

    def between(self, first: int, end: int) -> list[bytes]:
        """Return the pieces of the intervals from number `first` to the one before `end`."""
        return [piece for number, pieces in self.pieces.items() if first <= number < end for piece in pieces]

    def add(self, number: int, piece: bytes, keys: Keys) -> None:
        """Add a piece to an interval."""
        pieces = self.pieces.setdefault(number, [])
        pieces.append(piece)
        if len(pieces) > _MOST_PIECES:
            # The first is that of the whole interval, as a rule, and the others are small: they are to grow first.
            small = _one(pieces[1:], keys)
            self.pieces[number] = [pieces[0], small] if 2 * len(small) < len(pieces[0]) else [_one(pieces, keys)]

    def drop(self, newest: int) -> None:
        """Drop what is too old beside the interval that is now the newest."""
        for old in [number for number in self.pieces if number <= newest - self.size]:
            del self.pieces[old]


class Windows:
    """All levels, and the numbers of the series that their pieces tell of."""

    __slots__ = ("_levels", "_newest", "keys")

    def __init__(self) -> None:
        self.keys = Keys()
        """What the numbers in its pieces stand for."""
        self._levels = [Level(resolution, size) for resolution, size in LEVELS]
        self._newest: int | None = None
        """When the newest interval began that was closed."""

    @classmethod
    def of(cls, levels: Sequence[Mapping[int, Sequence[bytes]]], newest: int | None, keys: Keys) -> Self:
        """Return windows of what `levels` of others have given, of which the newest interval began at `newest`."""
        made = cls()
        made.keys, made._newest = keys, newest
        for level, pieces in zip(made._levels, levels, strict=True):
            level.pieces = {number: list(some) for number, some in pieces.items()}
        return made

    @property
    def newest(self) -> int | None:
        """When the newest interval began that was closed, epoch ns; None of none."""
        return self._newest

    def levels(self) -> list[dict[int, list[bytes]]]:
        """Return the pieces of each level by their intervals' numbers: a copy of the lists, not of the bytes."""
        return [{number: list(pieces) for number, pieces in level.pieces.items()} for level in self._levels]

    def complete(self) -> None:
        """Close each interval that is open, as an event long after would, and drop nothing: no more will come."""
        if self._newest is not None:
            self._close_open(self._newest, self._newest + self._levels[-1].resolution)

    def absorb(self, other: Windows, now: int) -> None:
        """Add the pieces of others that are complete; both are complete until `now` (epoch ns) from then on."""
        for level, added in zip(self._levels, other._levels, strict=True):
            for number, pieces in added.pieces.items():
                if number > now // level.resolution - level.size:
                    level.add(number, pack(add_up(pieces, other.keys), self.keys), self.keys)
                    _clock.sleep(0)  # the interpreter goes to others between two pieces
            level.drop(now // level.resolution)
        self._newest = now

    def add(self, at: int, table: SeriesTable, length: int = INTERVAL) -> bytes:
        """Add an interval around `at`, as long as those of some level; return it packed, or b"" if it is too old."""
        at = at // length * length
        # Coarse intervals are of the past: with one of them all is closed that ends no later.
        newest = at if length == INTERVAL else at + length
        if self._newest is None:
            self._newest = newest
        if newest > self._newest:
            self._close(self._newest, newest)
            self._newest = newest
        piece = b""
        for level in self._levels:
            if level.resolution < length:
                continue
            number, newest = at // level.resolution, self._newest // level.resolution
            if newest - level.size < number and (number < newest or level.resolution == length):
                piece = piece or pack(table, self.keys)
                level.add(number, piece, self.keys)
        return piece

    def over(self, window: float, now: int) -> tuple[range, list[bytes]]:
        """Return the stretch of nanoseconds that a window ending at `now` covers, and the pieces of it.

        The finest of the three resolutions that holds the window is taken; the window grows to the edges of its
        intervals.
        """
        stretch = stretch_of(window, now)
        return stretch, self._cover(stretch.start, stretch.stop, len(self._levels) - 1)

    def between(self, stretch: range) -> list[bytes]:
        """Return the pieces of a stretch that begins and ends where intervals do that are kept so long."""
        return self._cover(stretch.start, stretch.stop, len(self._levels) - 1)

    def _cover(self, start: int, end: int, place: int) -> list[bytes]:
        """Return pieces that cover the stretch from `start` to `end`, the coarsest at most of the level `place`."""
        if start >= end or self._newest is None:
            return []
        level = self._levels[place]
        if place == 0:
            return level.between(start // level.resolution, -(-end // level.resolution))
        newest = self._newest // level.resolution
        first = max(-(-start // level.resolution), newest - level.size + 1)
        last = min(end // level.resolution, newest)
        if first >= last:
            return self._cover(start, end, place - 1)
        return [
            *self._cover(start, first * level.resolution, place - 1),
            *level.between(first, last),
            *self._cover(last * level.resolution, end, place - 1),
        ]

    def _close(self, before: int, now: int) -> None:
        """Close the intervals that were open at `before`, and have ended at `now`."""
        self._close_open(before, now)
        for level in self._levels:
            level.drop(now // level.resolution)

    def _close_open(self, before: int, now: int) -> None:
        for below, level in zip(self._levels, self._levels[1:], strict=False):
            number = before // level.resolution
            if number == now // level.resolution:
                break
            parts = level.resolution // below.resolution
            pieces = [*level.pieces.get(number, ()), *below.between(number * parts, (number + 1) * parts)]
            if pieces:
                level.pieces[number] = [_one(pieces, self.keys)]


def _one(pieces: list[bytes], keys: Keys) -> bytes:
    """Return pieces as one."""
    return pieces[0] if len(pieces) == 1 else pack(add_up(pieces, keys), keys)
