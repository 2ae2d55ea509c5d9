"""A real PostgreSQL beside the tests, in a folder of its own, reached by a socket in that folder only."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NoReturn, Self

__all__ = ["Postgres"]

_DEBIAN = Path("/usr/lib/postgresql")


def _skip(reason: str) -> NoReturn:
    """Skip the test; imported here, as a benchmark starts servers, too."""
    import pytest

    pytest.skip(reason)


def _program(name: str) -> str:
    """Return the path of a program of PostgreSQL's, or skip the test and say what is missing."""
    found = shutil.which(name)
    if found is None:
        versions = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
        found = str(versions[-1]) if versions else None
    if found is None:
        _skip(f"{name} is neither on PATH nor below {_DEBIAN}; Debian has it in the package postgresql")
    return found


def _user() -> str | None:
    """Return as whom a server can run: it refuses root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    _skip("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


class Postgres:
    """One server, for as long as its block lasts."""

    def __init__(self) -> None:
        self._initdb, self._pg_ctl = _program("initdb"), _program("pg_ctl")
        self._user = _user()
        self._databases = 0

    def __enter__(self) -> Self:
        # Not in pytest's folder: the path of a socket is short, and the server's user may not enter there.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._data = self.folder / "data"
        self._run(self._initdb, "--auth=trust", "--username=ann", "--no-sync", "--encoding=UTF8", str(self._data))
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if (self._data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server, and return when it answers."""
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c max_connections=40"
        self._run(self._pg_ctl, "-D", str(self._data), "-l", str(self.folder / "log"), "-w", "-o", options, "start")

    def stop(self) -> None:
        """Stop the server at once."""
        self._run(self._pg_ctl, "-D", str(self._data), "-w", "-m", "immediate", "stop")

    def database(self) -> str:
        """Return the URL of a new database."""
        import psycopg

        self._databases += 1
        name = f"obs{self._databases}"
        with psycopg.connect(self.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://ann@/{database}?host={self.folder}"

    def _run(self, *command: str) -> None:
        options: dict[str, Any] = {} if self._user is None else {"user": self._user, "group": self._group()}
        with tempfile.TemporaryFile() as said:
            # A file and no pipe: the server that is started would keep a pipe open.
            done = subprocess.run(command, stdout=said, stderr=said, check=False, cwd="/", **options)
            said.seek(0)
            assert done.returncode == 0, said.read().decode(errors="replace")

    def _group(self) -> int:
        return pwd.getpwnam(str(self._user)).pw_gid
