"""The store: what a minute costs to write, how long windows and steps take to read, and what grows with what.

Each series is called five times a minute; every second one asks a language model. SQLite is a file in a folder of its
own, PostgreSQL a server of its own. A store is given as its series and its days, such as 1000x30.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select, text

from pepperpy_obs import Config, source, stats
from pepperpy_obs.aggregate.bundle import Bundle, add_up_bundles
from pepperpy_obs.aggregate.closed import ClosedInterval
from pepperpy_obs.aggregate.packed import Keys
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.storage.database import Database
from pepperpy_obs.storage.names import SeriesNames
from pepperpy_obs.storage.rollup import roll_up_hours, roll_up_minutes
from pepperpy_obs.storage.schema import DAY, HOUR
from pepperpy_obs.storage.writer import StoreWriter
from pepperpy_obs.testing import ManualClock

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["main"]

_SECOND: Final = 1_000_000_000
_MINUTE: Final = 60
_NOW: Final = 1_796_126_400
"""The end of all that is stored: a midnight, UTC."""
_CALLS: Final = 5
"""Of each series in each minute."""


def template(series: int) -> list[ClosedInterval]:
    """Return what a process closes in two minutes in which each series is called ten times."""
    chosen, closed = random.Random(0), list[ClosedInterval]()
    store = Store(max_series=2 * series)
    store.on_closed = closed.append
    moments = sorted(
        (chosen.randrange(2 * _MINUTE * 1000), number) for number in range(series) for _ in range(2 * _CALLS)
    )
    for moment, number in moments:
        store.fold(_event(number, chosen), _NOW * _SECOND + moment * 1_000_000)
    store.close()
    return closed


def _event(number: int, chosen: random.Random) -> dict[str, Any]:
    event = {
        "event": "operation.finished",
        "operation": f"operation {number}",
        "agent": f"agent {number % 20}",
        "outcome": "error" if chosen.random() < 0.02 else "ok",
        "duration_seconds": chosen.lognormvariate(-0.5, 1.2),
        "trace_id": f"{chosen.getrandbits(128):032x}",
        "span_id": f"{chosen.getrandbits(64):016x}",
    }
    if number % 2:
        return {**event, "kind": "tool"}
    tokens = chosen.randrange(200, 4000), chosen.randrange(20, 800)
    cost = f"{tokens[0] * 0.00000025 + tokens[1] * 0.00001:.9f}"
    return {
        **event, "kind": "llm", "provider": "openai", "model": "gpt-5", "input_tokens": tokens[0],
        "output_tokens": tokens[1], "cost_usd": cost, "cost_source": "genai-prices",
    }  # fmt: skip


class Service:
    """One process that writes to a store."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.config = Config(config_file=None, store_url=url, store_max_waiting=1 << 30)
        self.database = Database(url, creates=True)
        self.writer = StoreWriter(self.database, self.config)
        self.writer.prepare()

    def minute(self, start: int, closed: Sequence[ClosedInterval]) -> None:
        """Write a minute that begins at `start` (epoch seconds): the intervals of every second one are the same."""
        size, begin = len(closed) // 2, start // _MINUTE % 2
        for place, interval in enumerate(closed[begin * size : (begin + 1) * size]):
            at = (start + 10 * place) * _SECOND
            self.writer.take(interval._replace(start=at, stop=at + 10 * _SECOND))
        self.writer.flush()

    def days(self, first: int, count: int, hour: SeriesTable) -> None:
        """Write days of which only hours are kept, from the day `first` on, which is counted back from the end."""
        for start in range(_NOW - first * DAY, _NOW - (first - count) * DAY, HOUR):
            self.writer.take(ClosedInterval(start * _SECOND, (start + 10) * _SECOND, hour, is_reopened=False))
        self.writer.flush()
        self.roll_up()

    def roll_up(self) -> None:
        """Roll up every hour that has ended."""
        for roll_up in (roll_up_minutes, roll_up_hours):
            while roll_up(self.database, _NOW, SeriesNames()):
                pass
        if error := self.writer.stats().error:
            sys.exit(error)

    def size(self) -> int:
        """Return the bytes of the database."""

        def asked(connection: Connection) -> int:
            if self.database.is_sqlite:
                pages, size = (
                    connection.execute(text(f"PRAGMA page_{name}")).scalar_one() for name in ("count", "size")
                )
                return int(pages) * int(size)
            return int(connection.execute(select(func.pg_database_size(func.current_database()))).scalar_one())

        return self.database.read(asked)


def an_hour(closed: Sequence[ClosedInterval]) -> SeriesTable:
    """Return what an hour of such minutes adds up to."""
    bundle = Bundle(Keys() if closed[0].keys is None else closed[0].keys)
    for _ in range(30):
        for interval in closed:
            bundle.add(interval)
    return add_up_bundles([bundle], Keys())


def timed(ask: Callable[[], object], repeat: int) -> dict[str, float]:
    """Return the milliseconds and the milliseconds of CPU that it takes, the median."""
    took = []
    for _ in range(repeat):
        start, cpu = time.perf_counter(), time.process_time()
        ask()
        took.append((time.perf_counter() - start, time.process_time() - cpu))
    return {"ms": 1e3 * median(one for one, _ in took), "CPU ms": 1e3 * median(one for _, one in took)}


def reading(url: str, config: Config, repeat: int, days: int) -> dict[str, Any]:
    """Time what is read, each time by a source that knows nothing yet."""

    def opened(ask: Callable[[Any], object]) -> Callable[[], object]:
        return lambda: ask(source(url, config=config))

    def steps(ask: Callable[[Any], object], window: str, step: str) -> Callable[[], object]:
        return opened(lambda found: [ask(one) for one in found.history(window, step)])

    return {
        f"stats(window='{days}d')": timed(opened(lambda found: stats(window=f"{days}d", source=found)), repeat),
        "24h by 5m": timed(opened(lambda found: found.history("24h", "5m")), repeat),
        "24h by 5m, all series as one": timed(steps(lambda one: one.sum, "24h", "5m"), repeat),
        "24h by 5m, all of every step": timed(steps(lambda one: one.snapshot, "24h", "5m"), repeat),
        f"{days}d by 1d, all of every step": timed(steps(lambda one: one.snapshot, f"{days}d", "1d"), repeat),
    }


def measure(url: str, series: int, days: int, hours: int, repeat: int) -> dict[str, Any]:
    """Fill a store, and time what is written and read; the latest hours are written minute by minute."""
    closed, found = template(series), dict[str, Any]()
    service = Service(url)
    service.days(days, days - 1, an_hour(closed))
    rows = service.size()
    took, rolled = [], []
    for start in range(_NOW - hours * HOUR, _NOW, _MINUTE):
        took.append(timed(lambda at=start: service.minute(at, closed), 1))  # type: ignore[misc]
        if (start + _MINUTE) % HOUR == 0:
            rolled.append(timed(service.roll_up, 1))
    found["written, a minute"] = {name: median(one[name] for one in took) for name in took[0]}
    found["rolled up, an hour"] = {name: median(one[name] for one in rolled) for name in rolled[0]}
    found["MB of hours and days, each day"] = rows / 1e6 / max(1, days - 1)
    found["MB of minutes, each day"] = (service.size() - rows) / 1e6 * 24 / hours
    with ManualClock(_NOW - 0.001):
        found |= reading(url, service.config, repeat, days)
    for start in range(_NOW, _NOW + HOUR - _MINUTE, _MINUTE):
        service.minute(start, closed)
    while roll_up_minutes(service.database, _NOW + HOUR - 400, SeriesNames()):
        pass
    with ManualClock(_NOW + HOUR - 1):
        at_worst = timed(lambda: stats(window=f"{days}d", source=source(url, config=service.config)), repeat)
    return {**found, f"stats(window='{days}d') just before an hour is rolled up": at_worst}


def writing(url: str, series: int, minutes: int = 5) -> dict[str, Any]:
    """Time what a minute of many series takes, and its share of being rolled up."""
    closed, service = template(series), Service(url)
    service.minute(_NOW - DAY, closed)  # the series get their numbers
    service.roll_up()
    begin = _NOW - HOUR
    took = [timed(lambda at=at: service.minute(at, closed), 1) for at in range(begin, begin + 60 * minutes, 60)]  # type: ignore[misc]
    return {
        "written, a minute": {name: median(one[name] for one in took) for name in took[0]},
        f"rolled up, {minutes} minutes": timed(service.roll_up, 1),
    }


@contextmanager
def servers(wanted: Sequence[str]) -> Generator[Callable[[], str] | None]:
    """Return what makes an empty database in a server of its own; None if there is no PostgreSQL here."""
    if not wanted or not (shutil.which("initdb") or Path("/usr/lib/postgresql").exists()):
        yield None
        return
    from tests.servers.postgres import Postgres  # noqa: PLC0415 - of the tests

    with Postgres() as server:
        yield server.database


def main() -> None:
    """Print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sqlite", nargs="*", default=["100x30", "1000x7", "1000x30", "1000x90"], metavar="STORE")
    parser.add_argument("--postgresql", nargs="*", default=["1000x30"], metavar="STORE")
    parser.add_argument("--minute", type=int, default=10_000, metavar="SERIES", help="also write minutes of so many")
    parser.add_argument("--hours", type=int, default=24, help="how many are written minute by minute")
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    found: dict[str, Any] = {}

    def run(engine: str, make: Callable[[], str], stores: Sequence[str]) -> None:
        found[f"{engine}, {given.minute} series"] = writing(make(), given.minute)
        for store in stores:
            series, days = map(int, store.split("x"))
            found[f"{engine}, {series} series, {days} days"] = measure(make(), series, days, given.hours, given.repeat)

    with TemporaryDirectory() as folder:
        run("SQLite", lambda: f"sqlite:///{Path(folder) / f'{len(found)}.db'}", given.sqlite)
    with servers(given.postgresql) as make:
        if make is not None:
            run("PostgreSQL", make, given.postgresql)
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
