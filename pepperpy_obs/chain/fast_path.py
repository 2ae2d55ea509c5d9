"""The fast path: calls that differ from the one before in their times and ids only are counted in bulk.

For each operation and agent there is an `OperationTemplate`, made by sending a sample event through the links once.
Every link says what its effect depends on (`Link.scope`): on the operation, then the sample shows it for all calls;
on the trace, then the template keeps the question; on each event, then the operation has no fast path. No rule of a
link stands here again. A call takes the fast path if its operation has a template and nothing happened in it: no
failure, no answer, no field of its own, no budget around it. Every other call becomes an event and goes through the
links by itself.

A batch is worked on in three steps, so that an exception from outside (Ctrl-C, a signal's handler) can come between
any two of them and nothing is counted twice or never: `partition` finds the calls and writes their lines, and changes
nothing that can be seen; the chain notes how far the batch has come together with what is `pending`; `apply` counts
that, one operation after the other. What it has not come to stays pending, and is counted first in the next batch.
One thread at a time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from structlog import DropEvent

from pepperpy_obs._event import AT, THREE, Writer
from pepperpy_obs._guard import failed
from pepperpy_obs._record import CALLER, END, ERROR, NOTES, SPEC, Record, Spec
from pepperpy_obs.aggregate.lazy_histogram import BATCH as PENDING
from pepperpy_obs.aggregate.series import SeriesKey
from pepperpy_obs.chain.link import EACH_EVENT, Link
from pepperpy_obs.chain.template import Template, sample_event, split
from pepperpy_obs.typing import EventDict, Format

if TYPE_CHECKING:
    from pepperpy_obs.aggregate.accumulator import SeriesAccumulator
    from pepperpy_obs.aggregate.store import Store

__all__ = ["FastPath", "Part"]

_MOST: Final = 4096
_SECOND: Final = 1_000_000_000

_Index = Mapping[tuple[Any, ...], "SeriesAccumulator"]
_Operation = tuple[Spec, str | None]
"""An operation and the agent that it is credited to."""
_Keeps = Callable[[str], bool]
Pending = tuple[dict["OperationTemplate", list[Record]], int]
_by_end: Final = itemgetter(END)


class _EachEventError(Exception):
    """A link has to see each event of the operation."""


class Part(NamedTuple):
    """What `partition` found at the beginning of a stretch of records."""

    pending: Pending
    """What `apply` is to count."""
    text: Mapping[Format, bytes]
    """The lines, in each format; empty if none leaves."""
    lines: int
    """How many lines that is."""
    place: int
    """Where the first record stands that is not among them."""


class OperationTemplate:
    """What the calls of one operation and agent have in common."""

    __slots__ = ("accumulator", "below", "index", "keeps", "labels", "roots")

    def __init__(
        self, labels: tuple[Any, ...], roots: Sequence[Template], below: Sequence[Template], keeps: Sequence[_Keeps]
    ) -> None:
        self.labels = labels
        self.roots = roots
        """Of the lines of calls without a caller, one for each format; empty if no line leaves."""
        self.below = below
        """The same for calls with one."""
        self.keeps = keeps
        """Says of a trace whether its lines leave; all of these have to agree."""
        self.index: _Index | None = None
        self.accumulator: SeriesAccumulator | None = None
        """Where they are counted while `index` is that of the store."""

    def find(self, store: Store, index: _Index, at: int) -> bool:
        """Look up its accumulator in the current interval, where a call ended `at`; overflowing series have none."""
        self.accumulator = store.accumulator(self.labels, at)
        self.index = None if self.accumulator is None else index
        return self.accumulator is not None

    def show(self, records: Sequence[Record], took: Sequence[int], longest: int, skew: int) -> None:
        """Take the slowest calls for the exemplar, which is the latest of them."""
        accumulator: Any = self.accumulator
        for record, ns in zip(records, took, strict=True):
            if ns == longest:
                trace, span, *_ = record[CALLER]
                accumulator.show(ns / 1e9, record[END] + skew, trace, span)


class FastPath:
    """Counts calls in a store and fills in their lines, in each of `formats`.

    `counted` are the links before the one that feeds the store, `leaving` those behind it. Calls of the spans in
    `excluded_spans` go through the links: a link waits for these events.
    """

    def __init__(
        self,
        store: Store,
        counted: Sequence[Link],
        leaving: Sequence[Link],
        formats: Sequence[Format],
        *,
        excluded_spans: Collection[Any] = (),
    ) -> None:
        self._store = store
        self._counted = tuple(counted)
        self._leaving = tuple(leaving)
        self._formats = tuple(formats)
        self._excluded = excluded_spans
        self._templates: dict[_Operation, OperationTemplate | None] = {}
        self._seen: set[_Operation] = set()
        self.pending: Pending = ({}, 0)
        """What is to be counted by `apply`: calls by operation, and what makes epoch ns of their times."""

    def set_formats(self, formats: Sequence[Format]) -> None:
        """Write lines in these formats from the next batch on; templates are made anew."""
        if set(formats) != set(self._formats):
            self._formats = tuple(formats)
            self._templates.clear()
            self._seen.clear()

    def partition(self, writer: Writer, records: Sequence[Record], start: int) -> Part:
        """Find the calls that take the fast path from `records[start]` on, up to the first that does not."""
        templates, excluded, skew = self._templates, self._excluded, writer.skew
        stop, index = self._within_interval(writer, records, start)
        groups: dict[OperationTemplate, list[Record]] = {}
        leaving: list[Record] = []
        whose: list[OperationTemplate] = []
        place = start
        group: list[Record] = []
        template = grouped = last_spec = last_agent = None
        for record in records[start:stop]:
            spec, context, begun, ended, notes, error = record
            if notes is not None or error is not None or not spec.uniform:
                break
            trace, span, _, agent, account = context
            if spec is not last_spec or agent is not last_agent:
                template = templates.get((spec, agent))
                last_spec, last_agent = spec, agent
            if template is None or ended < begun or (excluded and span in excluded):
                break
            # It costs nothing, so an account is of no matter, unless it has fields for the event or a budget to judge.
            if account is not None and (account.fields or (account.limit is not None and account.span == span)):
                break
            if template is not grouped:
                if template.index is not index and not template.find(self._store, index, ended + skew):
                    break
                group = groups.setdefault(template, [])
                grouped = template
            group.append(record)
            place += 1
            if template.roots and (not template.keeps or all(keeps(trace) for keeps in template.keeps)):
                leaving.append(record)
                whose.append(template)
        text = {}
        if leaving:
            text = {render: _text(writer, leaving, whose, number) for number, render in enumerate(self._formats)}
        return Part((groups, skew), text, len(leaving), place)

    def are_of_interval(self, writer: Writer, records: Sequence[Record]) -> bool:
        """Tell whether all of these, in the order in which they ended, are of the current interval."""
        low, high, _ = self._store.current
        begun, ended = records[0][END] + writer.skew, records[-1][END] + writer.skew
        return bool(low <= begun and ended < high)

    def _within_interval(self, writer: Writer, records: Sequence[Record], start: int) -> tuple[int, _Index]:
        """Return how many records end within the current interval, and not in the future, and its accumulators."""
        low, high, index = self._store.current
        low, high = low - writer.skew, min(high, writer.wall + 1) - writer.skew
        if records[start][END] < low:
            return start, index
        if records[-1][END] < high:
            return len(records), index
        return bisect_left(records, high, lo=start, key=_by_end), index

    def apply(self) -> None:
        """Count what is pending; also what an exception from outside has kept from being counted."""
        groups, skew = self.pending
        for template in list(groups):
            # Few calls of a batch are of the same series, so this is paid for nearly each: methods would double it.
            records = groups[template]
            accumulator: Any = template.accumulator
            took = [ended - begun for _, _, begun, ended, _, _ in records]
            longest = max(took)
            if longest / 1e9 >= accumulator.peak:
                template.show(records, took, longest, skew)
            count, first, last = len(took), records[0][END] + skew, records[-1][END] + skew
            accumulator.finish_many(took, count, first, last)
            del groups[template]  # no call stands between: counted or pending, never both and never neither
            waiting = accumulator.durations
            if len(waiting.ns) + len(waiting.fresh) >= PENDING:
                waiting.histogram()

    def learn(self, writer: Writer, record: Record) -> None:
        """Make a template for calls like this one, if its operation has none and it is not the first of it."""
        spec: Spec = record[SPEC]
        if record[NOTES] is not None or record[ERROR] is not None or not spec.uniform:
            return
        which: _Operation = (spec, record[CALLER][3])
        if which in self._templates:
            return
        if which not in self._seen:
            self._note(which)
            return
        try:
            self._templates[which] = self._compile(writer, which)
        except (DropEvent, _EachEventError):
            self._templates[which] = None
        except Exception as error:
            failed("fast_path", error)
            self._templates[which] = None

    def _note(self, which: _Operation) -> None:
        if len(self._seen) >= _MOST:  # names that are made up as they are needed, and never come again
            self._seen.clear()
            self._templates.clear()
        self._seen.add(which)

    def _compile(self, writer: Writer, which: _Operation) -> OperationTemplate | None:
        """Send sample events through; None if a line of theirs cannot be split."""
        root, below = (self._sample(writer, which, has_parent=has_parent) for has_parent in (False, True))
        if root is None or below is None or len(root.roots) != len(below.roots):
            return None
        return OperationTemplate(root.labels, root.roots, below.roots, root.keeps)

    def _sample(self, writer: Writer, which: _Operation, *, has_parent: bool) -> OperationTemplate | None:
        event = sample_event(writer, *which, has_parent=has_parent)
        if event is None:
            return None
        event.pop(AT, None)
        event = _through(self._counted, event)
        labels = tuple(event.get(name) for name in SeriesKey._fields)
        keeps: list[_Keeps] = []
        try:
            event = _through(self._leaving, event, keeps)
        except DropEvent:
            return OperationTemplate(labels, (), (), ())
        lines = [split(b"".join(render([event])).decode(), has_parent=has_parent) for render in self._formats]
        found = [line for line in lines if line is not None]
        return OperationTemplate(labels, found, (), keeps) if len(found) == len(lines) else None


def _through(links: Sequence[Link], event: EventDict, keeps: list[_Keeps] | None = None) -> EventDict:
    """Send a sample event through, and add to `keeps` what depends on the trace: before the store nothing may."""
    for link in links:
        scope = link.scope(event)
        if callable(scope) and keeps is not None:
            keeps.append(scope)
        elif callable(scope) or scope == EACH_EVENT:
            raise _EachEventError
        else:
            event = link.processor(None, event["level"], event)
    return event


def _text(writer: Writer, records: Sequence[Record], whose: Sequence[OperationTemplate], number: int) -> bytes:
    """Return the lines of the records in format `number`, written out flat: it is half of what a call costs."""
    skew, second, prefix, mark, three = writer.skew, writer.second, writer.prefix, writer.mark, THREE
    text: list[str] = []
    for record, template in zip(records, whose, strict=True):
        _, (trace, span, parent, _, _), begun, ended, _, _ = record
        past = ended + skew - second
        if not 0 <= past < _SECOND:
            past = writer.turn(ended + skew)
            second, prefix = writer.second, writer.prefix
        in_ns, a, b, c, d, e, f, g = template.roots[number] if parent is None else template.below[number]
        took = ended - begun
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
    return "".join(text).encode()
