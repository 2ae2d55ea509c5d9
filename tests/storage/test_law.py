"""The law of the store: whatever came in whatever order, written and rolled up whenever, it is what one fold gives."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, select

from pepperpy_obs.storage.schema import ROLLED, UNROLLED, UNROLLED_FIVES
from pepperpy_obs.storage.source import Reader
from pepperpy_obs.testing import ManualClock
from tests.aggregate.strategies import NOON, SECOND, History, finished, histories
from tests.servers.postgres import Postgres
from tests.storage.life import END, Life

steps = st.lists(st.sampled_from(["flush", "roll up", "restart", "nothing", "nothing"]), min_size=30, max_size=30)


@contextmanager
def sqlite() -> Generator[str]:
    """Return the URL of an empty file."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/obs.db"


def check(url: str, history: History, drawn: list[str]) -> None:
    """Check that the store gives what the fold gives, in all and in windows."""
    with ManualClock(END / 1e9):
        life = Life(url)
        for (event, at), step in zip(history, drawn, strict=False):
            life.fold(event, at)
            life.step(step)
        life.flush()
        assert life.writer.stats().error == ""
        reader = Reader(life.database)
        for window in (None, 86_400, 3 * 3600, 3600, 300):
            for now in (NOON + 90_000 * SECOND, END) if window else (END,):
                if any(at > now for _, at in history):
                    continue  # of a window that ended before the newest event memory may have forgotten a part
                expected = life.whole.snapshot(window, now).to_dict()
                assert reader.snapshot(window, now).to_dict() == expected, (window, now)
        for reading in reader.history("2d", "5m", END):
            assert reading.sum == reading.snapshot.sum()
        if life.whole.first is not None:
            whole = {**life.whole.snapshot(None, END).to_dict(), "window": 864_000}
            assert reader.snapshot(864_000, END).to_dict() == whole


@pytest.mark.quick
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(histories(max_size=30), steps)
def test_sqlite_gives_what_one_fold_gives(history: History, drawn: list[str]) -> None:
    """Every figure of every series, to the last digit of money, in all and in windows, whatever was rolled up."""
    with sqlite() as url:
        check(url, history, drawn)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(histories(max_size=30), steps)
def test_postgresql_gives_what_one_fold_gives(postgres: Postgres, history: History, drawn: list[str]) -> None:
    """The same law."""
    check(postgres.database(), history, drawn)


@pytest.mark.parametrize(
    "step,seconds", [("1h", 3600), ("10s", 10), ("150s", 150), ("5m", 300), ("15m", 900), ("1d", 86_400)]
)
def test_steps_add_up_to_the_whole(store_url: str, step: str, seconds: int) -> None:
    """Steps of each resolution have each event once, in the step in which it was, rolled up or not."""
    with ManualClock(END / 1e9) as _:
        life = Life(store_url)
        times = [END - after * SECOND for after in (9000, 7205, 7200, 7195, 3600, 61, 59, 11, 9, 0)]
        for number, at in enumerate(times):
            life.fold({"event": "operation.finished", "operation": "ask", "cost_usd": f"0.{number + 1}"}, at)
            if number == 5:
                life.roll_up(END // SECOND - 3600)
        life.flush()
        found = Reader(life.database).history(9001, step, END)
    counted = {one.snapshot.start: one.snapshot.events.get("operation.finished", 0) for one in found}
    expected = dict.fromkeys(counted, 0)
    for at in times:
        expected[at // (seconds * SECOND) * (seconds * SECOND)] += 1
    assert counted == expected
    assert sum(counted.values()) == len(times)


def test_a_writer_rolls_up_by_itself(store_url: str) -> None:
    """Five minutes soon after their end, an hour soon after its own; what is read is the same all the time."""
    with ManualClock(NOON / 1e9) as clock:
        life = Life(store_url)
        unrolled: list[tuple[int, int]] = []
        for minute in range(130):
            life.fold(finished("ask", cost_usd="0.01", cost_source="custom"), NOON + minute * 60 * SECOND)
            clock.advance(60)
            life.store.close()
            life.writer.run()
            unrolled.append((rows(life, UNROLLED), rows(life, UNROLLED_FIVES)))
            if minute % 10 == 9:
                now = NOON + (minute + 1) * 60 * SECOND
                assert Reader(life.database).snapshot(None, now).events["operation.finished"] >= minute
        assert life.writer.stats().failures == 0
        assert max(minutes for minutes, _ in unrolled) <= 7
        assert max(fives for _, fives in unrolled) <= 13
        assert rows(life, ROLLED[3600].rest) == 2
        life.flush()
        for window in (None, 7200, 600):
            now = NOON + 130 * 60 * SECOND
            assert Reader(life.database).snapshot(window, now).to_dict() == life.whole.snapshot(window, now).to_dict()


def rows(life: Life, table: Table) -> int:
    """Return how many rows a table has."""
    return life.database.read(lambda connection: len(connection.execute(select(table.c.start)).all()))
