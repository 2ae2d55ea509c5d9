"""Five minutes of one service in bytes: tables that name series by their numbers in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from pepperpy_obs.aggregate.packed import Keys, Names, Numbers, add_up_all, pack, unpack
from pepperpy_obs.aggregate.series import Attribute, SeriesKey
from pepperpy_obs.aggregate.series_table import SeriesTable, summed
from pepperpy_obs.storage.names import Name

__all__ = ["Five", "KnownNames", "added_up", "pack_five"]

_NO_METRICS: Final = b""


class Five(NamedTuple):
    """What a row holds."""

    data: bytes
    metrics: bytes
    """The metrics of the user's, which have no numbers in the database, with their names; empty of none."""
    total: bytes
    """All of it without metrics and without labels: the calls of all series as those of one, which has no names."""

    def metrics_table(self) -> SeriesTable:
        """Return the metrics alone."""
        return unpack(self.metrics) if self.metrics else SeriesTable()


class KnownNames:
    """What the numbers of the database stand for, as `add_up_all` takes it."""

    def __init__(self, names: Mapping[int, Name]) -> None:
        self.names = names
        series = {number: SeriesKey(*key) for number, (family, key) in names.items() if family == "operation"}
        attributes = {number: (key[0], key[1]) for number, (family, key) in names.items() if family == "attribute"}
        self.keys = Keys(list(series.values()), list(attributes.values()))
        """Numbers of their own, which other tables may share."""
        self.numbers = Numbers(_counted(series), _counted(attributes), ())


def pack_five(table: SeriesTable, numbers: Mapping[Name, int]) -> Five:
    """Return a table in bytes; every one of its series has a number."""
    series = {SeriesKey(*key): number for (family, key), number in numbers.items() if family == "operation"}
    attributes: dict[Attribute, int] = {
        (key[0], key[1]): number for (family, key), number in numbers.items() if family == "attribute"
    }
    keys = Keys()
    keys.series, keys.attributes = Names.numbered(series), Names.numbered(attributes)
    metrics, rest = SeriesTable(), SeriesTable()
    rest.absorb(table)
    metrics.metrics, rest.metrics = rest.metrics, {}
    return Five(pack(rest, keys), pack(metrics) if metrics.metrics else _NO_METRICS, pack(summed(rest)))


def _counted(keys: Mapping[int, object]) -> Mapping[int, int]:
    return {number: place for place, number in enumerate(keys)}


def added_up(fives: Sequence[Five], known: KnownNames, others: Sequence[tuple[bytes, Numbers]] = ()) -> SeriesTable:
    """Return the sum of these, and of `others` that share the keys."""
    table = add_up_all([*[(five.data, known.numbers) for five in fives], *others], known.keys)
    table.absorb(*[five.metrics_table() for five in fives if five.metrics])
    return table
