"""docs/storage.md: its programs run, and its queries say what our own reports say."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pepperpy_obs import Config, source
from pepperpy_obs.aggregate.histogram import Durations
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.storage.database import Database
from pepperpy_obs.storage.source import StoredSource
from pepperpy_obs.testing import ManualClock
from tests.aggregate.strategies import NOON, SECOND, finished
from tests.servers.postgres import Postgres
from tests.storage.life import Life

PAGE = (Path(__file__).parents[2] / "docs" / "storage.md").read_text()
LATER = NOON // SECOND + 86_400


def blocks(language: str) -> list[str]:
    """Return the page's code blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


QUERIES = [text for text in blocks("sql") if not text.startswith("-- ")]


@pytest.mark.parametrize("code", blocks("python"))
def test_every_program_of_the_page_runs(code: str, tmp_path: Path) -> None:
    """Each block runs as it stands, and what it asserts holds."""
    arguments = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """Return a real PostgreSQL."""
    with Postgres() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return a store of two days in each database, all of it rolled up."""
    is_file = request.param == "sqlite"
    made: str = f"sqlite:///{tmp_path}/obs.db" if is_file else request.getfixturevalue("server").database()
    with ManualClock(LATER):
        life = Life(made, cost_attributes=("customer",))
        for number in range(60):
            answer: dict[str, Any] = {
                "provider": "acme",
                "model": f"m{number % 2}",
                "input_tokens": 7,
                "output_tokens": 5,
            }
            paid = (
                {"cost_usd": f"0.000{number}", "cost_source": "custom"} if number % 5 else {"cost_source": "unpriced"}
            )
            outcome = {"outcome": "error", "error_type": "Timeout"} if number % 7 == 0 else {}
            event = finished("ask", agent=f"a{number % 3}", customer=f"c{number % 4}", duration_seconds=0.5, **outcome)
            life.fold({**event, **answer, **paid}, NOON + (4 * 3600 - number * 1800) * SECOND)
            life.fold(finished("search", agent="a1", duration_seconds=0.25), NOON + (4 * 3600 - number * 1800) * SECOND)
        life.roll_up(LATER)
    return made


def asked(url: str, text: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query, its numbers as decimals of nine digits."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
            rows = file.execute(text).fetchall()
        file.close()
    else:
        with psycopg.connect(url) as connection:
            rows = connection.execute(text.encode()).fetchall()
    return [tuple(one if isinstance(one, str) else exact(one) for one in row) for row in rows]


def exact(number: Any) -> Decimal | None:
    """Return a number rounded to what SQLite's sums are right to; None of none."""
    return None if number is None else Decimal(number).quantize(Decimal("1e-9"))


def test_costs_by_day_and_model_are_those_of_our_reports(url: str) -> None:
    """And their sum is the total."""
    with ManualClock(LATER):
        found = source(url)
        days = [(one.at, Stats.of(one)) for one in found.history("5d", "1d")]
        total = Stats.of(found.reading()).cost.total_cost
    rows = asked(url, QUERIES[0])
    assert rows == [
        (
            exact((at - 1) // SECOND // 86_400 * 86_400),
            row.names["model"],
            exact(row.spending.requests),
            exact(row.spending.cost),
        )
        for at, of_day in days
        for row in sorted(of_day.cost_by("model").rows, key=lambda row: row.names["model"])
    ]
    assert sum(row[3] for row in rows) == exact(total)


def test_costs_by_customer_are_those_of_our_reports(url: str) -> None:
    """From an hour on."""
    with ManualClock(LATER):
        _, reading = StoredSource(Database(url, creates=False), Config(config_file=None)).between(NOON, None)
    customers = {value: found for (_, value), found in reading.snapshot.attributes.items() if value}
    assert len(customers) == 4
    assert asked(url, QUERIES[1]) == [
        (value, exact(found.count), exact(found.cost if found.priced else None))
        for value, found in sorted(customers.items())
    ]


def test_errors_and_durations_by_agent_are_those_of_our_reports(url: str) -> None:
    """Of all that there is."""
    with ManualClock(LATER):
        series = source(url).reading().snapshot.series
    expected = []
    for agent in sorted({key.agent for key in series}):
        all_data = [data for key, data in series.items() if key.agent == agent]
        calls = sum(data.calls for data in all_data)
        errors = sum(data.outcomes.get("error", 0) for data in all_data)
        seconds = sum(data.duration.total for data in all_data) / Durations.PARTS
        expected.append((agent, exact(errors / calls), exact(seconds / calls)))
    assert asked(url, QUERIES[2]) == expected


def test_the_hypertable_has_the_hours(server: Postgres) -> None:
    """What is for TimescaleDB can be run again and again; `create_hypertable` is a stand-in here."""
    url = server.database()
    [text] = [text for text in blocks("sql") if text.startswith("-- TimescaleDB")]
    stand_in = (
        "CREATE FUNCTION create_hypertable(text, text, if_not_exists boolean) RETURNS int AS 'SELECT 1' LANGUAGE sql"
    )
    life, now = Life(url), time.time_ns()
    for hours in (2, 5, 5, 90):
        call = finished("ask", cost_usd="0.01", cost_source="custom", provider="acme", input_tokens=7)
        life.fold(call, now - hours * 3600 * SECOND)
    life.roll_up(now // SECOND + 3600)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(stand_in.encode())
        for _ in range(2):
            connection.execute(text.encode())
        rows = connection.execute("SELECT count(*), sum(calls), sum(cost), sum(seconds) FROM agent_hours").fetchall()
    assert rows == [(2, 3, Decimal("0.03"), 0)]
