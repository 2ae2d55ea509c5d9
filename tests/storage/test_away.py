"""A database that is away: what is counted waits in memory, bounded, and health tells."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import psycopg
import pytest

from pepperpy_obs import Config
from pepperpy_obs.aggregate.snapshot import EMPTY
from pepperpy_obs.errors import SourceError
from pepperpy_obs.judgement.checks import HealthInput, run_checks
from pepperpy_obs.storage.backlog import Backlog
from pepperpy_obs.storage.source import Reader
from pepperpy_obs.testing import ManualClock
from tests.aggregate.strategies import NOON, SECOND, finished
from tests.servers.postgres import Postgres
from tests.storage.life import END, Life

HOUR = 3600

pytestmark = pytest.mark.hostile


def exporters(life: Life) -> str:
    """Return what health says of the store."""
    given = HealthInput(Config(config_file=None), EMPTY, 0, {}, {}, store=life.writer.stats())
    return next(check.text for check in run_checks(given) if check.name == "exporters")


def run(life: Life, clock: ManualClock, minutes: int, series: int) -> None:
    """Live so many minutes, with one call of each series in each of them."""
    for minute in range(minutes):
        at = NOON + minute * 60 * SECOND
        for number in range(series):
            took = (minute * 7919 + number * 104_729) % 100_003 / 1000
            call = finished(f"ask {number}", duration_seconds=took, cost_usd="0.01", cost_source="custom")
            life.fold(call, at + number)
        clock.advance(60)
        life.store.close()
        life.writer.run()


@pytest.mark.parametrize("series,limit,hours", [(10, "64MiB", False), (500, "1MiB", True)])
def test_a_database_is_away_for_an_hour(series: int, limit: str, hours: bool) -> None:
    """Intervals wait, and are written when it is back, none twice; where room is short, whole hours, not minutes."""
    with Postgres() as server, ManualClock(NOON / 1e9) as clock:
        life = Life(server.database(), store_max_waiting=limit)
        run(life, clock, 2, series)
        assert life.writer.stats().waiting == 0
        server.stop()
        run(life, clock, 120, series)
        away = life.writer.stats()
        assert "does not answer as it should" in away.error
        assert away.dropped == 0
        assert away.waiting_bytes <= max(1024 * 1024, away.waiting * 40_000)
        assert (away.waiting < 100) is hours, away
        assert f"{away.waiting} minutes wait" in exporters(life)
        with pytest.raises(SourceError, match="does not answer"):
            life.writer.snapshot(86_400, lambda waiting: (NOON, waiting()))
        server.start()
        life.flush()
        assert life.writer.stats().waiting == 0
        assert life.writer.stats().error == ""
        with ManualClock(END / 1e9):
            found = Reader(life.database).snapshot(None, END)
        assert found.to_dict() == life.whole.snapshot(None, END).to_dict()
        assert sum((one.requests.cost for one in found.series.values()), Decimal(0)) == Decimal("1.22") * series


def test_a_database_that_hangs_is_told_and_holds_up_nothing(postgres: Postgres) -> None:
    """Intervals find room in the backlog while a transaction waits; health says for how long, and none is lost."""
    with ManualClock(NOON / 1e9) as clock:
        life = Life(postgres.database())
        run(life, clock, 1, 5)
        with psycopg.connect(life.config.store_url or "") as other, ThreadPoolExecutor(1) as threads:
            other.execute("LOCK TABLE pepperpy_minute IN ACCESS EXCLUSIVE MODE")
            life.fold(finished("ask 0"), NOON + 60 * SECOND)
            life.store.close()
            writing = threads.submit(life.writer.flush)
            while not other.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall():
                assert not writing.done()
            for minute in range(2, 200):
                life.fold(finished("ask 1"), NOON + minute * 60 * SECOND)
                clock.advance(60)
                life.store.close()
            books = life.writer.stats()
            assert not writing.done()
            assert len(life.writer._incoming) <= 61
            assert 130 < books.waiting < 200
            assert f"takes nothing: the store {life.database.shown} has not answered for 11880 s;" in exporters(life)
            other.rollback()
            writing.result(60)
        life.flush()
        assert (life.writer.stats().error, life.writer.stats().waiting) == ("", 0)
        found = Reader(life.database).snapshot(None, END)
    assert found.to_dict() == life.whole.snapshot(None, END).to_dict()


def test_that_it_is_away_is_said_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """The first time, without a traceback: it is no failure of ours."""
    with ManualClock(NOON / 1e9) as clock:
        life = Life("sqlite:////nowhere/obs.db")
        run(life, clock, 3, 1)
    assert life.writer.stats().failures == 3
    [line] = caplog.records
    told = "pepperpy_obs: the store sqlite:////nowhere/obs.db cannot be used: unable to open database file; give "
    assert (line.levelname, line.exc_info, line.getMessage()[: len(told)]) == ("WARNING", None, told)
    assert line.getMessage().endswith("; what is counted waits in memory")


def test_past_all_bounds_the_oldest_is_dropped_and_counted() -> None:
    """What even whole hours have no room for goes, the oldest first, and health says how much is lacking."""
    with ManualClock(NOON / 1e9):
        life = Life("sqlite:////nowhere/obs.db")
        backlog = life.writer._backlog = Backlog(5_000)
        for hour in range(100):
            life.fold(finished(f"ask {hour}", trace_id=f"{hour:032x}", span_id="1" * 16), NOON + hour * HOUR * SECOND)
            life.store.close()
            backlog.seal()
        life.flush()
        away = life.writer.stats()
        assert away.waiting + away.dropped == 100
        assert 0 < away.waiting_bytes <= 5_000
        assert away.oldest_waiting_at == NOON + away.dropped * HOUR * SECOND
        assert f"lacks {away.dropped} minutes, which store_max_waiting had no room for" in exporters(life)
