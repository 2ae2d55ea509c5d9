"""The snapshot: what the aggregator knew at one moment, for readers, other processes and files.

Everything that is read (reports, health, Prometheus, fleet, storage) is a projection of a snapshot. It is immutable
and holds no clock. Merging snapshots of several processes gives the snapshot that one process would have had,
in whatever order they are merged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Any, Final, Self

import msgspec

from pepperpy_obs.aggregate.metric import MetricData
from pepperpy_obs.aggregate.packed import UNREADABLE, pack, unpack
from pepperpy_obs.aggregate.plain import plain_of, table_of
from pepperpy_obs.aggregate.series import Attribute, MetricKey, SeriesKey
from pepperpy_obs.aggregate.series_data import CacheData, LlmStats, SeriesData
from pepperpy_obs.aggregate.series_table import Entries, SeriesTable, summed
from pepperpy_obs.errors import SetupError

__all__ = ["EMPTY", "Snapshot"]

_FORMAT: Final = 1
_BINARY: Final = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All series over one stretch of time."""

    start: int | None
    """UTC epoch nanoseconds: the first event, or the beginning of the window if that is later; None of no events."""
    end: int | None
    """UTC epoch nanoseconds: when the snapshot was taken, or the newest event where no time was given."""
    window: float | None
    """The window asked for in seconds; None: since the start."""
    series: Mapping[SeriesKey, SeriesData]
    caches: Mapping[str, CacheData]
    metrics: Mapping[MetricKey, MetricData]
    attributes: Mapping[Attribute, LlmStats]
    """Requests by each field of the user's that costs are asked for by, and its value ("" of none)."""
    days: Mapping[str, LlmStats]
    """Requests by the day of their end (UTC, such as 2026-11-23); of 400 days at most, the latest."""
    events: Mapping[str, int]
    """Events by name."""
    refused: Mapping[str, int]
    """Fields that could not be counted (a negative duration, tokens that are no number), by field."""
    overflow: Mapping[str, int]
    """Events that were counted under `_other`, by family: operations, attributes, caches, metrics."""

    @classmethod
    def of(cls, entries: Entries, window: float | None) -> Self:
        """Make a snapshot of a table that is not changed any more."""
        return cls(
            entries.start,
            entries.end,
            window,
            MappingProxyType(entries.series),
            MappingProxyType(entries.caches),
            MappingProxyType(entries.metrics),
            MappingProxyType(entries.attributes),
            MappingProxyType(entries.days),
            MappingProxyType(entries.events),
            MappingProxyType(entries.refused),
            MappingProxyType(entries.overflow),
        )

    @property
    def seconds(self) -> float:
        """How long the stretch is; 0.0 of less than two events at different times."""
        return (self.end - self.start) / 1e9 if self.start is not None and self.end is not None else 0.0

    def merge(self, other: Self) -> Self:
        """Return the snapshot of both sets of events; exactly associative and commutative, `EMPTY` changes nothing.

        The series of both are kept, with no limit: a `Store` that takes a snapshot in applies its own.
        """
        table = SeriesTable()
        table.absorb(self)
        table.absorb(other)
        window = max(inf if snapshot.window is None else snapshot.window for snapshot in (self, other))
        return self.of(table, None if window == inf else window)

    def sum(self) -> Self:
        """Return the calls of all series as those of one, which has no names; without metrics and the user's fields."""
        return self.of(summed(self), self.window)

    def to_dict(self, rows: Callable[[Iterable[Any]], Any] = list) -> dict[str, Any]:
        """Return plain values that JSON takes; with `rows=iter` iterators stand where lists would."""
        return {"format": _FORMAT, "window": self.window, **plain_of(self, rows)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return the snapshot that `to_dict` was asked of; anything else is a `SetupError`."""
        try:
            if plain["format"] != _FORMAT:
                msg = f"format {plain['format']!r}, and this version reads format {_FORMAT}"
                raise ValueError(msg)  # noqa: TRY301 - one message for all that is wrong
            return cls.of(table_of(plain), plain["window"])
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            msg = f"this is not a snapshot that Snapshot.to_dict wrote ({error!r}); it begins {str(plain)[:80]!r}"
            raise SetupError(msg) from error

    def to_json(self) -> str:
        """Return one line of JSON; equal snapshots give equal lines."""
        return json.dumps(self.to_dict(), allow_nan=False, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the snapshot that `to_json` was asked of; anything else is a `SetupError`."""
        try:
            plain = json.loads(text)
        except ValueError as error:
            msg = f"this is not JSON ({error}); a snapshot is what Snapshot.to_json wrote"
            raise SetupError(msg) from error
        return cls.from_dict(plain)

    def to_bytes(self) -> bytes:
        """Return the same in a tenth of the bytes and of the time; the first byte names the format."""
        return bytes([_BINARY]) + msgspec.msgpack.encode((self.window, pack(self)))

    @classmethod
    def from_bytes(cls, packed: bytes) -> Self:
        """Return the snapshot that `to_bytes` was asked of; anything else is a `SetupError`."""
        try:
            if packed[0] != _BINARY:
                msg = f"format {packed[0]}, and this version reads format {_BINARY}"
                raise ValueError(msg)  # noqa: TRY301 - as above
            window, table = msgspec.msgpack.decode(memoryview(packed)[1:], type=tuple[int | float | None, bytes])
            return cls.of(unpack(table), window)
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, IndexError, *UNREADABLE) as error:
            msg = f"this is not a snapshot that Snapshot.to_bytes wrote ({error!r}); it begins {packed[:20]!r}"
            raise SetupError(msg) from error


EMPTY: Final = Snapshot.of(SeriesTable(), 0.0)
"""The snapshot of nothing; merging it changes nothing."""
