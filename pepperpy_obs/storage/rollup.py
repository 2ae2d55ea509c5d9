"""Minutes become hours and days, and what is old is deleted.

Theory. A part of a minute is *unrolled* until its hour has been added up; its row in `unrolled` says so. It is added to
the rows of its hour and its day, and that row is deleted, in one transaction: so it is counted once at every moment,
for all readers and in all processes that roll up. The process that does so has the service's row for itself; another
one finds the parts gone, and its transaction is undone. Parts that come later, of late events or of a process that
could not write, are added to the same rows in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from sqlalchemy import Connection, Table, delete, func, select, tuple_

from pepperpy_obs import _clock
from pepperpy_obs.aggregate.bundle import Bundle, add_up_bundles
from pepperpy_obs.aggregate.packed import Keys, pack, unpack
from pepperpy_obs.aggregate.rows import row_to_data, row_to_requests
from pepperpy_obs.aggregate.series_data import LlmStats, SeriesData
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.storage.database import Database
from pepperpy_obs.storage.figures import FIGURES, figures_of, rest_of, to_data
from pepperpy_obs.storage.names import SeriesNames
from pepperpy_obs.storage.schema import DAY, HOUR, MINUTES, PROCESSES, ROLLED, SERVICES, UNROLLED
from pepperpy_obs.storage.upserts import upsert

__all__ = ["delete_old", "roll_up"]

_MANY: Final = 500
"""Rows that are asked for or deleted in one statement."""
_TOGETHER: Final = 10
"""Bundles that are added up in one go; between them other threads get the interpreter."""

_Part = tuple[int, str, int]


class _Due(NamedTuple):
    service: int
    hour: int
    parts: Sequence[_Part]
    table: SeriesTable


class _TakenError(Exception):
    """Another process has rolled up the same parts."""


def roll_up(database: Database, before: int, names: SeriesNames) -> bool:
    """Roll up the oldest hour that ended by `before` (epoch seconds); return whether there was one."""
    due = database.read(lambda connection: _due(connection, before))
    if due is None:
        return False
    with suppress(_TakenError):
        database.write(lambda connection: _roll(connection, due, names))
    return True


def _due(connection: Connection, before: int) -> _Due | None:
    start = UNROLLED.c.start
    oldest = connection.execute(
        select(start, UNROLLED.c.service).where(start < before // HOUR * HOUR).order_by(start).limit(1)
    ).first()
    if oldest is None:
        return None
    hour, service = oldest[0] // HOUR * HOUR, oldest[1]
    is_part = [MINUTES.c[name] == UNROLLED.c[name] for name in ("start", "process", "part")]
    rows = connection.execute(
        select(start, UNROLLED.c.process, UNROLLED.c.part, MINUTES.c.data)
        .join_from(UNROLLED, MINUTES, is_part[0] & is_part[1] & is_part[2])
        .where(start >= hour, start < hour + HOUR, UNROLLED.c.service == service)
    )
    parts: list[_Part] = []
    table, keys = SeriesTable(), Keys()
    for some in rows.partitions(_TOGETHER):
        parts += [(one[0], one[1], one[2]) for one in some]
        table.absorb(add_up_bundles([Bundle.of_bytes(bytes(one[3])) for one in some], keys))
        _clock.sleep(0)
    return _Due(service, hour, parts, table)


def _roll(connection: Connection, due: _Due, names: SeriesNames) -> None:
    connection.execute(select(SERVICES.c.id).where(SERVICES.c.id == due.service).with_for_update())
    if _delete_parts(connection, UNROLLED, due.parts) != len(due.parts):
        raise _TakenError
    all_data = to_data(due.table)
    numbers = names.numbers(connection, list(all_data))
    by_number = {numbers[name]: data for name, data in all_data.items()}
    for seconds, rolled in ROLLED.items():
        key = {"start": due.hour // seconds * seconds, "service": due.service}
        _add_rows(connection, rolled.rows, key, by_number)
        _add_rest(connection, rolled.rest, key, due.table)


def _delete_parts(connection: Connection, table: Table, parts: Sequence[_Part]) -> int:
    key = tuple_(table.c.start, table.c.process, table.c.part)
    deleted = 0
    for begin in range(0, len(parts), _MANY // 3):
        some = parts[begin : begin + _MANY // 3]
        deleted += connection.execute(delete(table).where(key.in_(some))).rowcount
    return deleted


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
    cuts = [(MINUTES, HOUR, (now - kept["minutes"]) // HOUR * HOUR)]
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
    if table is MINUTES:
        unneeded.append(start.not_in(select(UNROLLED.c.start)))

    def run(connection: Connection) -> bool:
        oldest = connection.execute(select(func.min(start)).where(*unneeded)).scalar()
        if oldest is None:
            return False
        end = min(oldest // seconds * seconds + seconds, cut)
        connection.execute(delete(table).where(*unneeded, start < end))
        return True

    return run
