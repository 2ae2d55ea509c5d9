"""The tables, and how those of older versions become those of this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    inspect,
    select,
    text,
)

from pepperpy_obs.errors import SetupError
from pepperpy_obs.storage.upserts import upsert

__all__ = [
    "DAY",
    "FIVE",
    "FIVES",
    "HOUR",
    "MINUTES",
    "PREFIX",
    "PROCESSES",
    "ROLLED",
    "SERIES",
    "SERVICES",
    "UNROLLED",
    "UNROLLED_FIVES",
    "VERSION",
    "Rolled",
    "check",
    "fives_from",
    "migrate",
    "retention",
    "version_of",
]

PREFIX: Final = "pepperpy_"
FIVE: Final = 300
HOUR: Final = 3600
DAY: Final = 86_400
VERSION: Final = 2
"""Of the schema."""
_LOCK: Final = 0x70657070
"""The number of PostgreSQL's lock that keeps two processes from making the tables at once."""

_METADATA: Final = MetaData()
_ID: Final = BigInteger().with_variant(Integer, "sqlite")


def _table(name: str, *parts: Column[object] | PrimaryKeyConstraint | UniqueConstraint | Index) -> Table:
    return Table(f"{PREFIX}{name}", _METADATA, *parts)


def _number(name: str) -> Column[object]:
    return Column(name, BigInteger, nullable=False)


def _maybe(name: str) -> Column[object]:
    return Column(name, BigInteger)


def _words(name: str) -> Column[object]:
    return Column(name, Text, nullable=False)


def _bytes(name: str) -> Column[object]:
    return Column(name, LargeBinary, nullable=False)


META: Final = _table("meta", _words("name"), _words("value"), PrimaryKeyConstraint("name"))
SERVICES: Final = _table(
    "service",
    Column("id", _ID, primary_key=True),
    _words("service"),
    _words("environment"),
    UniqueConstraint("service", "environment"),
)
PROCESSES: Final = _table(
    "process", _words("id"), _number("service"), _words("host"), _number("pid"), _number("start"),
    PrimaryKeyConstraint("id"),
)  # fmt: skip
SERIES: Final = _table(
    "series",
    Column("id", _ID, primary_key=True),
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    _words("family"),
    *map(_words, ("operation", "agent", "kind", "provider", "model", "attribute", "value", "key")),
)
MINUTES: Final = _table(
    "minute", _number("start"), _words("process"), _number("part"), _number("service"), _bytes("data"),
    PrimaryKeyConstraint("start", "process", "part"),
)  # fmt: skip
UNROLLED: Final = _table(
    "unrolled", _number("start"), _words("process"), _number("part"), _number("service"),
    PrimaryKeyConstraint("start", "process", "part"),
)  # fmt: skip
FIVES: Final = _table(
    "five", _number("start"), _number("service"), _number("number"), _bytes("data"), _bytes("metrics"), _bytes("total"),
    PrimaryKeyConstraint("start", "service", "number"),
)  # fmt: skip
"""What was counted in five minutes, with the numbers of series; more than one row where some of it came late."""
UNROLLED_FIVES: Final = _table(
    "unrolled_five", _number("start"), _number("service"), _number("number"),
    PrimaryKeyConstraint("start", "service", "number"),
)  # fmt: skip


class Rolled(NamedTuple):
    """The tables of one resolution."""

    rows: Table
    """One row for each interval, service and series."""
    rest: Table
    """What else was counted in an interval: caches, metrics, days, events."""


def _rolled(name: str) -> Rolled:
    figures = ("errors", "duration_ns", "requests", "input_tokens", "output_tokens")
    rows = _table(
        name, _number("start"), _number("service"), _number("series"), _maybe("calls"), *map(_maybe, figures),
        Column("cost", Text), _maybe("unpriced"), _bytes("data"),
        PrimaryKeyConstraint("start", "service", "series"),
        Index(f"{PREFIX}{name}_by_series", "series", "start"),
    )  # fmt: skip
    rest = _table(
        f"{name}_rest", _number("start"), _number("service"), _bytes("data"), PrimaryKeyConstraint("start", "service")
    )
    return Rolled(rows, rest)


ROLLED: Final[Mapping[int, Rolled]] = {HOUR: _rolled("hour"), DAY: _rolled("day")}
"""By the seconds of an interval."""


def _add_fives(connection: Connection) -> None:
    """Add the tables of five minutes, and note from when on they have everything: hours are rolled up without them."""
    for table in (FIVES, UNROLLED_FIVES):
        table.create(connection)
    latest = connection.execute(select(func.max(ROLLED[HOUR].rest.c.start))).scalar()
    if latest is not None:
        _note(connection, {"fives_from": str(latest + HOUR)})


_STEPS: Final[Mapping[int, Callable[[Connection], None]]] = {1: _add_fives}
"""By version, how its tables become those of the next."""


def migrate(connection: Connection, kept: Mapping[str, float]) -> None:
    """Make the tables, or make those of an older version ours, and note how long each resolution is `kept`.

    All of it in the transaction that the connection is in: it happens whole or not at all. A newer version is a
    SetupError.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    found = version_of(connection)
    if found is None:
        _METADATA.create_all(connection, checkfirst=False)
    else:
        for version in range(_checked(found), VERSION):
            _STEPS[version](connection)
    _note(connection, {"schema_version": str(VERSION), **{f"keep_{name}": str(one) for name, one in kept.items()}})


def check(connection: Connection) -> None:
    """Raise SetupError where a reader cannot read: no store of ours, or one of another version."""
    found = version_of(connection)
    if found is None:
        msg = "there is no store of pepperpy_obs in it; a service with store_url makes one"
        raise SetupError(msg)
    if _checked(found) < VERSION:
        msg = f"its schema is version {found}, and this version reads {VERSION}: a service with store_url brings it up"
        raise SetupError(msg)


def version_of(connection: Connection) -> int | None:
    """Return the version of the tables that are there; None of none."""
    if not inspect(connection).has_table(META.name):
        return None
    found = connection.execute(select(META.c.value).where(META.c.name == "schema_version")).scalar()
    return None if found is None else int(found)


def _checked(found: int) -> int:
    if found > VERSION:
        msg = (
            f"its schema is version {found}, and this version of pepperpy_obs knows {VERSION}: upgrade pepperpy_obs,"
            " or give another store_url"
        )
        raise SetupError(msg)
    return found


def retention(connection: Connection) -> dict[str, float]:
    """Return for how many seconds minutes, hours and days are kept, as the latest writer has it."""
    rows: Sequence[tuple[str, str]] = connection.execute(
        select(META.c.name, META.c.value).where(META.c.name.like("keep%"))
    ).all()
    return {name.removeprefix("keep_"): float(value) for name, value in rows}


def fives_from(connection: Connection) -> int:
    """Return from when on five minutes are kept beside all minutes; 0 where they always were."""
    found = connection.execute(select(META.c.value).where(META.c.name == "fives_from")).scalar()
    return 0 if found is None else int(found)


def _note(connection: Connection, values: Mapping[str, str]) -> None:
    rows = [{"name": name, "value": value} for name, value in values.items()]
    connection.execute(upsert(connection, META, ("name",), ("value",)), rows)
