"""Usual calls: those that differ from the one before in their times and ids only. They are counted in bulk.

For each operation and agent there is a mould, made by sending a specimen through the links once. A call
fits it if nothing befell it (no failure, no answer, no field of the user's), and the links hold nothing that
concerns it. Every other call becomes an event and goes through the links by itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from structlog import DropEvent

from pepperpy_obs._event import AT, THREE, Writer
from pepperpy_obs._guard import failed
from pepperpy_obs._record import CALLER, END, ERROR, NOTES, SPEC, Record, Spec
from pepperpy_obs.aggregate.pending import BATCH as PENDING
from pepperpy_obs.aggregate.series import SeriesKey
from pepperpy_obs.chain.template import Template, cut, specimen
from pepperpy_obs.typing import EventDict, Processor

if TYPE_CHECKING:
    from pepperpy_obs.aggregate.store import Store
    from pepperpy_obs.aggregate.tally import Tally

__all__ = ["Usual"]

_MOST: Final = 4096
_SECOND: Final = 1_000_000_000

_Index = Mapping[tuple[Any, ...], "Tally"]
_Which = tuple[Spec, str | None]
"""An operation and an agent."""
Due = tuple[dict["_Mould", list[Record]], int]
_by_end: Final = itemgetter(END)


class _Mould:
    """What the usual calls of one operation and agent have in common."""

    __slots__ = ("index", "labels", "root", "tally", "template")

    def __init__(self, labels: tuple[Any, ...], template: Template | None, root: Template | None) -> None:
        self.labels = labels
        self.template = template
        """Of the lines of those that have a caller; None if no line leaves."""
        self.root = root
        """The same for those that have none."""
        self.index: _Index | None = None
        self.tally: Tally | None = None
        """Where they are counted while `index` is that of the store."""

    def find(self, store: Store, index: _Index, at: int) -> bool:
        """Look up its tally in the slot at hand, where a call ended `at`; overflowing series have none."""
        self.tally = store.tally(self.labels, at)
        if self.tally is not None:
            self.index = index
        return self.tally is not None

    def show(self, records: Sequence[Record], took: Sequence[int], longest: int, skew: int) -> None:
        """Take the slowest calls for the exemplar, which is the latest of them."""
        tally: Any = self.tally
        for record, ns in zip(records, took, strict=True):
            if ns == longest:
                trace, span, *_ = record[CALLER]
                tally.show(ns / 1e9, record[END] + skew, trace, span)


class Usual:
    """Counts usual calls in a store and fills in their lines; for one thread at a time.

    `counted` and `leaving` are the links of the chain whose effect on a usual call depends on its operation and
    agent alone. `apart` holds the ids of spans that some link waits for, so that these calls go through the links.
    `keeps` says of a trace whether its lines leave.
    """

    def __init__(
        self,
        store: Store,
        counted: Sequence[Processor],
        leaving: Sequence[Processor],
        render: Callable[[Sequence[EventDict]], list[bytes]] | None,
        *,
        apart: Collection[Any] = (),
        keeps: Callable[[str], bool] | None = None,
    ) -> None:
        self._store = store
        self._counted = tuple(counted)
        self._leaving = tuple(leaving)
        self._render = render
        self._apart = apart
        self._keeps = keeps
        self._moulds: dict[_Which, _Mould | None] = {}
        self._seen: set[_Which] = set()
        self.due: Due = ({}, 0)
        """What is to be counted by `post`: calls by mould, and what makes epoch ns of their times."""

    def sort_out(  # noqa: C901 - flat: every call here would be paid per record
        self, writer: Writer, records: Sequence[Record], start: int
    ) -> tuple[Due, list[bytes], int, int]:
        """Find the usual calls from `records[start]` on, up to the first that is none.

        Return what will be due for `post`, the text of their lines, how many lines that is, and the place of the
        first call that is not among them. Changes nothing that is to be seen. One loop for both, written out: it is
        most of what a call costs.
        """
        moulds, apart, keeps, skew = self._moulds, self._apart, self._keeps, writer.skew
        second, prefix, mark, three = writer.second, writer.prefix, writer.mark, THREE
        stop, index = self._within_slot(writer, records, start)
        groups: dict[_Mould, list[Record]] = {}
        text: list[str] = []
        lines, place = 0, start
        group: list[Record] = []
        mould = grouped = whose = whom = None
        for record in records[start:stop]:
            spec, lineage, begun, ended, notes, error = record
            if notes is not None or error is not None or not spec.usual:
                break
            trace, span, parent, agent, purse = lineage
            if spec is not whose or agent is not whom:
                mould = moulds.get((spec, agent))
                whose, whom = spec, agent
            took = ended - begun
            if mould is None or purse is not None or took < 0 or (apart and span in apart):
                break
            if mould is not grouped:
                if mould.index is not index and not mould.find(self._store, index, ended + skew):
                    break
                group = groups.setdefault(mould, [])
                grouped = mould
            group.append(record)
            place += 1
            template = mould.root if parent is None else mould.template
            if template is None or (keeps is not None and not keeps(trace)):
                continue
            lines += 1
            past = ended + skew - second
            if not 0 <= past < _SECOND:
                past = writer.turn(ended + skew)
                second, prefix = writer.second, writer.prefix
            in_ns, a, b, c, d, e, f, g = template
            if in_ns:
                text += (a, prefix, three[past // 1_000_000], three[past // 1_000 % 1_000], b, mark, span, c, str(took),
                         d, trace, e, span, f, parent or "", g)  # fmt: skip
                continue
            whole = "0."
            if took >= _SECOND:
                whole, took = f"{took // _SECOND}.", took % _SECOND
            # Nine digits of a fraction: read back, they are the very float that ns / 1e9 is.
            text += (a, prefix, three[past // 1_000_000], three[past // 1_000 % 1_000], b, mark, span, c, whole,
                     three[took // 1_000_000], three[took // 1_000 % 1_000], three[took % 1_000],
                     d, trace, e, span, f, parent or "", g)  # fmt: skip
        return (groups, skew), ["".join(text).encode()] if lines else [], lines, place

    def are_of_slot(self, writer: Writer, records: Sequence[Record]) -> bool:
        """Tell whether all of these, in the order in which they ended, are of the slot at hand."""
        low, high, _ = self._store.at_hand
        begun, ended = records[0][END] + writer.skew, records[-1][END] + writer.skew
        return bool(low <= begun and ended < high)

    def _within_slot(self, writer: Writer, records: Sequence[Record], start: int) -> tuple[int, _Index]:
        """Return up to which place records end within the slot at hand and not in the future, and its tallies."""
        low, high, index = self._store.at_hand
        low, high = low - writer.skew, min(high, writer.wall + 1) - writer.skew
        if records[start][END] < low:
            return start, index
        if records[-1][END] < high:
            return len(records), index
        return bisect_left(records, high, lo=start, key=_by_end), index

    def post(self) -> None:
        """Count what was sorted out and is `due`; also what an exception from outside has kept from being counted."""
        groups, skew = self.due
        for mould in list(groups):
            # Few calls of a batch are of the same series, so this is paid for nearly each: methods would double it.
            records = groups[mould]
            tally: Any = mould.tally
            took = [ended - begun for _, _, begun, ended, _, _ in records]
            longest = max(took)
            if longest / 1e9 >= tally.peak:
                mould.show(records, took, longest, skew)
            count, first, last = len(took), records[0][END] + skew, records[-1][END] + skew
            tally.finish_many(took, count, first, last)
            del groups[mould]  # no call stands between: counted or due, never both and never neither
            pending = tally.durations
            if len(pending.ns) + len(pending.fresh) >= PENDING:
                pending.histogram()

    def learn(self, writer: Writer, record: Record) -> None:
        """Make a mould for calls like this one, which fitted none, if it could be usual and is not the first."""
        spec: Spec = record[SPEC]
        if record[NOTES] is not None or record[ERROR] is not None or not spec.usual:
            return
        which: _Which = (spec, record[CALLER][3])
        if which in self._moulds:
            return
        if which not in self._seen:
            self._note(which)
            return
        try:
            self._moulds[which] = self._mould(writer, which)
        except Exception as error:
            failed("usual", error)
            self._moulds[which] = None

    def _note(self, which: _Which) -> None:
        if len(self._seen) >= _MOST:  # names that are made up as they are needed, and never come again
            self._seen.clear()
            self._moulds.clear()
        self._seen.add(which)

    def _mould(self, writer: Writer, which: _Which) -> _Mould | None:
        child, root = (self._specimen(writer, which, has_parent=has_parent) for has_parent in (True, False))
        if child is None or root is None:
            return None
        (labels, line), (_, root_line) = child, root
        if line is None or root_line is None:
            return _Mould(labels, None, None)
        template, root_template = cut(line, has_parent=True), cut(root_line, has_parent=False)
        return _Mould(labels, template, root_template) if template and root_template else None

    def _specimen(
        self, writer: Writer, which: _Which, *, has_parent: bool
    ) -> tuple[tuple[Any, ...], str | None] | None:
        """Send a specimen through; return the labels of its series, and its line if one leaves."""
        event = specimen(writer, *which, has_parent=has_parent)
        if event is None:
            return None
        event.pop(AT, None)
        try:
            for processor in self._counted:
                event = processor(None, event["level"], event)
        except DropEvent:
            return None
        labels = tuple(event.get(name) for name in SeriesKey._fields)
        try:
            for processor in self._leaving:
                event = processor(None, event["level"], event)
        except DropEvent:
            return labels, None
        return labels, None if self._render is None else b"".join(self._render([event])).decode()
