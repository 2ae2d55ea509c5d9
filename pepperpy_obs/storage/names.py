"""Series and services as rows: each gets a number once, which all other rows name it by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from sqlalchemy import Connection, func, select

from pepperpy_obs.aggregate.series import Attribute, SeriesKey
from pepperpy_obs.storage.schema import SERIES, SERVICES
from pepperpy_obs.storage.upserts import upsert

__all__ = ["Name", "SeriesNames", "service_id", "spelled"]

Family = Literal["operation", "attribute"]
Name = tuple[Family, tuple[str, ...]]
"""A series of calls, or a field of the user's with its value."""

_MANY: Final = 500
"""Names that are asked for in one statement."""


def spelled(text: str) -> str:
    """Return a text as databases take it: without zeros and halves of characters."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def service_id(connection: Connection, service: str, environment: str) -> int:
    """Return the number of a service, a new one if it has none."""
    row = {"service": spelled(service[:200]), "environment": spelled(environment[:200])}
    connection.execute(upsert(connection, SERVICES, ("service", "environment")), [row])
    asked = select(SERVICES.c.id).where(
        SERVICES.c.service == row["service"], SERVICES.c.environment == row["environment"]
    )
    return int(connection.execute(asked).scalar_one())


class SeriesNames:
    """The numbers of series. Keeps what it has read, and is made anew after a transaction that failed."""

    def __init__(self) -> None:
        self._numbers: dict[Name, int] = {}
        self._names: dict[int, Name] = {}

    def numbers(self, connection: Connection, names: Sequence[Name]) -> Mapping[Name, int]:
        """Return the numbers of these names, new ones for those that have none."""
        missing = {_digest(name): name for name in names if name not in self._numbers}
        if missing:
            self._ask(connection, missing)
            if new := {digest: name for digest, name in missing.items() if name not in self._numbers}:
                connection.execute(
                    upsert(connection, SERIES, ("digest",)), [_row(digest, name) for digest, name in new.items()]
                )
                self._ask(connection, new)
        return self._numbers

    def names(self, connection: Connection) -> Mapping[int, Name]:
        """Return what all numbers stand for that are in use at this moment of the database."""
        # None is ever deleted, so that as many are the same.
        if connection.execute(select(func.count()).select_from(SERIES)).scalar_one() != len(self._names):
            rows = connection.execute(select(SERIES.c.id, SERIES.c.family, SERIES.c.key))
            self._names = {number: (family, tuple(json.loads(key))) for number, family, key in rows}
        return self._names

    def _ask(self, connection: Connection, names: Mapping[bytes, Name]) -> None:
        digests = list(names)
        for begin in range(0, len(digests), _MANY):
            asked = select(SERIES.c.digest, SERIES.c.id).where(SERIES.c.digest.in_(digests[begin : begin + _MANY]))
            for digest, number in connection.execute(asked):
                self._numbers[names[bytes(digest)]] = number


def _digest(name: Name) -> bytes:
    return hashlib.blake2b(json.dumps(name).encode(), digest_size=16).digest()


def _row(digest: bytes, name: Name) -> dict[str, object]:
    family, key = name
    series = SeriesKey(*key) if family == "operation" else SeriesKey()
    attribute: Attribute = (key[0], key[1]) if family == "attribute" else ("", "")
    return {
        "digest": digest,
        "family": family,
        **{field: spelled(value) for field, value in series._asdict().items()},
        "attribute": spelled(attribute[0]),
        "value": spelled(attribute[1]),
        "key": json.dumps(key),
    }
