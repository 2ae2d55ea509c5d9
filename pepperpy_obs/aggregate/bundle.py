"""Bundles: packed intervals of one process, with all that their numbers stand for; what a store keeps of a minute.

Each interval stays by itself, so that a bundle can answer for any window that intervals can. Nothing in it is packed
again when it is made: it is the bytes that windows have made already, and the names of the series that came in them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Hashable, Iterable, Sequence
from typing import Final, Self, TypedDict, TypeVar

import msgspec

from pepperpy_obs.aggregate.closed import ClosedInterval
from pepperpy_obs.aggregate.packed import UNREADABLE, Keys, Names, Numbers, add_up_all, pack
from pepperpy_obs.aggregate.series import Attribute, MetricKey, SeriesKey
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.errors import SetupError

__all__ = ["Bundle", "add_up_bundles", "pieces_of"]

_FORMAT: Final = b"\x01"
_Key = TypeVar("_Key", bound=Hashable)


class _Wire(msgspec.Struct, array_like=True, frozen=True, gc=False):
    pieces: list[tuple[int, bytes]]
    names: bytes
    """In JSON: a name may hold half of a character, which MessagePack does not take."""


class _Names(TypedDict):
    series: list[tuple[int, list[str]]]
    attributes: list[tuple[int, str, str]]
    metrics: list[tuple[int, str, str, list[tuple[str, str]]]]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Wire).decode


class Bundle:
    """Intervals that were packed with the same keys, and which of these came in them."""

    __slots__ = ("_attributes", "_found", "_metrics", "_series", "keys", "pieces")

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.pieces: list[tuple[int, bytes]] = []
        """When each interval began (epoch ns), and its table."""
        self._series: dict[int, SeriesKey] = {}
        self._attributes: dict[int, Attribute] = {}
        self._metrics: dict[int, MetricKey] = {}
        self._found: tuple[Keys, Numbers] | None = None

    def add(self, interval: ClosedInterval) -> None:
        """Add an interval that was packed with these keys, or was not packed."""
        counted, keys = interval.counted, self.keys
        self.pieces.append((interval.start, interval.packed or pack(counted, keys)))
        self._series.update(_numbered(keys.series, list(counted.series)))
        self._attributes.update(_numbered(keys.attributes, list(counted.attributes)))
        self._metrics.update(_numbered(keys.metrics, list(counted.metrics)))
        self._found = None

    def add_table(self, start: int, table: SeriesTable) -> None:
        """Add what was counted in an interval that began at `start`."""
        self.add(ClosedInterval(start, start, table, is_reopened=False))

    def copy(self) -> Self:
        """Return another bundle of the same intervals."""
        made = type(self)(self.keys)
        made.pieces = self.pieces.copy()
        made._series, made._attributes, made._metrics = (
            self._series.copy(),
            self._attributes.copy(),
            self._metrics.copy(),
        )
        return made

    def to_bytes(self) -> bytes:
        """Return all of it in bytes."""
        names: _Names = {
            "series": [(number, list(key)) for number, key in self._series.items()],
            "attributes": [(number, *key) for number, key in self._attributes.items()],
            "metrics": [(number, key.name, key.kind, list(key.labels)) for number, key in self._metrics.items()],
        }
        wire = _Wire(self.pieces, json.dumps(names, separators=(",", ":")).encode())
        return _FORMAT + zlib.compress(_encode(wire), 1)

    @classmethod
    def of_bytes(cls, packed: bytes) -> Self:
        """Return the bundle that `to_bytes` was asked of; anything else is a `SetupError`."""
        try:
            if packed[:1] != _FORMAT:
                msg = f"format {packed[:1]!r}, and this version reads format {_FORMAT!r}"
                raise ValueError(msg)  # noqa: TRY301 - one message for all that is wrong
            wire = _decode(zlib.decompress(packed[1:]))
            return cls._read(wire.pieces, json.loads(wire.names))
        except (KeyError, TypeError, ValueError, *UNREADABLE) as error:
            msg = f"this is not what a store has kept of a minute ({error!r}); it begins {packed[:20]!r}"
            raise SetupError(msg) from error

    @classmethod
    def _read(cls, pieces: list[tuple[int, bytes]], names: _Names) -> Self:
        made = cls(Keys())
        made.pieces = pieces
        made._series = {number: SeriesKey(*key) for number, key in names["series"]}
        made._attributes = {number: (name, value) for number, name, value in names["attributes"]}
        made._metrics = {
            number: MetricKey(name, kind, tuple((label, value) for label, value in labels))
            for number, name, kind, labels in names["metrics"]
        }
        return made

    def numbers_in(self, keys: Keys) -> Numbers:
        """Return the numbers among other keys of those that are its own."""
        if self._found is None or self._found[0] is not keys:
            numbers = Numbers(
                dict(zip(self._series, keys.series.numbers(list(self._series.values())), strict=True)),
                dict(zip(self._attributes, keys.attributes.numbers(list(self._attributes.values())), strict=True)),
                dict(zip(self._metrics, keys.metrics.numbers(list(self._metrics.values())), strict=True)),
            )
            self._found = keys, numbers
        return self._found[1]


def _numbered(names: Names[_Key], keys: Sequence[_Key]) -> Iterable[tuple[int, _Key]]:
    return zip(names.numbers(keys), keys, strict=True)


def add_up_bundles(bundles: Iterable[Bundle], keys: Keys, within: range | None = None) -> SeriesTable:
    """Return the sum of the intervals, or of those that begin `within` a stretch; `keys` take their names in."""
    return add_up_all(pieces_of(bundles, keys, within), keys)


def pieces_of(bundles: Iterable[Bundle], keys: Keys, within: range | None = None) -> list[tuple[bytes, Numbers]]:
    """Return what `add_up_all` is to be given to add them up together with others."""
    packed: list[tuple[bytes, Numbers]] = []
    for bundle in bundles:
        numbers = bundle.numbers_in(keys)
        packed += [(piece, numbers) for start, piece in bundle.pieces if within is None or start in within]
    return packed
