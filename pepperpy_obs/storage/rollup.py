"""Minutes become five minutes, these become hours and days, and what is old is deleted.

Theory. A part of a minute is *unrolled* until its five minutes have been added up, and these are until their hour has
been; a row in `unrolled` or in `unrolled_five` says so. What is added up is added to where it belongs, and these rows
are deleted, in one transaction: so it is counted once at every moment, for all readers and in all processes that roll
up. The process that does so has the service's row for itself; another one finds the parts gone, and its transaction is
undone. Parts that come later, of late events or of a process that could not write, become another row of the same five
minutes, and are added to the rows of their hour and their day in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Table, delete, func, insert, select, tuple_

from pepperpy_obs import _clock
from pepperpy_obs.aggregate.bundle import Bundle, add_up_bundles
from pepperpy_obs.aggregate.packed import Keys, pack, unpack
from pepperpy_obs.aggregate.rows import row_to_data, row_to_requests
from pepperpy_obs.aggregate.series_data import LlmStats, SeriesData
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.storage.database import Database
from pepperpy_obs.storage.figures import FIGURES, figures_of, rest_of, to_data
from pepperpy_obs.storage.fives import Five, KnownNames, added_up, pack_five
from pepperpy_obs.storage.names import SeriesNames
from pepperpy_obs.storage.schema import (
    DAY,
    FIVE,
    FIVES,
    HOUR,
    MINUTES,
    PROCESSES,
    ROLLED,
    SERVICES,
    UNROLLED,
    UNROLLED_FIVES,
)
from pepperpy_obs.storage.upserts import upsert

__all__ = ["delete_old", "roll_up_hours", "roll_up_minutes"]

_MANY: Final = 500
"""Rows that are asked for or deleted in one statement."""
_TOGETHER: Final = 1 << 22
"""Bytes of bundles that are added up in one go: they take thirty times as many. Other threads come in between."""


class _Due(NamedTuple):
    service: int
    start: int
    parts: Sequence[tuple[Any, ...]]
    """The keys of what was added up."""
    table: SeriesTable


class _TakenError(Exception):
    """Another process has rolled up the same parts."""


def roll_up_minutes(database: Database, before: int, names: SeriesNames) -> bool:
    """Roll up the oldest five minutes that ended by `before` (epoch seconds); return whether there were some."""
    return _rolled_up(database, partial(_due_minutes, before=before), partial(_roll_minutes, names=names))


def roll_up_hours(database: Database, before: int, names: SeriesNames) -> bool:
    """Roll up the oldest hour that ended by `before`, as far as its minutes are; return whether there was one."""
    return _rolled_up(database, partial(_due_hour, before=before, names=names), partial(_roll_hour, names=names))


def _rolled_up(
    database: Database, find: Callable[[Connection], _Due | None], roll: Callable[[Connection, _Due], None]
) -> bool:
    due = database.read(find)
    if due is None:
        return False
    with suppress(_TakenError):
        database.write(lambda connection: roll(connection, due))
    return True


def _oldest(connection: Connection, unrolled: Table, seconds: int, before: int) -> tuple[int, int] | None:
    """Return when the oldest interval of so many seconds began in which something is unrolled, and of which service."""
    start = unrolled.c.start
    found = connection.execute(
        select(start, unrolled.c.service).where(start < before // seconds * seconds).order_by(start).limit(1)
    ).first()
    return None if found is None else (found[0] // seconds * seconds, found[1])


def _due_minutes(connection: Connection, before: int) -> _Due | None:
    oldest = _oldest(connection, UNROLLED, FIVE, before)
    if oldest is None:
        return None
    begin, service = oldest
    same = [MINUTES.c[name] == UNROLLED.c[name] for name in ("start", "process", "part")]
    start = UNROLLED.c.start
    rows = connection.execute(
        select(start, UNROLLED.c.process, UNROLLED.c.part, MINUTES.c.data)
        .join_from(UNROLLED, MINUTES, same[0] & same[1] & same[2])
        .where(start >= begin, start < begin + FIVE, UNROLLED.c.service == service)
    )
    parts: list[tuple[Any, ...]] = []
    table, keys = SeriesTable(), Keys()
    waiting: list[bytes] = []
    for *key, data in rows:
        parts.append(tuple(key))
        waiting.append(bytes(data))
        if sum(map(len, waiting)) >= _TOGETHER:
            table.absorb(add_up_bundles(map(Bundle.of_bytes, waiting), keys))
            waiting = []
            _clock.sleep(0)
    table.absorb(add_up_bundles(map(Bundle.of_bytes, waiting), keys))
    return _Due(service, begin, parts, table)


def _roll_minutes(connection: Connection, due: _Due, names: SeriesNames) -> None:
    _take(connection, UNROLLED, due)
    numbers = names.numbers(connection, list(to_data(due.table)))
    five = pack_five(due.table, numbers)
    has = FIVES.c.start == due.start, FIVES.c.service == due.service
    latest = connection.execute(select(func.max(FIVES.c.number)).where(*has)).scalar()
    key = {"start": due.start, "service": due.service, "number": 0 if latest is None else latest + 1}
    connection.execute(insert(FIVES), [{**key, **five._asdict()}])
    connection.execute(insert(UNROLLED_FIVES), [key])


def _due_hour(connection: Connection, before: int, names: SeriesNames) -> _Due | None:
    oldest = _oldest(connection, UNROLLED_FIVES, HOUR, before)
    if oldest is None:
        return None
    begin, service = oldest
    unrolled = UNROLLED_FIVES.c
    same = [FIVES.c[name] == unrolled[name] for name in ("start", "service", "number")]
    rows = connection.execute(
        select(unrolled.start, unrolled.service, unrolled.number, FIVES.c.data, FIVES.c.metrics, FIVES.c.total)
        .join_from(UNROLLED_FIVES, FIVES, same[0] & same[1] & same[2])
        .where(unrolled.start >= begin, unrolled.start < begin + HOUR, unrolled.service == service)
    ).all()
    fives = [Five(*map(bytes, one[3:])) for one in rows]
    return _Due(service, begin, [tuple(one[:3]) for one in rows], added_up(fives, KnownNames(names.names(connection))))


def _roll_hour(connection: Connection, due: _Due, names: SeriesNames) -> None:
    _take(connection, UNROLLED_FIVES, due)
    all_data = to_data(due.table)
    numbers = names.numbers(connection, list(all_data))
    by_number = {numbers[name]: data for name, data in all_data.items()}
    for seconds, rolled in ROLLED.items():
        key = {"start": due.start // seconds * seconds, "service": due.service}
        _add_rows(connection, rolled.rows, key, by_number)
        _add_rest(connection, rolled.rest, key, due.table)


def _take(connection: Connection, unrolled: Table, due: _Due) -> None:
    """Have the service for this process alone, and the parts no longer unrolled."""
    connection.execute(select(SERVICES.c.id).where(SERVICES.c.id == due.service).with_for_update())
    key = tuple_(*unrolled.primary_key.columns)
    deleted = 0
    for begin in range(0, len(due.parts), _MANY // 3):
        some = due.parts[begin : begin + _MANY // 3]
        deleted += connection.execute(delete(unrolled).where(key.in_(some))).rowcount
    if deleted != len(due.parts):
        raise _TakenError


def _add_rows(
    connection: Connection,
    table: Table,
    key: Mapping[str, int],
    added: Mapping[int, SeriesData | LlmStats],
) -> None:
    """Add the data of an interval's series to what its rows have."""
    has = [table.c[name] == value for name, value in key.items()]
    known: dict[int, bytes] = {}
    numbers = list(added)
    for begin in range(0, len(numbers), _MANY):
        asked = select(table.c.series, table.c.data).where(*has, table.c.series.in_(numbers[begin : begin + _MANY]))
        known |= {number: bytes(packed) for number, packed in connection.execute(asked)}
    rows = [{**key, "series": number, **figures_of(_added(data, known.get(number)))} for number, data in added.items()]
    if rows:
        connection.execute(upsert(connection, table, ("start", "service", "series"), FIGURES), rows)


def _added(data: SeriesData | LlmStats, known: bytes | None) -> SeriesData | LlmStats:
    if known is None:
        return data
    if isinstance(data, SeriesData):
        return data.merge(row_to_data(known))
    return data.merge(row_to_requests(known))


def _add_rest(connection: Connection, table: Table, key: Mapping[str, int], added: SeriesTable) -> None:
    known = connection.execute(
        select(table.c.data).where(*[table.c[name] == value for name, value in key.items()])
    ).scalar()
    packed = rest_of(added)
    if known is not None:
        both = unpack(bytes(known))
        both.absorb(unpack(packed))
        packed = pack(both)
    connection.execute(upsert(connection, table, ("start", "service"), ("data",)), [{**key, "data": packed}])


def delete_old(database: Database, now: int, kept: Mapping[str, float], most: int = 48) -> int:
    """Delete what is older than each resolution is `kept` (seconds), in small transactions; return how many.

    Whole hours of minutes and whole days of hours go at once, `most` of them in all; what is not rolled up stays.
    """
    cuts = [(table, HOUR, (now - kept["minutes"]) // HOUR * HOUR) for table in (MINUTES, FIVES)]
    for seconds, name in ((HOUR, "hours"), (DAY, "days")):
        cuts += [(table, DAY, (now - kept[name]) // DAY * DAY) for table in ROLLED[seconds]]
    cuts.append((PROCESSES, DAY, (now - kept["days"]) // DAY * DAY))
    done = 0
    for table, slice_of, cut in cuts:
        while done < most and database.write(_deletion(table, slice_of, int(cut))):
            done += 1
    return done


def _deletion(table: Table, seconds: int, cut: int) -> Callable[[Connection], bool]:
    """Return a step that deletes the oldest slice of so many seconds before `cut`; its result: was there one."""
    start = table.c.start
    unneeded = [start < cut]
    unrolled = {MINUTES: UNROLLED, FIVES: UNROLLED_FIVES}.get(table)
    if unrolled is not None:
        unneeded.append(start.not_in(select(unrolled.c.start)))

    def run(connection: Connection) -> bool:
        oldest = connection.execute(select(func.min(start)).where(*unneeded)).scalar()
        if oldest is None:
            return False
        end = min(oldest // seconds * seconds + seconds, cut)
        connection.execute(delete(table).where(*unneeded, start < end))
        return True

    return run
