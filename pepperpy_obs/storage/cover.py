"""What covers a stretch of time: whole days, hours at its edges, and minutes that are not rolled up yet.

All of it is asked of one moment of the database, so that each part is in one place: unrolled, in five minutes that are
unrolled, or in rows. Times are epoch seconds here. What is found is added up later: a reader of many steps may want
few.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Table, func, literal, or_, select

from pepperpy_obs.aggregate.bundle import Bundle, pieces_of
from pepperpy_obs.aggregate.packed import unpack
from pepperpy_obs.aggregate.series_table import SeriesTable, summed
from pepperpy_obs.storage.figures import merged_rows
from pepperpy_obs.storage.fives import Five, KnownNames, added_up
from pepperpy_obs.storage.names import SeriesNames
from pepperpy_obs.storage.schema import DAY, FIVE, FIVES, HOUR, MINUTES, ROLLED, UNROLLED, UNROLLED_FIVES, fives_from

__all__ = ["MINUTE", "NANO", "Cover", "Found"]

MINUTE: Final = 60
NANO: Final = 1_000_000_000
_FIVE: Final = FIVES.c.data, FIVES.c.metrics, FIVES.c.total
_BATCH: Final = 2000
"""Rows that are fetched together."""


@dataclass
class Found:
    """What was found of a stretch."""

    known: KnownNames
    rows: defaultdict[int, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    """By the number of their series."""
    rest: list[bytes] = field(default_factory=list)
    fives: list[Five] = field(default_factory=list)
    """What is not in the rows."""
    bundles: list[Bundle] = field(default_factory=list)
    """What is in neither."""
    within: range | None = None
    """Where (epoch nanoseconds) an interval of the bundles has to begin; None: all of them count."""

    def to_table(self) -> SeriesTable:
        """Return the sum."""
        table = merged_rows(self.rows, self.known.names)
        table.absorb(*[unpack(one) for one in self.rest])
        if self.fives or self.bundles:
            table.absorb(added_up(self.fives, self.known, pieces_of(self.bundles, self.known.keys, self.within)))
        return table

    def to_sum(self) -> SeriesTable:
        """Return the sum without labels and metrics, which five minutes have ready."""
        if self.rows:
            return summed(self.to_table())
        table = SeriesTable()
        table.absorb(*[unpack(one) for one in self.rest], *[unpack(five.total) for five in self.fives])
        if self.bundles:
            table.absorb(summed(added_up([], self.known, pieces_of(self.bundles, self.known.keys, self.within))))
        table.metrics = {}
        return table

    def number(self) -> None:
        """Give numbers to all names, so that threads may add up what shares them."""
        for bundle in self.bundles:
            bundle.numbers_in(self.known.keys)


class Cover:
    """Reads stretches of one service, or of all."""

    def __init__(self, connection: Connection, service: int | None, names: SeriesNames) -> None:
        self.connection = connection
        """Whose transaction everything is asked in."""
        self._service = service
        self._known = KnownNames(names.names(connection))

    def nothing(self) -> Found:
        """Return what is not known of."""
        return Found(self._known)

    def whole(self) -> Found:
        """Return all that there is."""
        found = self.nothing()
        self._add_rows(found, DAY, None)
        self._add_unrolled(found, None)
        return found

    def hours(self, stretch: range) -> tuple[range, Found]:
        """Return what was counted in a stretch of whole hours, and the stretch.

        Where the hours of its first or its last day are gone and only the day is left, it grows to have all of that.
        """
        begin, end = stretch.start, stretch.stop
        day = begin // DAY * DAY
        if begin != day and self._has(DAY, day, day + 1) and not self._has(HOUR, day, day + DAY):
            begin = day
        first, last = -(-begin // DAY) * DAY, end // DAY * DAY
        if last < end and not self._has(HOUR, end, last + DAY):
            # Nothing in the rows of the day is of later, as on the day under way; or its hours are gone.
            if self._has(DAY, last, last + 1) and not self._has(HOUR, last, end):
                end = last + DAY
            last += DAY
        found = self.nothing()
        if first < last:
            self._add_rows(found, DAY, range(first, last))
            self._add_rows(found, HOUR, range(begin, first))
            self._add_rows(found, HOUR, range(last, end))
        else:
            self._add_rows(found, HOUR, range(begin, end))
        self._add_unrolled(found, range(begin, end))
        return range(begin, end), found

    def recent(self, stretch: range) -> Found:
        """Return what was counted in a stretch that begins and ends within minutes that are kept, at its edges too.

        Of the minutes at the edges there may be more than that.
        """
        first, last = max(-(-stretch.start // FIVE) * FIVE, self.fives_from()), stretch.stop // FIVE * FIVE
        edges = [range(stretch.start, first), range(last, stretch.stop)] if first < last else [stretch]
        found = self.nothing()
        if first < last:
            within = range(first, last)
            found.fives = [five for _, five in self._fives(within)]
            found.bundles = [bundle for _, bundle in self._unrolled(within)]
        for edge in filter(None, edges):
            found.bundles += [bundle for _, bundle in self.minutes(edge)]
        return found

    def minutes(self, stretch: range) -> list[tuple[int, Bundle]]:
        """Return the parts of a stretch's minutes, rolled up or not, as long as they are kept."""
        begin = stretch.start // MINUTE * MINUTE
        asked = select(MINUTES.c.start, MINUTES.c.data).where(*self._within(MINUTES, range(begin, stretch.stop)))
        return [(start, Bundle.of_bytes(bytes(packed))) for start, packed in self._fetched(asked)]

    def steps(self, steps: Sequence[range], seconds: int) -> list[Found]:
        """Return what was counted in each of equal steps of whole intervals of so many `seconds`."""
        length, begin = len(steps[0]), steps[0].start
        whole, each = range(begin, steps[-1].stop), [self.nothing() for _ in steps]
        if seconds > FIVE:
            rows, rest = ROLLED[seconds]
            asked = select(rows.c.start, rows.c.series, rows.c.data).where(*self._within(rows, whole))
            for start, number, packed in self._fetched(asked):
                each[(start - begin) // length].rows[number].append(bytes(packed))
            for start, packed in self._fetched(select(rest.c.start, rest.c.data).where(*self._within(rest, whole))):
                each[(start - begin) // length].rest.append(bytes(packed))
        for start, five in self._fives(whole) if seconds == FIVE else self._unrolled_fives(whole):
            each[(start - begin) // length].fives.append(five)
        for start, bundle in self._unrolled(whole):
            each[(start - begin) // length].bundles.append(bundle)
        return each

    def fives_from(self) -> int:
        """Return from when on five minutes have all that minutes have."""
        return fives_from(self.connection)

    def has_before(self, begin: int) -> bool:
        """Return whether anything is known of the minutes, hours and days that ended by `begin`."""
        older = [
            select(literal(1)).where(*self._within(table, range(begin // seconds * seconds))).exists()
            for table, seconds in (
                (ROLLED[DAY].rest, DAY),
                (ROLLED[HOUR].rest, HOUR),
                (FIVES, FIVE),
                (MINUTES, MINUTE),
            )
        ]
        return bool(self.connection.execute(select(or_(*older))).scalar())

    def first(self) -> int | None:
        """Return when the first interval began of which anything is known, as finely as it is; epoch nanoseconds."""
        found = self._least(ROLLED[DAY].rest)
        # The day of the oldest hour says nothing that the hour does not say better, and so on.
        for table, seconds in ((ROLLED[HOUR].rest, DAY), (FIVES, HOUR), (MINUTES, FIVE)):
            finer = self._least(table)
            if finer is not None and (found is None or finer // seconds * seconds <= found):
                found = finer
                if table is MINUTES:
                    bundles = self.minutes(range(finer, finer + 1))
                    return min(start for _, bundle in bundles for start, _ in bundle.pieces)
        return None if found is None else found * NANO

    def _add_rows(self, found: Found, seconds: int, stretch: range | None) -> None:
        if stretch is not None and not stretch:
            return
        rows, rest = ROLLED[seconds]
        for number, packed in self._fetched(select(rows.c.series, rows.c.data).where(*self._within(rows, stretch))):
            found.rows[number].append(packed)
        found.rest += [packed for (packed,) in self._fetched(select(rest.c.data).where(*self._within(rest, stretch)))]

    def _add_unrolled(self, found: Found, stretch: range | None) -> None:
        found.fives += [five for _, five in self._unrolled_fives(stretch)]
        found.bundles += [bundle for _, bundle in self._unrolled(stretch)]

    def _fives(self, stretch: range) -> list[tuple[int, Five]]:
        asked = select(FIVES.c.start, *_FIVE).where(*self._within(FIVES, stretch))
        return [(start, Five(*map(bytes, five))) for start, *five in self._fetched(asked)]

    def _unrolled_fives(self, stretch: range | None) -> list[tuple[int, Five]]:
        same = [FIVES.c[name] == UNROLLED_FIVES.c[name] for name in ("start", "service", "number")]
        asked = (
            select(FIVES.c.start, *_FIVE)
            .join_from(UNROLLED_FIVES, FIVES, same[0] & same[1] & same[2])
            .where(*self._within(UNROLLED_FIVES, stretch))
        )
        return [(start, Five(*map(bytes, five))) for start, *five in self._fetched(asked)]

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
