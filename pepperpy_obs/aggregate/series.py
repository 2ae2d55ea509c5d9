"""What tells one series from another, and the limit on how many there may be.

Label values come from the events, so their number is unknown: a user that names an operation after a
request would fill the memory. Past the limit, new series are counted together under `_other`, as OpenTelemetry does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Final, NamedTuple, TypeVar

from pepperpy_obs.events import OVERFLOW

__all__ = [
    "ALSO_BY",
    "OVERFLOW_KEY",
    "Attribute",
    "Clean",
    "Limits",
    "MetricKey",
    "SeriesKey",
    "joined",
    "label",
    "parted",
]

Key = TypeVar("Key", bound=Hashable)

_LONGEST_LABEL: Final = 200
_MOST_REMEMBERED: Final = 4096

Clean = Callable[[str, str], object]
"""Takes a label's name and value and returns the value that may be shown: without secrets."""


ALSO_BY: Final = "+"
"""Joins the names of fields by which requests are counted together: customer+model."""
_BETWEEN: Final = "\x1f"

Attribute = tuple[str, str]
"""A field of the user's, and its value; or several fields, with `ALSO_BY` between them, and their values `joined`."""


class SeriesKey(NamedTuple):
    """Whose calls are counted; "" where the event did not say."""

    operation: str = ""
    agent: str = ""
    kind: str = ""
    provider: str = ""
    model: str = ""


OVERFLOW_KEY: Final = SeriesKey(*[OVERFLOW] * 5)
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


def joined(values: Sequence[str]) -> str:
    """Return several values as one."""
    return _BETWEEN.join(value.replace(_BETWEEN, "?") for value in values)


def parted(value: str, number: int) -> list[str]:
    """Return the values that were joined; of an overflow, which stands for any, itself for each of their `number`."""
    return [value] * number if value == OVERFLOW else value.split(_BETWEEN)


def _as_it_is(_: str, value: str) -> str:
    return value


class Limits:
    """Says under which key something may be counted: its own for the first `most` of a family, for good.

    `overflow` is where each placing under `_other` is counted, `weight` times, by family.
    """

    __slots__ = ("_attributes", "_caches", "_clean", "_kinds", "_labels", "_metrics", "_series", "most")

    def __init__(self, most: int, clean: Clean = _as_it_is) -> None:
        self.most = most
        self.clean = clean
        self._series: dict[SeriesKey, SeriesKey] = {}
        self._attributes: set[Attribute] = set()
        self._caches: set[str] = set()
        self._metrics: set[MetricKey] = set()
        self._kinds: dict[str, str] = {}

    @property
    def clean(self) -> Clean:
        """What label values go through before anything is counted under them."""
        return self._clean

    @clean.setter
    def clean(self, clean: Clean) -> None:
        self._clean = clean
        self._labels: dict[tuple[str, str], str] = {}

    def label(self, name: str, value: object) -> str:
        """Return the value of the label `name`: text, cut and clean. A value that comes again is not cleaned again."""
        text = label(value)
        if not text:
            return text
        known = self._labels.get((name, text))
        if known is None:
            if len(self._labels) >= _MOST_REMEMBERED:
                self._labels.clear()
            known = self._labels[name, text] = label(self._clean(name, text))
        return known

    def series(self, key: SeriesKey, overflow: Counter[str], weight: int = 1) -> SeriesKey:
        """Place calls; one key, always the same, stands for all that are equal, as many tables have it."""
        known = self._series.get(key)
        if known is not None:
            return known
        if key == OVERFLOW_KEY:
            return OVERFLOW_KEY
        if len(self._series) < self.most:
            self._series[key] = key
            return key
        overflow["operations"] += weight
        return OVERFLOW_KEY

    def attribute(self, key: Attribute, overflow: Counter[str], weight: int = 1) -> Attribute:
        """Place requests of a user attribute's value."""
        if key[1] == OVERFLOW or self._admits(self._attributes, key):
            return key
        overflow["attributes"] += weight
        return key[0], OVERFLOW

    def cache(self, name: str, overflow: Counter[str], weight: int = 1) -> str:
        """Place lookups of a cache."""
        if name == OVERFLOW or self._admits(self._caches, name):
            return name
        overflow["caches"] += weight
        return OVERFLOW

    def metric(self, key: MetricKey, overflow: Counter[str], weight: int = 1) -> MetricKey | None:
        """Place values of a user's metric; None if its name is taken by another kind, or is one too many."""
        kind = self._kinds.get(key.name)
        if kind is None and len(self._kinds) < self.most:
            self._kinds[key.name] = kind = key.kind
        if kind != key.kind:
            return None
        other = key.overflowed()
        if (key == other and key.labels) or self._admits(self._metrics, key):
            return key
        overflow["metrics"] += weight
        return other

    def _admits(self, known: set[Key], key: Key) -> bool:
        if key in known:
            return True
        if len(known) >= self.most:
            return False
        known.add(key)
        return True
