"""Folds of some events of a log: those of each step of time, and the newest that are asked for."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Final

from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.errors import SetupError
from pepperpy_obs.formats.read import read_event
from pepperpy_obs.replay.fast_groups import Line
from pepperpy_obs.replay.fold import Fold

__all__ = ["MOST_EVENTS", "NewestFold", "StepFold", "checked_limit"]

MOST_EVENTS: Final = 10_000


class StepFold(Fold):
    """Folds each event into the store of its step; steps are given from the oldest to the newest."""

    def __init__(self, new_store: Callable[[], Store], steps: Sequence[range]) -> None:
        super().__init__(new_store())
        self._new_store = new_store
        self._steps = steps
        self._begins = [step.start for step in steps]
        self.stores: dict[int, Store] = {}
        """By the beginning of the step."""
        self.first: int | None = None
        """When the first event was, of these steps or not."""

    def _fold_lines(self, lines: list[bytes], numbers: Sequence[int], name: str) -> None:
        for number, line in zip(numbers, lines, strict=True):
            self._line(Line(line, name, number))

    def _take(self, event: dict[str, Any], at: int) -> None:
        self.first = at if self.first is None else min(at, self.first)
        place = bisect_right(self._begins, at) - 1
        if place < 0 or at >= self._steps[place].stop:
            return
        begin = self._begins[place]
        store = self.stores.get(begin)
        if store is None:
            store = self.stores[begin] = self._new_store()
        store.fold(event, at)


class NewestFold(Fold):
    """Keeps the newest events that have all that is given; of those of one time, those that came last."""

    def __init__(
        self,
        *,
        trace_id: str | None = None,
        operation: str | None = None,
        agent: str | None = None,
        outcome: str | None = None,
        limit: int = 100,
    ) -> None:
        super().__init__(Store())
        self._read = read_event
        asked = {"trace_id": trace_id, "operation": operation, "agent": agent, "outcome": outcome}
        self._asked = {name: value for name, value in asked.items() if value is not None}
        self._needle = (trace_id or "").encode()
        self._limit = checked_limit(limit)
        self._newest: list[tuple[int, int, dict[str, Any]]] = []
        self._number = 0

    @property
    def full(self) -> bool:
        """Whether it has as many as were asked for: older events change nothing any more."""
        return len(self._newest) >= self._limit

    def found(self) -> list[dict[str, Any]]:
        """Return them, the newest first."""
        return [event for _, _, event in sorted(self._newest, reverse=True)]

    def _fold_lines(self, lines: list[bytes], numbers: Sequence[int], name: str) -> None:
        for number, line in zip(numbers, lines, strict=True):
            if self._needle in line:
                self._line(Line(line, name, number))

    def _take(self, event: dict[str, Any], at: int) -> None:
        if any(event.get(name) != value for name, value in self._asked.items()):
            return
        self._number += 1
        heapq.heappush(self._newest, (at, self._number, event))
        if len(self._newest) > self._limit:
            heapq.heappop(self._newest)


def checked_limit(limit: int) -> int:
    """Return how many events are asked for; SetupError for none, or for more than there may be."""
    is_whole = isinstance(limit, int) and not isinstance(limit, bool)  # type: ignore[redundant-expr] # pyright: ignore[reportUnnecessaryIsInstance] - users without a type checker
    if not is_whole or not 1 <= limit <= MOST_EVENTS:
        msg = f"limit={limit!r}: use a whole number from 1 to {MOST_EVENTS}"
        raise SetupError(msg)
    return limit
