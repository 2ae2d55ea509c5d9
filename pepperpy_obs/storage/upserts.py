"""Rows that are written twice are there once: the one statement that both databases spell alike, and SQLAlchemy not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["upsert"]


def upsert(connection: Connection, table: Table, key: Sequence[str], values: Sequence[str] = ()) -> Executable:
    """Return an insert that leaves a row of the same `key` as it is, or gives it the new `values`."""
    made: Any = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
    new = {name: made.excluded[name] for name in values}
    found: Executable = (
        made.on_conflict_do_update(index_elements=key, set_=new)
        if values
        else made.on_conflict_do_nothing(index_elements=key)
    )
    return found
