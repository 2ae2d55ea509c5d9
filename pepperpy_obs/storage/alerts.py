"""The states of alerts, kept so that a restart neither forgets a pending alert nor fires a known one anew."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from pepperpy_obs.storage.database import Database
from pepperpy_obs.storage.schema import META, version_of
from pepperpy_obs.storage.upserts import upsert

__all__ = ["AlertStates"]

_FORMAT: Final = 1


class AlertStates:
    """The alerts of one service in a store: one row, which the latest evaluation of any of its processes wrote."""

    def __init__(self, database: Database, service: str, environment: str) -> None:
        self._database = database
        self._name = f"alerts\x1f{service}\x1f{environment}"

    def save(self, alerts: Sequence[Mapping[str, Any]], at: int) -> None:
        """Keep these plain alerts, as they were at `at`; SourceError if the store does not take them."""
        row = {"name": self._name, "value": json.dumps({"format": _FORMAT, "at": at, "alerts": list(alerts)})}

        def step(connection: Connection) -> None:
            connection.execute(upsert(connection, META, ("name",), ("value",)), [row])

        self._database.write(step)

    def load(self) -> tuple[Sequence[Mapping[str, Any]], int]:
        """Return what was kept last, and as of when; nothing of what another version wrote."""

        def step(connection: Connection) -> str | None:
            if version_of(connection) is None:
                return None
            found: str | None = connection.execute(select(META.c.value).where(META.c.name == self._name)).scalar()
            return found

        text = self._database.read(step)
        kept = json.loads(text) if text else {}
        if kept.get("format") != _FORMAT:
            return (), 0
        return kept["alerts"], int(kept["at"])

    def renew(self) -> None:
        """Begin anew in a forked child."""
        self._database.renew()
