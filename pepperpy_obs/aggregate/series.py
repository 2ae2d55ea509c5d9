"""What tells one series from another, and the limit on how many there may be.

Label values come from the events, so their number is not ours to know: a user who names an operation after a
request would fill the memory. Past the limit, new series are counted together under `_other`, as OpenTelemetry does.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, NamedTuple, TypeVar

from pepperpy_obs.events import OVERFLOW

__all__ = ["ELSEWHERE", "Admission", "MetricKey", "SeriesKey", "label"]

Key = TypeVar("Key", bound=Hashable)

_LONGEST_LABEL: Final = 200


class SeriesKey(NamedTuple):
    """Whose calls a cell counts; "" where the event did not say."""

    operation: str = ""
    agent: str = ""
    kind: str = ""
    provider: str = ""
    model: str = ""


ELSEWHERE: Final = SeriesKey(*[OVERFLOW] * 5)
"""The overflow series of the operations."""


class MetricKey(NamedTuple):
    """A series of a user's metric; `labels` is sorted by name."""

    name: str
    kind: str
    labels: tuple[tuple[str, str], ...] = ()

    def overflowed(self) -> MetricKey:
        """Return the overflow series of the same metric."""
        return self._replace(labels=tuple((name, OVERFLOW) for name, _ in self.labels))


def label(value: object) -> str:
    """Return a label's value: "" for None, text cut at 200 characters."""
    return "" if value is None else str(value)[:_LONGEST_LABEL]


class Admission(Generic[Key]):
    """Lets the first `limit` keys in, for good; the limit may be 0."""

    __slots__ = ("_known", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._known: set[Key] = set()

    def admits(self, key: Key) -> bool:
        """Return whether `key` may have a series of its own, now and from now on."""
        if key in self._known:
            return True
        if len(self._known) >= self.limit:
            return False
        self._known.add(key)
        return True

    def clear(self) -> None:
        """Forget all keys."""
        self._known.clear()
