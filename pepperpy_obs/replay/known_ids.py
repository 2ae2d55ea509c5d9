"""Which events have been counted: their ids, in bounded memory.

Delivery at least once makes doubles, and so does a file that is given twice or in two copies. All that is kept of
an event is a digest of 8 bytes (two of ten million are alike once in 400,000 logs), page by page. A double bears the
time of the event that it repeats, so only the pages of that time are looked at: of a log in order, none but the latest.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

__all__ = ["KnownIds", "digests_of"]

_MOST: Final = 4_000_000
"""Ids that are kept: 32 MB."""
_PAGE: Final = 4096
_OURS: Final = 16
"""Bytes of an id as we make it, which is hex."""
_SPREAD: Final = 0x9E3779B97F4A7C15
"""2**64 by the golden ratio (Knuth, TAOCP 6.4): the halves of ids of others may count up."""
_MOST_OPEN: Final = 128
"""Pages that are kept in a form to search in, 40 times the size: as many logs of one time can be compared."""
_PRECISION: Final = 1_000_000
"""Nanoseconds by which a pipeline may have shortened the time of a copy."""


def digests_of(ids: Sequence[str]) -> array[int]:
    """Return 64 bits for each id, the same in every process; TypeError if one is no text.

    >>> digests_of(["df1f6e348086ab33bdf0486e1f35d36d", "an id of another maker"])
    array('q', [4773920014972345307, -7905759102841415250])
    """
    text = "\n".join(ids)
    try:
        whole = bytes.fromhex(text)
    except ValueError:
        whole = b""
    # All are as we make them; whole.hex() writes no capitals and no other blanks.
    if len(whole) == _OURS * len(ids) and whole.hex("\n", _OURS) == text:
        halves = array("q", whole)
        low, high = (_lanes(halves[place::2]) for place in (0, 1))
        mixed = array("q", (high * _SPREAD + low).to_bytes(len(whole), "little"))
        one, two = (int.from_bytes(mixed[place::2].tobytes(), "little") for place in (0, 1))
        return array("q", (one ^ two).to_bytes(len(whole) // 2, "little"))
    return array("q", [digests_of((one,))[0] if len(ids) > 1 else _digest(one) for one in ids])


def _lanes(halves: array[int]) -> int:
    """Return numbers of 64 bits as one integer, 128 bits apart: so a product with another such number has its lane."""
    lanes = array("q", bytes(2 * halves.itemsize * len(halves)))
    lanes[::2] = halves
    return int.from_bytes(lanes.tobytes(), "little")


def _digest(one: str) -> int:
    return int.from_bytes(blake2b(one.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little", signed=True)


class _Page:
    """Digests of ids that came one after the other, and the stretch of time (epoch ns) that they are from."""

    __slots__ = ("digests", "high", "low")

    def __init__(self, digests: array[int], low: int, high: int) -> None:
        self.digests = digests
        self.low = low
        self.high = high


class KnownIds:
    """Knows the latest `most` ids again, which are kept by `page`s, and a page more. Not safe for threads.

    >>> seen = KnownIds()
    >>> seen.doubles(["a", "b", "a"], 0, 9), seen.doubles(["c", "b"], 5, 12)
    ([2], [1])
    """

    def __init__(self, most: int = _MOST, page: int = _PAGE) -> None:
        self._most = most
        self._page = page
        self._current: set[int] = set()
        self._in_order = array("q")
        """The same once more: what was new is known again when a double is among it."""
        self._low = self._high = 0
        """Between which times the current ids are."""
        self._pages: deque[_Page] = deque()
        self._kept = 0
        """Ids in all pages."""
        self._newest = -1
        """The latest time in any page."""
        self._let_go = -1
        """The latest time in a page that had to make room."""
        self._latest: _Page | None = None
        self._latest_ids: set[int] = set()
        self._searchable: dict[_Page, set[int]] = {}
        self.unchecked = 0
        """Events of a time whose ids were let go in part: doubles among them, if any, were counted."""

    def doubles(self, ids: Sequence[str], low: int, high: int) -> Sequence[int]:
        """Take ids of events between two times (epoch ns), and return the places of those that came before.

        TypeError if one is no text; then none is taken.
        """
        return self.doubles_of(digests_of(ids), low, high)

    def doubles_of(self, digests: array[int], low: int, high: int) -> Sequence[int]:
        """Take their digests, and return the same."""
        if low <= self._let_go:
            self.unchecked += len(digests)
        older = self._of(low, high) if low <= self._newest + _PRECISION else ()
        current = self._current
        before = len(current)
        current.update(digests)
        if len(current) - before == len(digests) and all(one.isdisjoint(digests) for one in older):
            self._keep(digests, low, high)
            return ()
        current.clear()
        current.update(self._in_order)
        fresh = array("q")
        found: list[int] = []
        for place, digest in enumerate(digests):
            if digest in current or any(digest in one for one in older):
                found.append(place)
            else:
                current.add(digest)
                fresh.append(digest)
        self._keep(fresh, low, high)
        return found

    def _keep(self, fresh: array[int], low: int, high: int) -> None:
        """Note down what is in the current set already."""
        if self._in_order:
            low, high = min(self._low, low), max(self._high, high)
        self._low, self._high = low, high
        self._in_order += fresh
        if len(self._in_order) >= self._page:
            self._turn_page()

    def _turn_page(self) -> None:
        page = self._latest = _Page(self._in_order, self._low, self._high)
        self._latest_ids = self._current
        self._pages.append(page)
        self._kept += len(page.digests)
        self._newest = max(self._newest, page.high)
        self._current, self._in_order = set(), array("q")
        while self._kept > self._most:
            old = self._pages.popleft()
            self._kept -= len(old.digests)
            self._searchable.pop(old, None)
            self._let_go = max(self._let_go, old.high)

    def _of(self, low: int, high: int) -> list[set[int]]:
        """Return the ids of the pages that hold any of this time."""
        low, high = low - _PRECISION, high + _PRECISION
        return [self._open(page) for page in self._pages if page.low <= high and low <= page.high]

    def _open(self, page: _Page) -> set[int]:
        if page is self._latest:  # the one that is asked for mostly
            return self._latest_ids
        ids = self._searchable.pop(page, None)
        if ids is None:
            ids = set(page.digests)
            if len(self._searchable) >= _MOST_OPEN:
                del self._searchable[next(iter(self._searchable))]
        self._searchable[page] = ids
        return ids
