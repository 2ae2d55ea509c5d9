"""A store as a source: windows and steps of all processes that have written to it, those that ended long ago too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, NoReturn, TypeVar, Unpack

from sqlalchemy import Connection, select

from pepperpy_obs import _clock
from pepperpy_obs.aggregate.bundle import Bundle
from pepperpy_obs.aggregate.lazy_snapshot import LazySnapshot
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.aggregate.window import stretch_of
from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError, SourceError
from pepperpy_obs.readings import Reading
from pepperpy_obs.readings.source import EventFilter
from pepperpy_obs.readings.windows import Window, seconds_of, steps_of
from pepperpy_obs.storage.cover import MINUTE, NANO, Cover, Found
from pepperpy_obs.storage.database import Database
from pepperpy_obs.storage.names import SeriesNames
from pepperpy_obs.storage.schema import DAY, FIVE, HOUR, SERVICES, check, retention

__all__ = ["Reader", "StoredSource"]

_TEN: Final = 10
_RESOLUTIONS: Final = ((DAY, "days"), (HOUR, "hours"), (FIVE, "minutes"), (_TEN, "minutes"))
_UNITS: Final = {DAY: "1d", HOUR: "1h", FIVE: "5m", _TEN: "10s"}

Waiting = Sequence[Bundle]
Result = TypeVar("Result")


class _Step(NamedTuple):
    """What was found of one step, as a part of a snapshot."""

    start: int
    found: Found

    def span(self) -> tuple[None, None]:
        """Return nothing: a step begins where it does, whenever its first event was."""
        return None, None

    def to_table(self) -> SeriesTable:
        """Return its sums."""
        return self.found.to_table()


class Reader:
    """Reads a store, of one service or of all, with parts that wait to be written to it."""

    def __init__(self, database: Database, service: tuple[str, str] | None = None) -> None:
        self._database = database
        self._service = service
        self._names = SeriesNames()

    def check(self) -> None:
        """Raise SetupError where there is no store of a version that can be read, SourceError where none answers."""
        self._read(lambda _: None)

    def snapshot(self, seconds: float | None, now: int, waiting: Waiting = ()) -> Snapshot:
        """Return what was counted in all, or in a window that ends at `now`."""
        return self._read(lambda cover: self._snapshot(cover, seconds, now, waiting))

    def between(self, since: int | None, until: int | None, now: int) -> tuple[range, Snapshot]:
        """Return what was counted in a stretch, which grows to the edges of whole hours, or of days."""
        begin = 0 if since is None else since // (HOUR * NANO) * HOUR
        end = -(-(now if until is None else until) // (HOUR * NANO)) * HOUR
        return self._read(lambda cover: self._between(cover, range(begin, max(begin, end))))

    def history(self, window: Window, step: Window, now: int, waiting: Waiting = ()) -> list[Reading]:
        """Return the readings of the window's steps, as a source does."""
        return self._read(lambda cover: self._history(cover, window, step, now, waiting))

    def _read(self, ask: Callable[[Cover], Result]) -> Result:
        def step(connection: Connection) -> Result:
            check(connection)
            return ask(Cover(connection, self._number(connection), self._names))

        return self._database.read(step)

    def _number(self, connection: Connection) -> int | None:
        if self._service is None:
            return None
        service, environment = self._service
        asked = select(SERVICES.c.id).where(SERVICES.c.service == service, SERVICES.c.environment == environment)
        return connection.execute(asked).scalar() or -1

    def _snapshot(self, cover: Cover, seconds: float | None, now: int, waiting: Waiting) -> Snapshot:
        if seconds is None:
            found = cover.whole()
            found.bundles += waiting
            table = found.to_table()
            table.span(None, now)
            return Snapshot.of(table, None)
        stretch, found = self._stretch(cover, stretch_of(seconds, now))
        found.bundles += waiting
        found.within = stretch
        is_older = any(at < stretch.start for bundle in found.bundles for at, _ in bundle.pieces)
        table = found.to_table()
        if is_older or cover.has_before(stretch.start // NANO):
            table.span(stretch.start, None)
        if table.start is not None:
            table.start, table.end = max(table.start, stretch.start), now
        return Snapshot.of(table, seconds)

    def _between(self, cover: Cover, stretch: range) -> tuple[range, Snapshot]:
        whole, found = cover.hours(stretch)
        return range(whole.start * NANO, whole.stop * NANO), Snapshot.of(found.to_table(), None)

    def _stretch(self, cover: Cover, stretch: range) -> tuple[range, Found]:
        seconds = range(stretch.start // NANO, stretch.stop // NANO)
        if seconds.start % HOUR:
            return stretch, cover.recent(seconds)
        whole, found = cover.hours(seconds)
        return range(whole.start * NANO, stretch.stop), found

    def _history(self, cover: Cover, window: Window, step: Window, now: int, waiting: Waiting) -> list[Reading]:
        begins = [at for bundle in waiting for at, _ in bundle.pieces]
        first = min((at for at in (cover.first(), *begins) if at is not None), default=None)
        steps = steps_of(window, step, now, first)
        if not steps:
            return []
        found = self._steps(cover, steps, now)
        for one, step_range in zip(found, steps, strict=True):
            one.bundles += waiting
            one.within = step_range
            one.number()
        return [_reading(each, one, now) for each, one in zip(steps, found, strict=True)]

    def _steps(self, cover: Cover, steps: Sequence[range], now: int) -> list[Found]:
        kept = retention(cover.connection)
        resolution = _resolution(steps, now, kept)
        if resolution > FIVE or (resolution == FIVE and cover.fives_from() <= steps[0].start // NANO):
            return cover.steps([range(one.start // NANO, one.stop // NANO) for one in steps], resolution)
        found = [cover.nothing() for _ in steps]
        length, begin = len(steps[0]), steps[0].start
        for start, bundle in cover.minutes(range(begin // NANO, -(-steps[-1].stop // NANO))):
            first = max(0, (start * NANO - begin) // length)
            last = min(len(steps) - 1, ((start + MINUTE) * NANO - 1 - begin) // length)
            for place in range(first, last + 1):
                found[place].bundles.append(bundle)
        return found


def _reading(step: range, found: Found, now: int) -> Reading:
    end = min(step.stop, now)
    counted = LazySnapshot(
        [_Step(step.start, found)], (step.start, end), end, stretch=step, window=len(step) / 1e9, summed=found.to_sum
    )
    return Reading(end, counted)


def _resolution(steps: Sequence[range], now: int, kept: Mapping[str, float]) -> int:
    """Return the coarsest intervals that these steps consist of and that are kept for so long; SetupError of none."""
    length, age = len(steps[0]), (now - steps[0].start) / NANO
    for resolution, name in _RESOLUTIONS:
        if length % (resolution * NANO) == 0 and age <= kept[name] + resolution + length / NANO:
            return resolution
    told = ", ".join(f"{_UNITS[each]} for {kept[name] / HOUR:g} hours" for each, name in reversed(_RESOLUTIONS))
    msg = (
        f"{len(steps)} steps of {length / NANO:g} s are not kept; give a step that is a multiple of one that is: {told}"
    )
    raise SetupError(msg)


class StoredSource:
    """All that is in a store. May be asked from any thread; SourceError says why it does not answer.

    Windows end now, and begin and end where those of a process do.
    """

    def __init__(self, database: Database, config: Config) -> None:
        self.config = config
        self._reader = Reader(database)

    def check(self) -> None:
        """Raise SetupError where there is no store of a version that can be read; a server may be away."""
        with suppress(SourceError):
            self._reader.check()

    def reading(self, window: Window | None = None) -> Reading:
        """Return what was counted in all, as long as days are kept, or in the latest window.

        What is true now, and what its writers lost, a store cannot know.
        """
        now = _clock.time_ns()
        return Reading(now, self._reader.snapshot(None if window is None else seconds_of(window), now))

    def history(self, window: Window, step: Window) -> list[Reading]:
        """Return the readings of the window's steps, the oldest first and the step under way last.

        Steps are multiples of 10 s, of an hour or of a day, as long as these are kept; SetupError says how long.
        """
        return self._reader.history(window, step, _clock.time_ns())

    def between(self, since: int | None, until: int | None) -> tuple[range, Reading]:
        """Return what was counted from `since` until before `until`, in whole hours, or in days where these are kept.

        The stretch that this is comes with the reading.
        """
        now = _clock.time_ns()
        stretch, snapshot = self._reader.between(since, until, now)
        return stretch, Reading(now, snapshot)

    def events(self, **_: Unpack[EventFilter]) -> NoReturn:
        """Raise SetupError: a store keeps sums and no events."""
        msg = "a store keeps sums and no events: give log files or a receiver to have events to look at"
        raise SetupError(msg)
