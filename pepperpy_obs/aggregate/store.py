"""The store: folds events into series, and gives snapshots of them.

Only the slot of 10 seconds at hand is written to: one lookup and one tally for each event. When an event of
another slot comes, the tallies become cells, and these are added to the windows and to the total. So an event
that comes late is counted in the slot to which it belongs, however late; it only costs more.

Not safe for threads: the owner holds a lock around every call. What costs most, adding up the pieces of a
snapshot, can be done outside of it: see `Store.cut`. To look at each of many tallies would take too long even then:
a reader takes them away, and whoever needs their sums first, a reader or the end of the slot, adds them up for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pepperpy_obs.aggregate.cell import SLOT
from pepperpy_obs.aggregate.closed import ClosedInterval
from pepperpy_obs.aggregate.ledger import Ledger
from pepperpy_obs.aggregate.packed import Keys, add_up
from pepperpy_obs.aggregate.series import Clean, Limits, SeriesKey
from pepperpy_obs.aggregate.slot import Slot, SlotPart, StillSlot
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.aggregate.tally import Tally
from pepperpy_obs.aggregate.window import LONGEST, Windows, check_steps
from pepperpy_obs.errors import SetupError
from pepperpy_obs.events import OPERATION_FINISHED

__all__ = ["Cut", "Store"]

_FINISHED: Final = OPERATION_FINISHED
_QUICK: Final = 500
"""Tallies of which a copy is made in a millisecond; from more of them a reader takes the slot itself."""


class Cut:
    """A snapshot that has not been added up yet, of pieces that do not change any more.

    `packed` are the intervals of a window, `total` all slots since the start that are closed; `parts` is the slot
    at hand. `times` are those of the store's total, `stretch` is what the window covers.
    """

    __slots__ = ("_made", "_now", "_packed", "_parts", "_stretch", "_times", "_total", "_window")

    def __init__(
        self,
        parts: Sequence[SlotPart | StillSlot],
        times: tuple[int | None, int | None],
        now: int | None,
        *,
        total: Ledger | None = None,
        packed: tuple[Sequence[bytes], Keys] | None = None,
        stretch: range | None = None,
        window: float | None = None,
    ) -> None:
        self._parts = parts
        self._times = times
        self._now = now
        self._total = total
        self._packed = packed
        self._stretch = stretch
        self._window = window
        self._made: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """Add it up, the first time; needs no lock. Two threads at once may add up both, to the same."""
        if self._made is None:
            sums = add_up(*self._packed) if self._packed else Ledger()
            stretch = self._stretch
            parts = [part for part in self._parts if stretch is None or part.start in stretch]
            sums.absorb(*([self._total] if self._total else []), *[part.written() for part in parts])
            sums.start, sums.end = self._span()
            self._made = Snapshot.of(sums, self._window)
        return self._made

    def _span(self) -> tuple[int | None, int | None]:
        times = Ledger()
        times.span(*self._times)
        for part in self._parts:
            times.span(*part.span())
        if self._stretch is None:
            times.span(None, self._now)
            return times.start, times.end
        return (None, None) if times.start is None else (max(times.start, self._stretch.start), self._now)


class Store:
    """All series of one process, or of many whose snapshots it takes in.

    Requests to language models are also counted by each field of the user's that `attributes` names, and by day.
    Each family (operations, attributes, caches, metrics) holds at most `max_series` series, and past them `_other`.
    `clean` takes the secrets out of label values, so that no reader of the store has to. Without `windows` only the
    total is kept, in half the memory.

    >>> store = Store()
    >>> store.fold({"event": "operation.finished", "operation": "ask", "outcome": "ok", "duration_seconds": 0.5}, at=0)
    >>> [(key.operation, cell.calls, cell.duration.sum) for key, cell in store.snapshot().series.items()]
    [('ask', 1, 0.5)]
    """

    __slots__ = (
        "_closed", "_from", "_index", "_keeps_windows", "_known", "_limits", "_parts", "_slot", "_total", "_until",
        "_windows", "attributes", "on_closed",
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
    def at_hand(self) -> tuple[int, int, Mapping[tuple[Any, ...], Tally]]:
        """The slot that is written to: where it begins and ends (epoch ns), and its tallies by label values."""
        return self._from, self._until, self._index

    def tally(self, values: tuple[Any, ...], at: int) -> Tally | None:
        """Return where the slot at hand counts calls with these label values, the first of which ended at `at`.

        None for those that are still to come through `fold` once, and for those that overflow: they always are.
        """
        return self._index.get(values) or self._slot.resume(values, at)

    def clear(self) -> None:
        """Forget everything, as a forked child does."""
        self._limits = Limits(self.max_series, self._limits.clean)
        self._total = Ledger()
        self._windows = Windows()
        self._known: dict[tuple[Any, ...], tuple[SeriesKey, bool]] = {}
        self._slot = Slot(0, self._limits, self._known)
        self._parts: list[SlotPart] = []
        """What readers have taken away from that slot."""
        self._index = self._slot.index
        self._closed = -1
        """Where the newest interval begins that was closed."""
        # No time lies in it: the first event turns to its own slot.
        self._from = self._until = 0

    def fold(self, event: Mapping[str, Any], at: int) -> None:
        """Count an event of the time `at` (UTC epoch nanoseconds); fields that make no sense are refused and named."""
        if not self._from <= at < self._until:
            self._turn(at)
        if event.get("event") == _FINISHED:
            try:
                tally = self._index[
                    event.get("operation"),
                    event.get("agent"),
                    event.get("kind"),
                    event.get("provider"),
                    event.get("model"),
                ]
            except (KeyError, TypeError):
                tally = self._slot.tally(event, at)
            tally.finish(event, at)
            if "cache" in event:
                self._slot.look_up(event)
        else:
            self._slot.fold(event, at)
        if self.attributes:
            self._slot.attribute(event, self.attributes)

    def snapshot(self, window: float | None = None, now: int | None = None) -> Snapshot:
        """Return what is known since the start, or of the last `window` seconds (24 hours at most).

        `now` is the end of the window (UTC epoch nanoseconds; by default the newest event). A window begins where
        a slot does, so that it may be longer than asked: by up to 10 s where it is no longer than 5 minutes, by up
        to 150 s where no longer than an hour, by up to an hour above.
        """
        return self.cut(window, now).snapshot()

    def cut(self, window: float | None = None, now: int | None = None) -> Cut:
        """Return the same in pieces that are still to be added up: a fraction of the work, all that needs the lock."""
        if window is not None and not _is_window(window):
            msg = f"window={window!r}: use seconds above 0 and up to {LONGEST:.0f}, or None for all that there is"
            raise SetupError(msg)
        if len(self._slot) > _QUICK:
            self._part()
        parts: list[SlotPart | StillSlot] = [*self._parts, self._slot.still()]
        times = self._total.start, self._total.end
        if window is None:
            return Cut(parts, times, now, total=self._total.copy())
        end = self._newest() if now is None else now
        if end is None:
            return Cut([], (None, None), None, stretch=range(0), window=window)
        stretch, pieces = self._windows.over(window, end)
        return Cut(parts, times, end, packed=(pieces, self._windows.keys), stretch=stretch, window=window)

    @property
    def first(self) -> int | None:
        """When the first event was that is counted, epoch ns; None of none."""
        return min((at for at in (self._total.start, self._slot.span()[0]) if at is not None), default=None)

    def cuts(self, steps: Sequence[range], now: int) -> list[Cut]:
        """Return what was counted in each of these equal steps, in pieces; SetupError where it was not kept so."""
        if steps:
            check_steps(len(steps[0]), len(steps))
        return [self._cut_step(step, now) for step in steps]

    def _cut_step(self, step: range, now: int) -> Cut:
        # The parts are of the slot that is not closed: what `_part` took away from it belongs to its step, too.
        is_open = self._from in step
        parts: list[SlotPart | StillSlot] = [*self._parts, self._slot.still()] if is_open else []
        end = min(step.stop, now)
        return Cut(
            parts,
            (step.start, end),
            end,
            packed=(self._windows.between(step), self._windows.keys),
            stretch=step,
            window=len(step) / 1e9,
        )

    def merge(self, snapshot: Snapshot) -> None:
        """Add a snapshot of another process to the total; windows of several processes are merged as snapshots."""
        ledger = Ledger()
        ledger.span(snapshot.start, snapshot.end)
        ledger.events.update(snapshot.events)
        ledger.refused.update(snapshot.refused)
        ledger.overflow.update(snapshot.overflow)
        for key, cell in snapshot.series.items():
            ledger.add(self._limits.series(key, ledger.overflow, cell.calls or 1), cell)
        ledger.days.update(snapshot.days)
        for attribute, requests in snapshot.attributes.items():
            weight = requests.count or 1
            ledger.add_attribute(self._limits.attribute(attribute, ledger.overflow, weight), requests)
        for name, lookups in snapshot.caches.items():
            ledger.add_cache(self._limits.cache(name, ledger.overflow, lookups.hits + lookups.misses), lookups)
        for metric, values in snapshot.metrics.items():
            place = self._limits.metric(metric, ledger.overflow)
            if place is None:
                ledger.refused["metric"] += 1
            else:
                ledger.add_metric(place, values)
        self._total.absorb(ledger)

    def close(self, until: int | None = None) -> None:
        """Close the slot at hand if it ends by `until` (epoch nanoseconds; None: whatever its end).

        By itself a slot is closed when the first event after it comes. An event of its time opens it again.
        """
        if (until is None or self._until <= until) and (self._parts or self._slot.span()[0] is not None):
            self._turn(self._until)

    def _newest(self) -> int | None:
        """Return when the newest event was."""
        times = Ledger()
        times.span(self._total.start, self._total.end)
        for span in (self._slot.span(), *[part.span() for part in self._parts]):
            times.span(*span)
        return times.end

    def _part(self) -> None:
        """Take the tallies away from the slot at hand, as to look at each would take too long; it gets new ones."""
        self._parts.append(SlotPart(self._slot))
        self._begin(self._from)

    def _turn(self, at: int) -> None:
        """Close the slot at hand and begin that of `at`."""
        written = self._slot.written()
        written.absorb(*[part.written() for part in self._parts])
        if self._keeps_windows:
            self._windows.add(self._from, written)
        self._total.absorb(written)
        if self.on_closed is not None and written.start is not None:
            self.on_closed(ClosedInterval(self._from, self._until, written, self._from <= self._closed))
        self._closed = max(self._closed, self._from)
        self._parts = []
        self._begin(at)

    def _begin(self, at: int) -> None:
        self._index.clear()  # whoever still has it is to keep no tallies alive
        self._slot = Slot(at, self._limits, self._known)
        self._index = self._slot.index
        self._from = self._slot.start
        self._until = self._from + SLOT


def _is_window(given: object) -> bool:
    return isinstance(given, int | float) and 0 < given <= LONGEST
