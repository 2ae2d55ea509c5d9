"""Stores in both databases, each empty at first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import CommandLine
from tests.servers.postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Return a real server."""
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/obs.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """Return a command line in an empty folder."""
    return CommandLine(tmp_path)
