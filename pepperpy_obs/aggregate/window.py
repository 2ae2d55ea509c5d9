"""Rolling windows: the same sums again, kept by slots of time, in three grains.

A slot is named by its number, counted from the epoch, so that every process cuts time at the same places.
What leaves the oldest slot is gone from the windows, never from the total, which the store keeps by itself.
"""

from __future__ import annotations

from typing import Final

from pepperpy_obs.aggregate.cell import SLOT
from pepperpy_obs.aggregate.ledger import Ledger, Pile

__all__ = ["LONGEST", "Ring", "Windows"]

SECOND: Final = 1_000_000_000
# One slot more than the window has: the window's edges fall within slots, at both ends.
GRAINS: Final = ((SLOT, 30 + 1), (150 * SECOND, 24 + 1), (3600 * SECOND, 24 + 1))
LONGEST: Final = 86_400.0
"""The longest window, in seconds."""


class Ring:
    """The last `size` slots of `grain` nanoseconds each."""

    __slots__ = ("_slots", "grain", "size")

    def __init__(self, grain: int, size: int) -> None:
        self.grain = grain
        self.size = size
        self._slots: dict[int, Pile] = {}

    @property
    def reach(self) -> int:
        """The longest window that it holds in full, in nanoseconds."""
        return self.grain * (self.size - 1)

    def add(self, at: int, ledger: Ledger) -> None:
        """Add what happened in the slot of `at`, and will not be changed; a slot that is too old is left out."""
        number = at // self.grain
        newest = max(self._slots, default=number)
        if number <= newest - self.size:
            return
        if number > newest:
            self._slots[newest].settle()
            for old in [slot for slot in self._slots if slot <= number - self.size]:
                del self._slots[old]
        self._slots.setdefault(number, Pile()).add(ledger)

    def ledgers(self, first: int, last: int) -> list[Ledger]:
        """Return the ledgers of the slots from number `first` to number `last`."""
        return [ledger for number, pile in self._slots.items() if first <= number <= last for ledger in pile.ledgers()]


class Windows:
    """The three rings."""

    __slots__ = ("_rings",)

    def __init__(self) -> None:
        self._rings = [Ring(grain, size) for grain, size in GRAINS]

    def add(self, at: int, ledger: Ledger) -> None:
        """Add what happened in the 10 seconds around `at`."""
        for ring in self._rings:
            ring.add(at, ledger)

    def over(self, window: float, now: int) -> tuple[range, list[Ledger]]:
        """Return the stretch of nanoseconds that a window ending at `now` covers, and the ledgers of it.

        The finest ring that holds the window is taken; the window grows to the edges of that ring's slots.
        """
        length = round(window * SECOND)
        ring = next((ring for ring in self._rings if ring.reach >= length), self._rings[-1])
        first, last = (now - length) // ring.grain, now // ring.grain
        return range(first * ring.grain, (last + 1) * ring.grain), ring.ledgers(first, last)
