"""Stores of other versions, and how long each resolution is kept."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from pepperpy_obs import Config, source
from pepperpy_obs.errors import SetupError
from pepperpy_obs.metrics import MetricsCollector
from pepperpy_obs.storage import schema
from pepperpy_obs.storage.database import Database
from pepperpy_obs.storage.rollup import delete_old
from pepperpy_obs.storage.source import Reader
from pepperpy_obs.testing import ManualClock
from tests.aggregate.strategies import NOON, SECOND, finished
from tests.storage.life import Life

DAY = 86_400


@pytest.fixture
def old(store_url: str) -> Iterator[Life]:
    """Return a store with one call in it, of the version before an invented one."""
    with ManualClock(NOON / 1e9 + 600):
        life = Life(store_url)
        life.fold(finished(), NOON)
        life.flush()
        yield life


def version(life: Life) -> int | None:
    """Return the version of a store's tables."""
    return life.database.read(schema.version_of)


def columns(life: Life) -> set[str]:
    """Return the columns of the table of services."""
    return life.database.read(lambda connection: set(connection.execute(text("SELECT * FROM pepperpy_service")).keys()))


def test_an_older_schema_is_brought_up_in_one_transaction(old: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that fails half way has changed nothing; the next time it goes all the way, and no call is lost."""
    fails = [True]

    def step(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE pepperpy_service ADD COLUMN region TEXT"))
        if fails:
            fails.clear()
            connection.execute(text("SELECT * FROM there_is_none"))

    now = schema.VERSION
    monkeypatch.setattr(schema, "VERSION", now + 1)
    monkeypatch.setattr(schema, "_STEPS", {now: step})
    old.restart()
    old.writer.flush()
    assert "there_is_none" in old.writer.stats().error
    assert (version(old), "region" in columns(old)) == (now, False)
    old.fold(finished(), NOON + SECOND)
    old.flush()
    assert old.writer.stats().error == ""
    assert (version(old), "region" in columns(old)) == (now + 1, True)
    assert Reader(old.database).snapshot(None, NOON + 600 * SECOND).events["operation.finished"] == 2


def test_a_store_of_version_1_is_brought_up(tmp_path: Path) -> None:
    """What an older pepperpy_obs wrote is read in all windows and steps, and what comes later is added to it."""
    path = tmp_path / "obs.db"
    with sqlite3.connect(path) as file:
        file.executescript((Path(__file__).parent / "version1.sql").read_text())
    file.close()
    url, now = f"sqlite:///{path}", NOON // SECOND + 8000
    with pytest.raises(SetupError, match="its schema is version 1, and this version reads 2: a service with store_url"):
        source(url)
    with ManualClock(now):
        life = Life(url)
        for number, (at, fields) in enumerate(_OF_VERSION_1):
            call = {"cost_usd": f"0.0{number + 1}", "cost_source": "custom", "provider": "acme", "input_tokens": 7}
            life.whole.fold(finished("ask", duration_seconds=(number + 1) / 2, **call, **fields), at)
        life.writer.prepare()
        reader = Reader(life.database)
        for _ in range(2):
            assert version(life) == schema.VERSION
            for window in (None, 1000.0, 3000.0, 86_400.0):
                expected = life.whole.snapshot(window, now * SECOND).to_dict()
                assert reader.snapshot(window, now * SECOND).to_dict() == expected
            for step in ("10s", "5m", "1h"):
                found = [one.snapshot.events["operation.finished"] for one in reader.history("3h", step, now * SECOND)]
                assert sum(found) == sum(life.whole.snapshot().events.values()), step
            life.fold(finished("ask"), now * SECOND)
            life.roll_up(now + 3600)


_OF_VERSION_1: list[tuple[int, dict[str, Any]]] = [
    (NOON, {}),
    (NOON + 1805 * SECOND, {"outcome": "error", "error_type": "Timeout"}),
    (NOON + 7300 * SECOND, {"customer": "acme"}),
    (NOON + 7345 * SECOND, {}),
]
"""The calls of the store in version1.sql: the first two are rolled up, the others are not."""


def test_a_newer_schema_is_refused(old: Life, store_url: str) -> None:
    """Writers and readers say which version they know, and what to do; nothing is changed."""

    def make_newer(connection: Connection) -> Any:
        return connection.execute(text("UPDATE pepperpy_meta SET value = '99' WHERE name = 'schema_version'"))

    old.database.write(make_newer)
    with pytest.raises(SetupError, match="its schema is version 99, and this version of pepperpy_obs knows 2: upgrade"):
        MetricsCollector(Config(config_file=None, log_format="none", store_url=store_url))
    with pytest.raises(SetupError, match=r"its schema is version 99, and .* upgrade pepperpy_obs, or give another"):
        source(store_url)
    assert version(old) == 99


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """The error names the file and what would do."""
    (tmp_path / "obs.db").write_text("Dear diary, " * 100)
    with pytest.raises(SetupError, match=r"obs\.db cannot be used: file is not a database; give sqlite:///obs\.db"):
        MetricsCollector(Config(config_file=None, log_format="none", store_url=f"sqlite:///{tmp_path}/obs.db"))


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root, to become a user without rights")
def test_a_reader_without_rights_is_refused() -> None:
    """The error says what it takes: SQLite writes beside the file, for readers too."""
    with tempfile.TemporaryDirectory() as folder:  # all of whose parents anyone may enter
        url = f"sqlite:///{folder}/obs.db"
        Life(url).flush()
        Path(folder).chmod(0o755)
        user = os.geteuid()
        os.seteuid(65_534)
        try:
            with pytest.raises(
                SetupError, match=r"a readonly database; give this user, a reader as well, the right to"
            ):
                source(url)
        finally:
            os.seteuid(user)


def test_each_resolution_is_kept_as_long_as_it_is_set(store_url: str) -> None:
    """Past their times minutes go, then hours, then days; what the coarser ones know is still answered."""
    kept = {"minutes": 2 * DAY, "hours": 5 * DAY, "days": 9 * DAY}
    now = NOON + 12 * DAY * SECOND
    with ManualClock(now / 1e9):
        life = Life(store_url)
        for day in range(12):
            life.fold(finished(cost_usd="0.01"), NOON + day * DAY * SECOND)
        life.roll_up(now // SECOND)
        deleted = delete_old(life.database, now // SECOND, kept, most=1000)
        assert deleted > 0

        def count(table: Any) -> int:
            return life.database.read(lambda connection: len(connection.execute(select(table.c.start)).all()))

        tables = (schema.MINUTES, schema.FIVES, schema.ROLLED[schema.HOUR].rows, schema.ROLLED[DAY].rows)
        assert [count(table) for table in tables] == [2, 2, 5, 9]
        reader = Reader(life.database)
        assert reader.snapshot(None, now).events["operation.finished"] == 9
        assert reader.snapshot(4 * DAY, now).events["operation.finished"] == 4
        # Of the day before yesterday the hours are known, of the first that is left only all of it.
        for day, hours, grown in (
            (10, (0, 1), (0, 1)),
            (10, (-1, 0), None),
            (4, (0, 1), (-12, 12)),
            (4, (-9, 0), (-12, 12)),
        ):
            begin, end = (NOON + (day * 24 + hour) * 3600 * SECOND for hour in hours)
            stretch, found = reader.between(begin, end, now)
            expected = (
                range(begin, end)
                if grown is None
                else range(*[NOON + (day * 24 + hour) * 3600 * SECOND for hour in grown])
            )
            assert (stretch, found.events["operation.finished"]) == (expected, 0 if grown is None else 1), (day, hours)
        assert delete_old(life.database, now // SECOND, kept, most=1000) == 0


def test_what_was_not_rolled_up_is_not_deleted(store_url: str) -> None:
    """However old a minute is: it is counted in its hour and its day first."""
    with ManualClock(NOON / 1e9) as clock:
        life = Life(store_url)
        life.fold(finished(), NOON)
        life.flush()
        clock.advance(30 * DAY)
        delete_old(life.database, NOON // SECOND + 30 * DAY, {"minutes": DAY, "hours": 90 * DAY, "days": 900 * DAY})
        life.roll_up(NOON // SECOND + 30 * DAY)
        found = Reader(Database(store_url, creates=False)).snapshot(None, NOON + 30 * DAY * SECOND)
    assert found.events["operation.finished"] == 1
