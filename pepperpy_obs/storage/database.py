"""One database by its URL: connections, transactions, and what their errors mean.

Theory. A connection is opened for each transaction and closed after it: one a minute costs nothing, and so no
connection is there to be shared with a forked child, or to be lost while a service is idle. A writer's transaction has
the database for itself from its beginning (SQLite), so two writers wait for each other and never fail half way. All
statements of a reader see one moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from pepperpy_obs._guard import pass_on
from pepperpy_obs.errors import ObsError, SetupError, SourceError

__all__ = ["Database"]

Result = TypeVar("Result")

_WAIT: Final = 15
"""Seconds to wait for other writers, or for a server's answer to a connection's packets."""
_CONNECT: Final = 3
"""Seconds to wait for a server: `configure` does so, too."""
_BEGIN: Final = "pepperpy_begin"
_ACCEPTED: Final = "give sqlite:///obs.db, sqlite:////var/lib/obs.db or postgresql://user@host/database"
_RIGHTS: Final = "give this user, a reader as well, the right to write to the file and to its folder"
"""SQLite keeps beside the file what readers and writers tell each other."""
_PASSING: Final = ("starting up", "shutting down", "in recovery", "too many clients", "remaining connection slots")
"""What a server answers that will have us later."""


class Database:
    """A database of SQLite or PostgreSQL. For any thread and any process: it holds no connection."""

    def __init__(self, url: str, password: str = "", *, creates: bool) -> None:
        self._creates = creates
        parsed = _parsed(url)
        if password and parsed.password is None:
            parsed = parsed.set(password=password)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.shown = parsed.set(drivername=parsed.get_backend_name()).render_as_string(hide_password=True)
        """Its URL without the password."""
        self._make = self._sqlite(parsed) if self.is_sqlite else self._postgresql(parsed)
        self._engine = self._make()

    def renew(self) -> None:
        """Begin anew in a forked child, where another thread of the parent's may have been in the middle of it."""
        self._engine = self._make()

    def write(self, step: Callable[[Connection], Result]) -> Result:
        """Take a step in a transaction, which is committed if the step returns; SourceError if that fails."""

        def alone(connection: Connection) -> Result:
            if not self.is_sqlite:
                # As long as SQLite waits for other writers. Not in the connection's options: PgBouncer takes none.
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_WAIT}s'")
            return step(connection)

        return self._run(alone, {_BEGIN: "BEGIN IMMEDIATE"})

    def read(self, step: Callable[[Connection], Result]) -> Result:
        """Take a step that sees one moment of the database; SourceError if that fails."""
        return self._run(step, {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"})

    def _run(self, step: Callable[[Connection], Result], options: dict[str, Any]) -> Result:
        try:
            with self._engine.connect().execution_options(**options) as connection, connection.begin():
                return step(connection)
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            pass_on(error)
            raise self._refusal(error) from error
        except SetupError as error:
            msg = f"the store {self.shown}: {error}"
            raise SetupError(msg) from error

    def _refusal(self, error: Exception) -> ObsError:
        """Return what an error of the database means: a SetupError where only a person can mend it."""
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        text = next((line.strip() for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
        if self._is_final(text):
            mend = _RIGHTS if "readonly" in text else _ACCEPTED
            return SetupError(f"the store {self.shown} cannot be used: {text}; {mend}")
        return SourceError(f"the store {self.shown} does not answer as it should: {text}")

    def _is_final(self, text: str) -> bool:
        if self.is_sqlite:
            return "unable to open" in text or "not a database" in text or "readonly" in text
        return "FATAL:" in text and not any(one in text for one in _PASSING)

    def _sqlite(self, url: URL) -> Callable[[], Engine]:
        name = url.database
        if not name or name == ":memory:" or name.startswith("file:"):
            msg = f"{self.shown!r} names no file; {_ACCEPTED}"
            raise SetupError(msg)
        path = Path(name).expanduser().absolute()
        mode = "rwc" if self._creates else "rw"

        def connect() -> sqlite3.Connection:
            made = sqlite3.connect(
                f"file:{quote(str(path))}?mode={mode}",
                uri=True,
                timeout=_WAIT,
                isolation_level=None,
                check_same_thread=False,
            )
            if self._creates:
                # Readers do not wait for writers then. It stays so; to ask once more costs nothing.
                made.execute("PRAGMA journal_mode=WAL")
                made.execute("PRAGMA synchronous=FULL")
            return made

        def make() -> Engine:
            engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
            event.listen(engine, "begin", _begin)
            return engine

        return make

    def _postgresql(self, url: URL) -> Callable[[], Engine]:
        asked = {
            "connect_timeout": _CONNECT,
            "tcp_user_timeout": 1000 * _WAIT,
            # Without these a server that went away while it was waited for would be waited for two hours.
            "keepalives_idle": _WAIT,
            "keepalives_interval": _CONNECT,
            "keepalives_count": 3,
            "application_name": "pepperpy_obs",
        }
        given = {name: value for name, value in asked.items() if name not in url.query}
        return lambda: create_engine(url, poolclass=NullPool, connect_args=given)


def _begin(connection: Connection) -> None:
    """Begin as it was asked for: by itself SQLite takes its lock at the first write, when it may be too late."""
    connection.exec_driver_sql(str(connection.get_execution_options().get(_BEGIN, "BEGIN")))


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        # The URL itself is not repeated: it may hold a password.
        msg = f"the address of the store is no URL; {_ACCEPTED}"
        raise SetupError(msg) from error
    if parsed.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername != "sqlite":
        msg = f"a store {parsed.drivername}: is not known; {_ACCEPTED}"
        raise SetupError(msg)
    return parsed
