"""What covers a stretch of time: whole days, hours at its edges, and parts of minutes that are not rolled up yet.

All of it is asked of one moment of the database, so that each part is in rows or among the unrolled ones, and never in
both. Times are epoch seconds here. What is found is added up later: a reader of many steps may want few.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Table, func, literal, or_, select

from pepperpy_obs.aggregate.bundle import Bundle, add_up_bundles
from pepperpy_obs.aggregate.packed import Keys, unpack
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.storage.figures import merged_rows
from pepperpy_obs.storage.names import Name, SeriesNames
from pepperpy_obs.storage.schema import DAY, HOUR, MINUTES, ROLLED, UNROLLED

__all__ = ["MINUTE", "NANO", "Cover", "Found"]

MINUTE: Final = 60
NANO: Final = 1_000_000_000
_BATCH: Final = 2000
"""Rows that are fetched together."""


@dataclass
class Found:
    """What was found of a stretch."""

    rows: defaultdict[int, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    """By the number of their series."""
    rest: list[bytes] = field(default_factory=list)
    bundles: list[Bundle] = field(default_factory=list)
    """Parts that are not in the rows."""
    within: range | None = None
    """Where (epoch nanoseconds) an interval of the bundles has to begin; None: all of them count."""
    names: Mapping[int, Name] = field(default_factory=dict)
    keys: Keys = field(default_factory=Keys)
    """Numbers that bundles share with those of other steps."""

    def to_table(self) -> SeriesTable:
        """Return the sum."""
        table = merged_rows(self.rows, self.names)
        table.absorb(*[unpack(one) for one in self.rest], add_up_bundles(self.bundles, self.keys, self.within))
        return table


class Cover:
    """Reads stretches of one service, or of all."""

    def __init__(self, connection: Connection, service: int | None, names: SeriesNames) -> None:
        self.connection = connection
        """Whose transaction everything is asked in."""
        self._service = service
        self._names = names

    def whole(self) -> Found:
        """Return all that there is."""
        found = Found()
        self._add_rows(found, DAY, None)
        found.bundles = [bundle for _, bundle in self._unrolled(None)]
        return self._named(found)

    def hours(self, stretch: range) -> tuple[range, Found]:
        """Return what was counted in a stretch of whole hours, and the stretch.

        It grows to the beginning of its first day if the hours of that day are gone, and only the day is left.
        """
        begin, end = stretch.start, stretch.stop
        day = begin // DAY * DAY
        if begin != day and self._has(DAY, day, day + 1) and not self._has(HOUR, day, day + DAY):
            begin = day
        first, last = -(-begin // DAY) * DAY, end // DAY * DAY
        if last < end and not self._has(HOUR, end, last + DAY):
            last += DAY  # the day under way: nothing in its rows is of later
        found = Found()
        if first < last:
            self._add_rows(found, DAY, range(first, last))
            self._add_rows(found, HOUR, range(begin, first))
            self._add_rows(found, HOUR, range(last, end))
        else:
            self._add_rows(found, HOUR, range(begin, end))
        found.bundles = [bundle for _, bundle in self._unrolled(range(begin, end))]
        return range(begin, end), self._named(found)

    def minutes(self, stretch: range) -> list[tuple[int, Bundle]]:
        """Return the parts of a stretch's minutes, rolled up or not, as long as they are kept."""
        begin = stretch.start // MINUTE * MINUTE
        asked = select(MINUTES.c.start, MINUTES.c.data).where(*self._within(MINUTES, range(begin, stretch.stop)))
        return [(start, Bundle.of_bytes(bytes(packed))) for start, packed in self._fetched(asked)]

    def steps(self, steps: Sequence[range], seconds: int) -> list[Found]:
        """Return what was counted in each of equal steps of whole intervals of so many `seconds`."""
        length, begin = len(steps[0]), steps[0].start
        whole, keys = range(begin, steps[-1].stop), Keys()
        each = [Found(keys=keys) for _ in steps]
        rows, rest = ROLLED[seconds]
        asked = select(rows.c.start, rows.c.series, rows.c.data).where(*self._within(rows, whole))
        for start, number, packed in self._fetched(asked):
            each[(start - begin) // length].rows[number].append(bytes(packed))
        for start, packed in self._fetched(select(rest.c.start, rest.c.data).where(*self._within(rest, whole))):
            each[(start - begin) // length].rest.append(bytes(packed))
        for start, bundle in self._unrolled(whole):
            each[(start - begin) // length].bundles.append(bundle)
        return [self._named(found) for found in each]

    def has_before(self, begin: int) -> bool:
        """Return whether anything is known of the minutes, hours and days that ended by `begin`."""
        older = [
            select(literal(1)).where(*self._within(table, range(begin // seconds * seconds))).exists()
            for table, seconds in ((ROLLED[DAY].rest, DAY), (ROLLED[HOUR].rest, HOUR), (MINUTES, MINUTE))
        ]
        return bool(self.connection.execute(select(or_(*older))).scalar())

    def first(self) -> int | None:
        """Return when the first interval began of which anything is known, as finely as it is; epoch nanoseconds."""
        minute = self._least(MINUTES)
        hour, day = self._least(ROLLED[HOUR].rest), self._least(ROLLED[DAY].rest)
        # The day of the oldest hour says nothing that the hour does not say better.
        coarse = day if hour is None or (day is not None and day < hour // DAY * DAY) else hour
        if minute is None or (coarse is not None and coarse + HOUR < minute):
            return None if coarse is None else coarse * NANO
        bundles = self.minutes(range(minute, minute + 1))
        return min(start for _, bundle in bundles for start, _ in bundle.pieces)

    def _add_rows(self, found: Found, seconds: int, stretch: range | None) -> None:
        if stretch is not None and not stretch:
            return
        rows, rest = ROLLED[seconds]
        for number, packed in self._fetched(select(rows.c.series, rows.c.data).where(*self._within(rows, stretch))):
            found.rows[number].append(packed)
        found.rest += [packed for (packed,) in self._fetched(select(rest.c.data).where(*self._within(rest, stretch)))]

    def _unrolled(self, stretch: range | None) -> list[tuple[int, Bundle]]:
        same = [MINUTES.c[name] == UNROLLED.c[name] for name in ("start", "process", "part")]
        asked = (
            select(MINUTES.c.start, MINUTES.c.data)
            .join_from(UNROLLED, MINUTES, same[0] & same[1] & same[2])
            .where(*self._within(UNROLLED, stretch))
        )
        return [(start, Bundle.of_bytes(bytes(packed))) for start, packed in self._fetched(asked)]

    def _within(self, table: Table, stretch: range | None) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if stretch is not None:
            found += [table.c.start >= stretch.start, table.c.start < stretch.stop]
        if self._service is not None:
            found.append(table.c.service == self._service)
        return found

    def _has(self, seconds: int, begin: int, end: int) -> bool:
        rest = ROLLED[seconds].rest
        return (
            self.connection.execute(select(1).where(*self._within(rest, range(begin, end))).limit(1)).first()
            is not None
        )

    def _least(self, table: Table) -> int | None:
        found = self.connection.execute(select(func.min(table.c.start)).where(*self._within(table, None))).scalar()
        return None if found is None else int(found)

    def _fetched(self, asked: Select[*tuple[Any, ...]]) -> Iterator[Any]:
        for some in self.connection.execution_options(yield_per=_BATCH).execute(asked).partitions():
            yield from some

    def _named(self, found: Found) -> Found:
        found.names = self._names.names(self.connection, set(found.rows))
        return found
