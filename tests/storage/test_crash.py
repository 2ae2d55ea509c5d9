"""What a store has when its writers die, quarrel, or find no room; each in processes of its own."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from pepperpy_obs.storage.database import Database
from pepperpy_obs.storage.source import Reader
from pepperpy_obs.testing import ManualClock
from tests.aggregate.strategies import NOON, SECOND
from tests.storage.child import CALLS

pytestmark = pytest.mark.hostile

BEGIN = NOON // SECOND // 86_400 * 86_400
LATER = BEGIN + 30 * 86_400
KILLS = 20


@contextmanager
def writing(url: str, begin: int, *options: str) -> Generator[subprocess.Popen[str]]:
    """Run a process that writes to a store."""
    command = [sys.executable, "-m", "tests.storage.child", url, str(begin), *options]
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ}
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


def lines(child: subprocess.Popen[str], number: int) -> list[str]:
    """Return that many lines of a process; it must not end before."""
    assert child.stdout is not None
    found = [child.stdout.readline() for _ in range(number)]
    assert all(found), child.wait(60)
    return found


def rest(child: subprocess.Popen[str], said: str = "") -> list[str]:
    """Return the lines that come until the process ends, after it was told something."""
    assert child.stdin is not None
    assert child.stdout is not None
    if said:
        child.stdin.write(f"{said}\n")
        child.stdin.flush()
    return child.stdout.readlines()


def stored(url: str) -> tuple[int, Decimal, int]:
    """Return the calls, the money and the tokens that a store has."""
    with ManualClock(LATER):
        snapshot = Reader(Database(url, creates=False)).snapshot(None, LATER * SECOND)
    all_data = snapshot.series.values()
    cost = sum((data.requests.cost for data in all_data), Decimal(0))
    return sum(data.calls for data in all_data), cost, sum(data.requests.tokens["input"] for data in all_data)


def test_a_killed_writer_has_lost_one_minute_at_most(store_url: str) -> None:
    """Killed twenty times, at any point: what was taken is there, once, to the cent; of the last minute all or nothing.

    The processes begin an hour apart, so that each rolls up what the one before has left.
    """
    chance = random.Random(16)
    taken = 0
    for number in range(KILLS):
        with writing(store_url, BEGIN + number * 3600) as child:
            taken += len(lines(child, chance.randint(2, 12)))
            time.sleep(chance.random() / 50)  # wherever it is then
            child.send_signal(signal.SIGKILL)
            taken += len(rest(child))
    calls, cost, tokens = stored(store_url)
    assert taken * CALLS <= calls <= (taken + KILLS) * CALLS
    assert calls % CALLS == 0
    assert (cost, tokens) == (calls * Decimal("0.01"), calls * 3)


def test_two_writers_share_a_store(store_url: str) -> None:
    """Two processes that write and roll up the same hours at once lose nothing and count nothing twice."""
    with writing(store_url, BEGIN) as one, writing(store_url, BEGIN) as two:
        taken = len(lines(one, 40)) + len(lines(two, 40))
        for child in (one, two):
            taken += len(rest(child, "enough"))
            assert child.wait(60) == 0
    calls, cost, tokens = stored(store_url)
    assert (calls, cost, tokens) == (taken * CALLS, taken * CALLS * Decimal("0.01"), taken * CALLS * 3)


def test_minutes_wait_while_the_disk_is_full(tmp_path: Path) -> None:
    """A file that may not grow refuses a minute, which is told; it is written when there is room, and none is lost."""
    url = f"sqlite:///{tmp_path}/obs.db"
    with writing(url, BEGIN, "--limit", "300000") as child:
        assert child.stdout is not None
        taken = 0
        while (line := child.stdout.readline()) == "stored\n":
            taken += 1
        assert line.startswith(f"waiting: the store {url} does not answer as it should: "), line
        assert "full" in line or "disk I/O error" in line
        assert rest(child, "room") == ["0 wait\n"]
    assert taken > 0
    calls, cost, _ = stored(url)
    assert (calls, cost) == ((taken + 1) * CALLS, (taken + 1) * CALLS * Decimal("0.01"))
