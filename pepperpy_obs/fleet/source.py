"""The processes of a machine as one source: `source("shared:/run/shop")`, and the pages of each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, Final, NamedTuple, Unpack

from pepperpy_obs import _clock
from pepperpy_obs.aggregate.packed import Keys, Numbers, add_up_all
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.aggregate.window import LONGEST, Windows, check_steps, stretch_of
from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError
from pepperpy_obs.fleet.dead import windows_of, windows_of_dead
from pepperpy_obs.fleet.directory import Directory
from pepperpy_obs.fleet.publisher import Publisher
from pepperpy_obs.fleet.state import CoarseWindows, DeadStates, ProcessState, Span, keys_of
from pepperpy_obs.readings import LiveState, Reading, SelfStats
from pepperpy_obs.readings import live as live_state
from pepperpy_obs.readings.source import EventFilter
from pepperpy_obs.readings.windows import Window, seconds_of, steps_of

__all__ = ["SharedSource"]

_TRIES: Final = 3
"""How often coarser windows are asked for that are older than their state: the writer is between the two."""


class _Process(NamedTuple):
    state: ProcessState
    coarse: CoarseWindows | None
    is_alive: bool


class _Found(NamedTuple):
    """All that the directory has at one moment."""

    processes: Sequence[_Process]
    dead: DeadStates

    @property
    def span(self) -> Span:
        """When the first and the last event of all were."""
        times = SeriesTable()
        for span in (*[one.state.span for one in self.processes], self.dead.span):
            times.span(*span)
        return times.start, times.end


class _Names:
    """The names of all processes, and the numbers that each of them has for its own."""

    def __init__(self) -> None:
        self.keys = Keys()
        self._numbers: dict[bytes, Numbers] = {}

    def numbers(self, names: bytes) -> Numbers:
        """Return the numbers among all names of those that a process has."""
        known = self._numbers.get(names)
        if known is None:
            keys = keys_of(names)
            known = self._numbers[names] = Numbers(
                self.keys.series.numbers(keys.series.keys),
                self.keys.attributes.numbers(keys.attributes.keys),
                self.keys.metrics.numbers(keys.metrics.keys),
            )
        return known


class SharedSource:
    """All processes that share a directory, those that are gone as well; read only, for any thread.

    A process shows its state each second, so what others did in the last second may lack. `publisher` is that of the
    reading process, whose own calls are all shown; without one only the files are read.
    """

    def __init__(
        self,
        directory: Directory,
        config: Config,
        publisher: Publisher | None = None,
        events: Callable[..., Sequence[dict[str, Any]]] | None = None,
    ) -> None:
        self.config = config
        self._directory = directory
        self._publisher = publisher
        self._events = events

    def reading(self, window: Window | None = None) -> Reading:
        """Return what all processes have counted, and what is true of those that live."""
        seconds = None if window is None else seconds_of(window)
        if seconds is not None and seconds > LONGEST:
            msg = f"window={window!r}: processes share windows of up to 24h; for more set store_url"
            raise SetupError(msg)
        found = self._look()
        now = _clock.time_ns()
        return Reading(now, self._snapshot(found, seconds, now), _live(found), _own(found))

    def history(self, window: Window, step: Window) -> list[Reading]:
        """Return the readings of the window's steps, as a process does."""
        found = self._look()
        now = _clock.time_ns()
        steps = steps_of(window, step, now, found.span[0])
        if steps:
            check_steps(len(steps[0]), len(steps))
        names = _Names()
        windows = _windows(found, names, now)
        return [_step(found, names, windows, each, now) for each in steps]

    def events(self, **wanted: Unpack[EventFilter]) -> Sequence[dict[str, Any]]:
        """Return the newest events of the log that the reading process writes; SetupError where there is none."""
        if self._events is None:
            msg = "processes share sums and no events: give their log files to have events to look at"
            raise SetupError(msg)
        return self._events(**wanted)

    def _look(self) -> _Found:
        """Read all files: those of the dead last, as a process that is gone by then is in there."""
        mine = self._publisher
        if mine is not None:
            mine.publish()
        own = mine.name if mine is not None and mine.latest is not None else ""
        processes: dict[str, _Process] = {}
        for name in self._directory.names():
            if name != own and (found := self._process(name)) is not None:
                processes[name] = found
        if mine is not None and mine.latest is not None:
            processes[own] = _Process(mine.latest, mine.coarse, is_alive=True)
        dead = self._directory.dead()
        return _Found([one for name, one in sorted(processes.items()) if name not in dead.taken], dead)

    def _process(self, name: str) -> _Process | None:
        is_alive = self._directory.is_alive(name)
        state, coarse = self._directory.state(name), self._directory.coarse(name)
        for _ in range(_TRIES):
            if state is None:
                return None
            if coarse is None or coarse.version >= state.coarse_version:
                break
            _clock.sleep(0)
            state, coarse = self._directory.state(name), self._directory.coarse(name)
        return None if state is None else _Process(state, coarse, is_alive)

    def _snapshot(self, found: _Found, seconds: float | None, now: int) -> Snapshot:
        names = _Names()
        start, end = found.span
        if seconds is None:
            table = add_up_all(list(_totals(found, names)), names.keys)
            table.start, table.end = start, max(now, end or now)
            return Snapshot.of(table, None)
        stretch = stretch_of(seconds, now)
        pieces = [
            (piece, numbers)
            for windows, numbers in _windows(found, names, now)
            for piece in windows.over(seconds, now)[1]
        ]
        table = add_up_all([*pieces, *_current(found, names, stretch)], names.keys)
        table.start, table.end = (None, None) if start is None else (max(start, stretch.start), now)
        return Snapshot.of(table, seconds)


def _step(found: _Found, names: _Names, windows: Sequence[tuple[Windows, Numbers]], step: range, now: int) -> Reading:
    pieces = [(piece, numbers) for one, numbers in windows for piece in one.between(step)]
    table = add_up_all([*pieces, *_current(found, names, step)], names.keys)
    table.start, table.end = step.start, min(step.stop, now)
    return Reading(min(step.stop, now), Snapshot.of(table, len(step) / 1e9))


def _totals(found: _Found, names: _Names) -> Iterable[tuple[bytes, Numbers]]:
    for one in found.processes:
        numbers = names.numbers(one.state.names)
        if one.state.total:
            yield one.state.total, numbers
        yield one.state.current, numbers
    if found.dead.total:
        yield found.dead.total, names.numbers(found.dead.names)


def _current(found: _Found, names: _Names, stretch: range) -> Iterable[tuple[bytes, Numbers]]:
    for one in found.processes:
        if one.state.current_start in stretch:
            yield one.state.current, names.numbers(one.state.names)


def _windows(found: _Found, names: _Names, now: int) -> list[tuple[Windows, Numbers]]:
    empty = Keys()  # pieces are only found here; what their numbers mean is known by `Numbers`
    living = [
        (windows_of(one.state, one.coarse, empty), names.numbers(one.state.window_names)) for one in found.processes
    ]
    return [*living, (windows_of_dead(found.dead, now, empty), names.numbers(found.dead.window_names))]


def _live(found: _Found) -> LiveState:
    looked = [(LiveState.from_dict(_plain(one.state.live)), one.is_alive) for one in found.processes]
    states = [live if is_alive else live.ended() for live, is_alive in looked]
    if found.dead.live:
        states.append(LiveState.from_dict(_plain(found.dead.live)))
    return reduce(LiveState.merge, states, LiveState() if states else live_state.UNKNOWN)


def _own(found: _Found) -> SelfStats:
    looked = [(SelfStats.from_dict(_plain(one.state.own)), one.is_alive) for one in found.processes]
    books = [own if is_alive else own.ended() for own, is_alive in looked]
    if found.dead.own:
        books.append(SelfStats.from_dict(_plain(found.dead.own)))
    return reduce(SelfStats.merge, books, SelfStats())


def _plain(packed: bytes) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(packed)
    return found
