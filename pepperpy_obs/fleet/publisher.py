"""Shows the state of this process to the others, when it has changed and at most each second.

Theory. What is closed is packed once per version of it, which is every ten seconds; only the interval under way is
packed each time. `run` is called by a timed job, and `publish` by a reader of this process before it reads: `_lock` is
held around showing. What the dead have left is taken in without it, under the directory's own lock. A process that is
busy packing for long pauses for a hundred times as long, so that this takes no more than a hundredth of a core.

A forked child begins with another name; the lock that it inherited it closes, and the parent's stays held.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from pepperpy_obs import _clock
from pepperpy_obs._exclusive import Exclusive
from pepperpy_obs._guard import failed
from pepperpy_obs.aggregate.lazy_snapshot import Part
from pepperpy_obs.aggregate.packed import Keys, pack
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.aggregate.store import StoreState
from pepperpy_obs.errors import SourceError
from pepperpy_obs.fleet.dead import take_in
from pepperpy_obs.fleet.directory import Directory
from pepperpy_obs.fleet.state import CoarseWindows, ProcessState, names_of
from pepperpy_obs.readings import LiveState, SelfStats
from pepperpy_obs.shipping.private import Descriptor

__all__ = ["Moment", "Publisher"]

_SHARE: Final = 100
"""Of a core one in so many parts, at most, is spent on this."""
_DEAD: Final = 5.0
"""Seconds between two looks at which processes are dead."""
_READ: Final = 5.0
"""Seconds that a reader waits for the job."""


class Moment(NamedTuple):
    """One moment of a runtime."""

    at: int
    state: StoreState
    live: LiveState
    own: SelfStats


Look = Callable[[int], Moment]
"""Returns the moment; its state has what is closed only if that is newer than the version that is given."""


class Publisher:
    """The one writer of a process. For any thread."""

    def __init__(self, directory: Directory, look: Look) -> None:
        self.directory = directory
        self._look = look
        self._held: Descriptor | None = None
        self.renew()

    def renew(self) -> None:
        """Begin anew, as another process does."""
        if self._held is not None:
            self._held.close()
        self._held = None
        self.name = f"{os.getpid()}-{uuid.uuid4().hex[:16]}"
        self._pid = os.getpid()
        self._lock = Exclusive()
        self._version = -1
        self._keys = Keys()
        self._names = (0, b"")
        self._window_names = (0, b"")
        self._total = b""
        self._span: tuple[int | None, int | None] = (None, None)
        self._coarse: CoarseWindows | None = None
        self._finest: dict[int, Sequence[bytes]] = {}
        self._shown: tuple[object, ...] = ()
        self.latest: ProcessState | None = None
        """What was shown last; a reader of this process need not ask the file."""
        self._not_before = self._next_dead = 0.0
        self._is_lost = self._is_ending = False

    @property
    def coarse(self) -> CoarseWindows | None:
        """The coarser windows of `latest`."""
        return self._coarse

    def run(self) -> None:
        """Show what is new, unless the last time has taken so long that it is too early; take in those that died."""
        now = _clock.perf_counter_ns() / 1e9
        if now >= self._not_before or self._is_ending:
            # On a busy machine most of the time that passes is others'.
            before = _clock.thread_time_ns()
            self._lock.run(self._run)
            self._not_before = now + _SHARE * (_clock.thread_time_ns() - before) / 1e9
        if now >= self._next_dead and not self._is_ending:
            self._next_dead = now + _DEAD
            # Without the lock: the states of the dead may be large, and to show one's own must not wait for them.
            self._take_in_dead()

    def publish(self, timeout: float = _READ) -> None:
        """Show the state of this moment, before a read; BusyError if another thread does it for too long."""
        self._lock.run(self._run, timeout)

    def announce_end(self) -> None:
        """Have the next run show the state in any case: it is the last one."""
        self._is_ending = True

    def resume(self) -> None:
        """Go on as before, after an end that was none."""
        self._is_ending = False

    def _run(self) -> None:
        if self._pid != os.getpid():
            self.renew()  # a fork that no hook told of
        if self._is_lost:
            return
        moment = self._look(self._version)
        state = self._pack(moment)
        try:
            self._hold()
            self._write(state)
        except OSError as error:
            failed("share", error)
        self.latest = state

    def _hold(self) -> None:
        """Lock this process's name; again if the application has closed our descriptor."""
        if self._held is None:
            self._held = self.directory.hold(self.name)
        elif not self._held.ours:
            if self.name in self.directory.dead().taken:
                self._is_lost = True
                msg = (
                    "the application has closed our lock, and another process has taken this one for dead: what it"
                    f" counts from now on is not in {self.directory.path}"
                )
                raise OSError(msg)
            self._held = self.directory.hold(self.name)

    def _write(self, state: ProcessState) -> None:
        shown = (state.current, state.coarse_version, self._version, state.live, state.own)
        if shown == self._shown:
            return
        was = self.latest.coarse_version if self.latest is not None and self._shown else -1
        self.directory.write(self.name, state, self._coarse if state.coarse_version != was else None)
        self._shown = shown

    def _pack(self, moment: Moment) -> ProcessState:
        state = moment.state
        if state.total is not None:
            self._keep(state, state.total)
        table = _sum(state.parts)
        current = pack(table, self._keys)
        self._names = _named(self._names, self._keys)
        span = SeriesTable()
        span.span(*self._span)
        span.span(table.start, table.end)
        return ProcessState(
            1,
            self._pid,
            moment.at,
            (span.start, span.end),
            self._names[1],
            self._total,
            current,
            state.start,
            self._window_names[1],
            self._finest,
            state.newest,
            0 if self._coarse is None else self._coarse.version,
            _json(moment.live.to_dict()),
            _json(moment.own.to_dict()),
        )

    def _keep(self, state: StoreState, total: SeriesTable) -> None:
        self._version = state.version
        self._total = pack(total, self._keys)
        self._span = total.start, total.end
        self._window_names = _named(self._window_names, state.keys)
        self._finest, *coarser = map(dict, state.levels)
        if self._coarse is None or self._coarse.levels != coarser:
            self._coarse = CoarseWindows(1, state.version, list(coarser))

    def _take_in_dead(self) -> None:
        try:
            self.directory.take_in_dead(lambda dead, name: take_in(self.directory, dead, name))
        except (OSError, SourceError) as error:
            failed("share", error)


def _sum(parts: Sequence[Part]) -> SeriesTable:
    table = SeriesTable()
    table.absorb(*[part.to_table() for part in parts])
    for part in parts:
        table.span(*part.span())
    return table


def _named(known: tuple[int, bytes], keys: Keys) -> tuple[int, bytes]:
    """Return how many names the keys have, and all of them in bytes; made anew when there are more."""
    count = len(keys.series.keys) + len(keys.attributes.keys) + len(keys.metrics.keys)
    return known if known[0] == count else (count, names_of(keys))


def _json(plain: object) -> bytes:
    return json.dumps(plain, separators=(",", ":"), sort_keys=True).encode()
