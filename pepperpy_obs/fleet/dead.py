"""What processes have left that are gone: added up into one state."""

from __future__ import annotations

import json

from pepperpy_obs import _clock
from pepperpy_obs.aggregate.packed import Keys, add_up, pack
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.aggregate.window import Windows
from pepperpy_obs.fleet.directory import Directory
from pepperpy_obs.fleet.state import CoarseWindows, DeadStates, ProcessState, keys_of, names_of
from pepperpy_obs.readings import LiveState, SelfStats

__all__ = ["take_in", "windows_of", "windows_of_dead"]


def windows_of(state: ProcessState, coarse: CoarseWindows | None, keys: Keys | None = None) -> Windows:
    """Return the windows of one process, without the interval under way."""
    found = keys_of(state.window_names) if keys is None else keys
    levels = [state.finest, *(coarse.levels if coarse is not None else [{}] * (len(Windows().levels()) - 1))]
    return Windows.of(levels, state.newest, found)


def windows_of_dead(dead: DeadStates, now: int, keys: Keys | None = None) -> Windows:
    """Return the windows of all that are gone; nothing in them is under way."""
    levels = dead.levels or [{}] * len(Windows().levels())
    return Windows.of(levels, now, keys_of(dead.window_names) if keys is None else keys)


def take_in(directory: Directory, dead: DeadStates, name: str) -> DeadStates:
    """Return what the dead have left with a process's state added.

    What was running in it has ended with it, and no one knows how. Of its own figures those that only grow are kept,
    and the lookups of caches that it watched.
    """
    state = directory.state(name)
    if state is None:
        return dead
    now = _clock.time_ns()
    table, keys = _with_current(state)
    ending = windows_of(state, directory.coarse(name))
    current = add_up([state.current], keys)
    if current.start is not None or current.series:
        ending.add(state.current_start, current)
    ending.complete()
    windows = windows_of_dead(dead, now)
    windows.absorb(ending, now)
    all_keys = keys_of(dead.names)
    whole = add_up([dead.total], all_keys) if dead.total else SeriesTable()
    whole.absorb(table)
    own = SelfStats.from_dict(json.loads(state.own)).ended()
    if dead.own:
        own = own.merge(SelfStats.from_dict(json.loads(dead.own)))
    live = LiveState.from_dict(json.loads(state.live)).ended()
    if dead.live:
        live = live.merge(LiveState.from_dict(json.loads(dead.live)))
    total = pack(whole, all_keys)
    return DeadStates(
        taken=dead.taken,
        span=(whole.start, whole.end),
        names=names_of(all_keys),
        total=total,
        window_names=names_of(windows.keys),
        levels=list(windows.levels()),
        own=_json(own.to_dict()),
        live=_json(live.to_dict()),
    )


def _json(plain: object) -> bytes:
    return json.dumps(plain, separators=(",", ":")).encode()


def _with_current(state: ProcessState) -> tuple[SeriesTable, Keys]:
    keys = keys_of(state.names)
    packed = [state.total, state.current] if state.total else [state.current]
    return add_up(packed, keys), keys
