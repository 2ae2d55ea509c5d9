"""The store: folds events into series, and gives snapshots of them.

Only the current interval is written to, of 10 seconds unless it is known to be long past: one lookup and one
accumulator for each event. When an event of another interval comes, the accumulators become data, and these are added
to the windows and to the total. So an event that comes late is counted in the interval to which it belongs, however
late; it only costs more.

Not safe for threads: the owner holds a lock around every call. What costs most, adding up the pieces of a snapshot, can
be done outside of it: see `Store.lazy_snapshot`. To look at each of many accumulators would take too long even then: a
reader takes them away, and the first that needs their sums, a reader or the end of the interval, adds them up for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pepperpy_obs.aggregate.accumulator import SeriesAccumulator
from pepperpy_obs.aggregate.closed import ClosedInterval
from pepperpy_obs.aggregate.interval import DetachedInterval, FrozenInterval, Interval
from pepperpy_obs.aggregate.lazy_snapshot import LazySnapshot, Part
from pepperpy_obs.aggregate.packed import Keys
from pepperpy_obs.aggregate.series import Clean, Limits, SeriesKey
from pepperpy_obs.aggregate.series_table import Entries, SeriesTable
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.aggregate.window import LONGEST, Windows, check_steps, resolution_at
from pepperpy_obs.errors import SetupError
from pepperpy_obs.events import OPERATION_FINISHED

__all__ = ["Store", "StoreState"]

_FINISHED: Final = OPERATION_FINISHED
_QUICK: Final = 500
"""Accumulators of which a copy is made in a millisecond; from more of them a reader takes the interval itself."""


class StoreState(NamedTuple):
    """All that a store holds at one moment; nothing in it changes any more."""

    version: int
    """Of what is closed: another one each time that something was."""
    total: SeriesTable | None
    """What is closed; None where the version is the one that was known."""
    levels: Sequence[Mapping[int, Sequence[bytes]]]
    """The windows of what is closed; none where the version was known."""
    newest: int | None
    keys: Keys
    parts: Sequence[Part]
    """The current interval, which is in none of these."""
    start: int
    """When that begins."""


class Store:
    """All series of one process, or of many whose snapshots it takes in.

    Requests to language models are also counted by each field of the user's that `attributes` names, and by day.
    Each family (operations, attributes, caches, metrics) holds at most `max_series` series, and past them `_other`.
    `clean` takes the secrets out of label values, so that no reader of the store has to. Without `windows` only the
    total is kept, in half the memory.

    >>> store = Store()
    >>> store.fold({"event": "operation.finished", "operation": "ask", "outcome": "ok", "duration_seconds": 0.5}, at=0)
    >>> [(key.operation, data.calls, data.duration.sum) for key, data in store.snapshot().series.items()]
    [('ask', 1, 0.5)]
    """

    __slots__ = (
        "_closed",
        "_expected",
        "_from",
        "_index",
        "_interval",
        "_keeps_windows",
        "_known",
        "_limits",
        "_parts",
        "_total",
        "_until",
        "_windows",
        "attributes",
        "on_closed",
        "version",
    )  # fmt: skip

    def __init__(
        self,
        max_series: int = 2000,
        attributes: Sequence[str] = (),
        clean: Clean | None = None,
        *,
        windows: bool = True,
    ) -> None:
        self.attributes = tuple(attributes)
        """The fields of the user's that requests are counted by, from now on."""
        self._limits = Limits(0) if clean is None else Limits(0, clean)
        self.max_series = max_series
        self._keeps_windows = windows
        self.on_closed: Callable[[ClosedInterval], object] | None = None
        """Given each interval that is closed, with the owner's lock held: it has to be quick."""
        self.clear()

    @property
    def max_series(self) -> int:
        """The limit of each family. Lowering it takes nothing away, it only lets no more in."""
        return self._limits.most

    @max_series.setter
    def max_series(self, most: int) -> None:
        if most < 1:
            msg = f"max_series={most!r}: use a whole number above 0 (2000 by default)"
            raise SetupError(msg)
        self._limits.most = most

    @property
    def clean(self) -> Clean:
        """What label values go through before anything is counted under them; series that are there stay."""
        return self._limits.clean

    @clean.setter
    def clean(self, clean: Clean) -> None:
        self._limits.clean = clean
        self._known.clear()

    def label(self, name: str, value: object) -> str:
        """Return the value of a label as it may be shown."""
        return self._limits.label(name, value)

    @property
    def current(self) -> tuple[int, int, Mapping[tuple[Any, ...], SeriesAccumulator]]:
        """The interval that is written to: its begin and end (epoch ns), and its accumulators by label values."""
        return self._from, self._until, self._index

    def accumulator(self, values: tuple[Any, ...], at: int) -> SeriesAccumulator | None:
        """Return where the current interval counts calls with these label values, the first of which ended at `at`.

        None for those that are still to come through `fold` once, and for those that overflow: they always are.
        """
        return self._index.get(values) or self._interval.resume(values, at)

    def clear(self) -> None:
        """Forget everything, as a forked child does."""
        self._expected = 0
        self.version = 0
        """How often something was closed."""
        self._limits = Limits(self.max_series, self._limits.clean)
        self._total = SeriesTable()
        self._windows = Windows()
        self._known: dict[tuple[Any, ...], tuple[SeriesKey, bool]] = {}
        self._interval = Interval(0, self._limits, self._known)
        self._parts: list[DetachedInterval] = []
        """What readers have taken away from that interval."""
        self._index = self._interval.index
        self._closed = -1
        """Where the newest interval begins that was closed."""
        # No time lies in it: the first event turns to its own interval.
        self._from = self._until = 0

    def expect(self, newest: int) -> None:
        """Take note that an event of the time `newest` is still to come (epoch ns).

        Of what is so old beside it that windows will keep it only coarsely, coarse intervals are written at once. Until
        that event has come, windows of the past may therefore be coarser than `lazy_snapshot` promises.
        """
        self._expected = max(self._expected, newest)

    def fold(self, event: Mapping[str, Any], at: int) -> None:
        """Count an event of the time `at` (UTC epoch nanoseconds); fields that make no sense are refused and named."""
        if not self._from <= at < self._until:
            self._rotate(at)
        if event.get("event") == _FINISHED:
            try:
                accumulator = self._index[
                    event.get("operation"),
                    event.get("agent"),
                    event.get("kind"),
                    event.get("provider"),
                    event.get("model"),
                ]
            except (KeyError, TypeError):
                accumulator = self._interval.accumulator(event, at)
            accumulator.finish(event, at)
            if "cache" in event:
                self._interval.look_up(event)
        else:
            self._interval.fold(event, at)
        if self.attributes:
            self._interval.attribute(event, self.attributes)

    def snapshot(self, window: float | None = None, now: int | None = None) -> Snapshot:
        """Return what is known since the start, or of the last `window` seconds (24 hours at most).

        `now` is the end of the window (UTC epoch nanoseconds; by default the newest event). A window begins where
        an interval does, so that it may be longer than asked: by up to 10 s where it is no longer than 5 minutes, by up
        to 150 s where no longer than an hour, by up to an hour above.
        """
        return self.lazy_snapshot(window, now).snapshot()

    def lazy_snapshot(self, window: float | None = None, now: int | None = None) -> LazySnapshot:
        """Return the same in pieces that are still to be added up: a fraction of the work, all that needs the lock."""
        if window is not None and not _is_window(window):
            msg = f"window={window!r}: use seconds above 0 and up to {LONGEST:.0f}, or None for all that there is"
            raise SetupError(msg)
        if len(self._interval) > _QUICK:
            self._part()
        parts: list[DetachedInterval | FrozenInterval] = [*self._parts, self._interval.freeze()]
        times = self._total.start, self._total.end
        if window is None:
            return LazySnapshot(parts, times, now, total=self._total.copy())
        end = self._newest() if now is None else now
        if end is None:
            return LazySnapshot([], (None, None), None, stretch=range(0), window=window)
        stretch, pieces = self._windows.over(window, end)
        packed = pieces, self._windows.keys
        return LazySnapshot(parts, times, end, packed=packed, stretch=stretch, window=window, remembers=True)

    def state(self, known: int = -1) -> StoreState:
        """Return all that it holds, for other processes to read; of what is closed only what is newer than `known`."""
        if len(self._interval) > _QUICK:
            self._part()
        is_news = self.version != known
        return StoreState(
            self.version,
            self._total.copy() if is_news else None,
            self._windows.levels() if is_news else (),
            self._windows.newest,
            self._windows.keys,
            [*self._parts, self._interval.freeze()],
            self._from,
        )

    @property
    def first(self) -> int | None:
        """When the first event was that is counted, epoch ns; None of none."""
        begins = (self._total.start, self._interval.span()[0], *(part.span()[0] for part in self._parts))
        return min((at for at in begins if at is not None), default=None)

    def lazy_steps(self, steps: Sequence[range], now: int) -> list[LazySnapshot]:
        """Return what was counted in each of these equal steps, in pieces; SetupError where it was not kept so."""
        if steps:
            check_steps(len(steps[0]), len(steps))
        return [self._lazy_step(step, now) for step in steps]

    def _lazy_step(self, step: range, now: int) -> LazySnapshot:
        # The parts are of the interval that is not closed: what `_part` took away from it belongs to its step, too.
        is_open = self._from in step
        parts: list[DetachedInterval | FrozenInterval] = [*self._parts, self._interval.freeze()] if is_open else []
        end = min(step.stop, now)
        return LazySnapshot(
            parts,
            (step.start, end),
            end,
            packed=(self._windows.between(step), self._windows.keys),
            stretch=step,
            window=len(step) / 1e9,
        )

    def merge(self, snapshot: Snapshot) -> None:
        """Add a snapshot of another process to the total; windows of several processes are merged as snapshots."""
        self.version += 1
        self._total.absorb(self._limited(snapshot))

    def add(self, start: int, stop: int, counted: Entries) -> None:
        """Add what another store has closed of an interval, to the windows too; see `on_closed`."""
        table = self._limited(counted)
        self.version += 1
        if self._keeps_windows:
            self._windows.add(start, table, stop - start)
        self._total.absorb(table)

    def _limited(self, snapshot: Entries) -> SeriesTable:
        """Return the same within the limits of this store."""
        table = SeriesTable()
        table.span(snapshot.start, snapshot.end)
        table.events.update(snapshot.events)
        table.refused.update(snapshot.refused)
        table.overflow.update(snapshot.overflow)
        for key, data in snapshot.series.items():
            table.add(self._limits.series(key, table.overflow, data.calls or 1), data)
        table.days.update(snapshot.days)
        for attribute, requests in snapshot.attributes.items():
            weight = requests.count or 1
            table.add_attribute(self._limits.attribute(attribute, table.overflow, weight), requests)
        for name, lookups in snapshot.caches.items():
            table.add_cache(self._limits.cache(name, table.overflow, lookups.hits + lookups.misses), lookups)
        for metric, values in snapshot.metrics.items():
            place = self._limits.metric(metric, table.overflow)
            if place is None:
                table.refused["metric"] += 1
            else:
                table.add_metric(place, values)
        return table

    def close(self, until: int | None = None) -> None:
        """Close the current interval if it ends by `until` (epoch nanoseconds; None: whatever its end).

        By itself an interval is closed when the first event after it comes. An event of its time opens it again.
        """
        if (until is None or self._until <= until) and (self._parts or self._interval.span()[0] is not None):
            self._rotate(self._until)

    def _newest(self) -> int | None:
        """Return when the newest event was."""
        times = SeriesTable()
        times.span(self._total.start, self._total.end)
        for span in (self._interval.span(), *[part.span() for part in self._parts]):
            times.span(*span)
        return times.end

    def _part(self) -> None:
        """Take the accumulators away from the current interval, which gets new ones: to look at each takes too long."""
        self._parts.append(DetachedInterval(self._interval))
        self._begin(self._from)

    def _rotate(self, at: int) -> None:
        """Close the current interval and begin that of `at`."""
        table = self._interval.to_table()
        table.absorb(*[part.to_table() for part in self._parts])
        packed = self._windows.add(self._from, table, self._interval.length) if self._keeps_windows else b""
        self._total.absorb(table)
        if self.on_closed is not None and table.start is not None:
            is_reopened = self._from <= self._closed
            self.on_closed(ClosedInterval(self._from, self._until, table, is_reopened, packed, self._windows.keys))
        self._closed = max(self._closed, self._from)
        self.version += 1
        self._parts = []
        self._begin(at)

    def _begin(self, at: int) -> None:
        self._index.clear()  # a reader that still has it must keep no accumulators alive
        self._interval = Interval(at, self._limits, self._known, resolution_at(at, self._expected))
        self._index = self._interval.index
        self._from = self._interval.start
        self._until = self._from + self._interval.length


def _is_window(given: object) -> bool:
    return isinstance(given, int | float) and 0 < given <= LONGEST
