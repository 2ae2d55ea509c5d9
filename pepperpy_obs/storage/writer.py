"""Writes what a process has counted to its store, every `metrics_interval` seconds, on a thread of its own.

Theory. Closed intervals come into a queue, from whatever thread. All else is done with `_lock` held, which is never
waited for by an observed call: intervals become parts, and parts are written, oldest first, a few in one transaction.
A part is forgotten when its transaction has been committed. If that failed, or if it is unknown, it is written again
under the same name, which changes nothing if it is there. `_books` guards the backlog, and is never held while the
database is asked: intervals that come meanwhile find room there, within its bounds, however long that takes.

A forked child begins with an empty backlog and a name of its own; the parent writes what was counted before. The parent
waits with its fork for the end of a transaction, so that no connection is open in the child, whose end would close it.
"""

from __future__ import annotations

import os
import random
import socket
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import Connection, insert, select

from pepperpy_obs import _clock
from pepperpy_obs._exclusive import BusyError, Exclusive
from pepperpy_obs._guard import failed, note
from pepperpy_obs.aggregate.bundle import Bundle
from pepperpy_obs.aggregate.closed import ClosedInterval
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.config import Config
from pepperpy_obs.errors import ObsError, SourceError
from pepperpy_obs.readings import Reading
from pepperpy_obs.readings.stores import StoreStats
from pepperpy_obs.readings.windows import Window
from pepperpy_obs.storage.backlog import Backlog, Part
from pepperpy_obs.storage.database import Database
from pepperpy_obs.storage.names import SeriesNames, service_id, spelled
from pepperpy_obs.storage.rollup import delete_old, roll_up_hours, roll_up_minutes
from pepperpy_obs.storage.schema import HOUR, MINUTES, PROCESSES, UNROLLED, migrate
from pepperpy_obs.storage.source import Reader
from pepperpy_obs.storage.upserts import upsert

__all__ = ["StoreWriter"]

Result = TypeVar("Result")
Cut = Callable[[Callable[[], list[Bundle]]], tuple[int, list[Bundle]]]
"""Closes the interval under way and has it and those before it come here; then calls what it is given, before any later
one comes. Returns the moment (epoch nanoseconds) and what was returned."""

_NANO: Final = 1_000_000_000
_MINUTE: Final = 60
_GRACE: Final = 3
"""Seconds after the end of a minute until it is written: its last interval comes within two."""
_BATCH: Final = 32
"""Parts of one transaction."""
_SETTLED: Final = 10
"""Seconds after their end until five minutes are rolled up: most processes have written theirs."""
_HOUR_SETTLED: Final = 120
"""The same of an hour."""
_SPREAD: Final = 60
"""Seconds of which each process takes one at random to roll up in: so not all of a service begin at once."""
_FORK: Final = 1.0
"""Seconds that a fork waits for the end of a transaction."""
_BREATH: Final = 0.002
"""Seconds between two steps of rolling up."""
_INCOMING: Final = 60
"""Intervals that wait for the writer at most until the backlog takes them without it."""
_SLOW: Final = 20.0
"""Seconds of one transaction after which health is told."""
_READ: Final = 30.0
"""Seconds that a reader waits for it."""


class StoreWriter:
    """The one writer of a process. For any thread."""

    def __init__(self, database: Database, config: Config) -> None:
        self._database = database
        self._config = config
        self._service = (spelled(config.service[:200]), spelled(config.environment[:200]))
        self._kept = {
            "minutes": float(config.store_keep_minutes),
            "hours": float(config.store_keep_hours),
            "days": float(config.store_keep_days),
        }
        self.renew()

    def renew(self) -> None:
        """Begin anew, as another process does."""
        self._database.renew()
        self._lock = Exclusive()
        self._books = Exclusive()
        self._process = uuid.uuid4().hex
        self._started = _clock.time_ns() // _NANO
        self._incoming: deque[ClosedInterval] = deque()
        self._backlog = Backlog(self._config.store_max_waiting)
        self._number: int | None = None
        """Of the service in the database; None until the tables have been looked at."""
        self._names = SeriesNames()
        self._reader = Reader(self._database, self._service)
        self._written = self._failures = 0
        self._error = ""
        self._asked_at: int | None = None
        """When the transaction under way began, by `perf_counter_ns`."""
        self._slot = self._slot_now()
        self._offset = random.random() * min(_SPREAD, self._config.metrics_interval)  # noqa: S311 - no secret
        self._rolled = self._slot_now(self._offset)
        self._cleaned = 0
        self._is_ending = False
        self._is_held = False

    def prepare(self) -> None:
        """Make the tables if they are not there; SetupError for what a person has to mend.

        Health shows a server that does not answer; it is asked again.
        """
        try:
            self._lock.run(self._prepare)
        except SourceError as error:
            self._fail(error)

    def take(self, interval: ClosedInterval) -> None:
        """Take an interval, to be written when its minute is over."""
        self._incoming.append(interval)
        if len(self._incoming) > _INCOMING:
            self._books.run(lambda: self._seal(_now() - _GRACE))

    def run(self) -> None:
        """Write what is due; everything, once the end was announced."""
        is_due = self._lock.run(self._run)
        while is_due and not self._is_ending:
            is_due = self._lock.run(self._maintain)
            # Readers that wait for the lock come between two steps.
            _clock.sleep(_BREATH)

    def announce_end(self) -> None:
        """Have the next run write everything, as it is the last one."""
        self._is_ending = True

    def resume(self) -> None:
        """Go on as before, after an end that was none."""
        self._is_ending = False

    def flush(self) -> None:
        """Write everything that has come, if the store takes it."""
        self._lock.run(lambda: self._write(None))

    def say_lost(self) -> None:
        """Say how much the store has not got, at the end."""
        if lost := len(self._backlog.parts) + bool(self._incoming):
            note(
                "shutdown",
                f"{lost} minutes were not written to {self._database.shown}: {self._error or 'no time left'}",
            )

    def stats(self) -> StoreStats:
        """Return the books."""
        backlog, asked = self._backlog, self._asked_at
        oldest, error = backlog.oldest, self._error
        if asked is not None and (seconds := (_clock.perf_counter_ns() - asked) / _NANO) > _SLOW:
            error = f"the store {self._database.shown} has not answered for {seconds:.0f} s"
        return StoreStats(
            self._written,
            len(backlog.parts),
            backlog.size,
            None if oldest is None else oldest * _NANO,
            backlog.dropped,
            self._failures,
            error,
        )

    def before_fork(self) -> None:
        """Wait for the end of a transaction, but not for long, and let no other begin."""
        self._is_held = self._lock.acquire(_FORK)

    def after_fork_in_parent(self) -> None:
        """Go on."""
        if self._is_held:
            self._is_held = False
            self._lock.release()

    def snapshot(self, seconds: float, cut: Cut) -> Snapshot:
        """Return what the service has counted in a long window, with all that has not been written yet."""
        return self._ask(cut, lambda now, waiting: self._reader.snapshot(seconds, now, waiting))

    def history(self, window: Window, step: Window, cut: Cut) -> list[Reading]:
        """Return the readings of the steps of a long window, with all that has not been written yet."""
        return self._ask(cut, lambda now, waiting: self._reader.history(window, step, now, waiting))

    def _ask(self, cut: Cut, read: Callable[[int, list[Bundle]], Result]) -> Result:
        def step() -> Result:
            if self._backlog.is_tried:
                # Some of it may be in the database: which parts are has to be known first.
                self._write(None)
                if self._backlog.is_tried:
                    raise SourceError(self._error)
            now, waiting = cut(self._waiting)
            # The lock is held still: what waits is not written before the database has been read.
            return read(now, waiting)

        try:
            return self._lock.run(step, _READ)
        except BusyError as error:
            msg = f"the store {self._database.shown} is busy: {error}"
            raise SourceError(msg) from error

    def _waiting(self) -> list[Bundle]:
        def all_of_it() -> list[Bundle]:
            self._absorb()
            return self._backlog.bundles()

        return self._books.run(all_of_it)

    def _absorb(self) -> None:
        while self._incoming:
            self._backlog.add(self._incoming.popleft())

    def _seal(self, before: int | None) -> None:
        self._absorb()
        self._backlog.seal(before)

    def _run(self) -> bool:
        """Write what is due; return whether it is time to roll up."""
        self._books.run(self._absorb)
        if self._is_ending:
            self._write(None)
            return False
        slot = self._slot_now()
        if slot != self._slot:
            self._slot = slot
            # Whole minutes make one part each.
            whole = self._config.metrics_interval >= _MINUTE
            self._write(_now() - _GRACE if whole else None)
        rolled = self._slot_now(self._offset)
        if rolled == self._rolled or self._error:
            return False
        self._rolled = rolled
        return True

    def _slot_now(self, offset: float = 0.0) -> int:
        return int((_now() - _GRACE - offset) // self._config.metrics_interval)

    def _write(self, before: int | None) -> bool:
        """Write what ended by `before`, or everything; return whether the store has taken it."""
        self._books.run(lambda: self._seal(before))
        self._asked_at = _clock.perf_counter_ns()
        try:
            if self._number is None:
                self._prepare()
            while parts := self._books.run(lambda: self._backlog.batch(_BATCH)):
                self._database.write(partial(self._insert, parts))
                self._books.run(partial(self._backlog.done, parts))
                self._written += len(parts)
                self._asked_at = _clock.perf_counter_ns()
        except Exception as error:
            self._fail(error)
            return False
        finally:
            self._asked_at = None
        self._error = ""
        return True

    def _prepare(self) -> None:
        def step(connection: Connection) -> int:
            migrate(connection, self._kept)
            number = service_id(connection, *self._service)
            row = {
                "id": self._process,
                "service": number,
                "host": spelled(socket.gethostname()),
                "pid": os.getpid(),
                "start": self._started,
            }
            connection.execute(upsert(connection, PROCESSES, ("id",)), [row])
            return number

        self._number = self._database.write(step)

    def _insert(self, parts: Sequence[Part], connection: Connection) -> None:
        """Insert the parts that are not there; one that is may have been rolled up since."""
        mine = MINUTES.c.process == self._process
        numbers = MINUTES.c.part.in_([part.number for part in parts])
        there = {number for (number,) in connection.execute(select(MINUTES.c.part).where(mine, numbers))}
        keys = [
            {"start": part.start, "process": self._process, "part": part.number, "service": self._number}
            for part in parts
            if part.number not in there
        ]
        data = {part.number: part.data for part in parts}
        if keys:
            connection.execute(insert(MINUTES), [{**key, "data": data[int(str(key["part"]))]} for key in keys])
            connection.execute(insert(UNROLLED), keys)

    def _maintain(self) -> bool:
        """Roll up the oldest minutes or hour that have ended, or delete what is too old; return whether to go on."""
        try:
            for roll_up, settled in ((roll_up_minutes, _SETTLED), (roll_up_hours, _HOUR_SETTLED)):
                if roll_up(self._database, _now() - settled, self._names):
                    return True
            hour = _now() // HOUR
            if hour != self._cleaned:
                delete_old(self._database, _now(), self._kept)
                self._cleaned = hour
        except Exception as error:
            self._fail(error)
        return False

    def _fail(self, error: Exception) -> None:
        self._failures += 1
        self._error = str(error) or type(error).__name__
        # The file may be another one by the next time, and numbers of a transaction that was undone are no numbers.
        self._number = None
        self._names = SeriesNames()
        if isinstance(error, ObsError):
            note("store", f"{error}; what is counted waits in memory")
        else:
            failed("store", error)


def _now() -> int:
    return _clock.time_ns() // _NANO
