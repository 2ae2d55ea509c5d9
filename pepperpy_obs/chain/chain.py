"""The chain: records in, in batches; events through the links; lines out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from structlog import DropEvent

from pepperpy_obs import _clock
from pepperpy_obs._event import Writer
from pepperpy_obs._guard import failed
from pepperpy_obs._record import NOTES, SPEC
from pepperpy_obs.chain.batch import Batch
from pepperpy_obs.chain.fast_path import FastPath
from pepperpy_obs.chain.link import Link, OutputCounter
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.typing import EventDict, Output

if TYPE_CHECKING:
    from pepperpy_obs._record import Record
    from pepperpy_obs.outputs.recent import RecentLines

__all__ = ["Chain"]


class Chain:
    """Runs events through the links, in batches. One thread at a time; never raises.

    `ready` tells whether calls can be priced at once; `expected` names exceptions that are no errors.
    """

    def __init__(
        self,
        counted: Sequence[Link],
        leaving: Sequence[Link],
        outputs: Sequence[Output],
        fast_path: FastPath | None = None,
        ready: Callable[[], bool] = lambda: True,
        *,
        expected: Sequence[str] = (),
    ) -> None:
        self.outputs = tuple(outputs)
        self._recent: RecentLines | None = None
        self.counters = {output.name: OutputCounter() for output in outputs}
        self.dropped: Counter[str] = Counter()
        """Log lines that were lost, by the link or output that failed; all of them were counted by the aggregate."""
        self.taken = 0
        """How many records of the current batch are counted: an exception from outside (Ctrl-C) can end it anywhere."""
        self._counted = tuple(map(_bound, counted))
        self._leaving = tuple(map(_bound, leaving))
        self._fast_path = fast_path
        self._ready = ready
        self._writer = Writer(expected)
        self._batch = Batch()

    def take(self, records: Sequence[Record], until: int | None = None) -> None:
        """Send finished records, whose lineage is settled, through in their order: that in which they ended.

        What leaves is gathered, for a write costs as much as some lines do; `flush` writes it. Once the clock is past
        `until` no further event is made: `taken` says how many records are done, at least one.
        """
        fast_path, writer = self._fast_path, self._writer
        self.taken = 0
        if fast_path is not None:
            fast_path.apply()  # what Ctrl-C has kept from being counted
        writer.begin()
        batch, count = self._batch, len(records)
        while self.taken < count:
            record = records[self.taken]
            # A record with notes never takes the fast path: it need not be looked at.
            if fast_path is not None and record[NOTES] is None:
                pending, text, lines, place = fast_path.partition(writer, records, self.taken)
                # No call stands between these, so no signal handler can come between them.
                self.taken = place
                fast_path.pending = pending
                batch.count += lines
                if lines:
                    batch.parts += (text,)
                fast_path.apply()
                if self.taken == count:
                    break
                record = records[self.taken]
            # A text of the user's may take 50 ms to redact, a link of theirs any time.
            if until is not None and self.taken and _clock.perf_counter_ns() >= until:
                break
            events = self._count(record)
            self.taken += 1
            if events and self._leaves:
                batch.add_events(self._pass(self._leaving, events))
            if fast_path is not None:
                fast_path.learn(writer, record)

    @property
    def gathered(self) -> int:
        """How many lines there are to be written."""
        return self._batch.count

    def is_non_blocking(self, records: Sequence[Record] = ()) -> bool:
        """Tell whether `take` is known to be done with these at once.

        So it is if there are no links but ours, and nothing leaves that is not text. What takes longer comes rarely: to
        load the prices, 0.1 s, and to turn to another slot, some ms with hundreds of series.
        """
        fast_path = self._fast_path
        if fast_path is None or (records and not fast_path.are_of_interval(self._writer, records)):
            return False
        return self._ready() or not any(record[SPEC].priced and record[NOTES] is not None for record in records)

    def run(self, events: list[EventDict]) -> None:
        """Send events through; each link sees them in their order."""
        events = self._pass(self._counted, events)
        if self._leaves:
            self._batch.add_events(self._pass(self._leaving, events))
        self.flush()

    def flush(self) -> None:
        """Write what has gathered."""
        self.write(self.hand_over())

    def hand_over(self) -> Batch:
        """Return what has gathered, for `write`."""
        batch, self._batch = self._batch, Batch()
        return batch

    def write(self, batch: Batch) -> None:
        """Write what was handed over; unlike all else, while another thread takes records. One batch at a time."""
        if batch.count:
            try:
                self._leave(batch)
            except BaseException:  # Ctrl-C: how much was written before it is unknown
                self.dropped["interrupted"] += batch.count
                raise

    def keep(self, recent: RecentLines | None) -> None:
        """Have the lines that leave kept in memory, too, or no longer; no other thread may take records or write."""
        self.flush()
        self._recent = recent
        if self._fast_path is not None:
            formats = [one.format for one in self.outputs if one.format is not None]
            self._fast_path.set_formats(list(dict.fromkeys([*formats, *([json_lines] if recent else [])])))

    @property
    def _leaves(self) -> bool:
        """Whether events are of use once they are counted."""
        return bool(self.outputs) or self._recent is not None

    def forget(self, reason: str = "") -> None:
        """Forget what has gathered: it is dropped for a `reason`, or the parent of a forked child writes it."""
        if reason:
            self.dropped[reason] += self._batch.count
        self._batch = Batch()

    def _count(self, record: Record) -> list[EventDict]:
        try:
            event = self._writer.event(record)
        except Exception as error:
            self.dropped["event"] += 1
            failed("event", error)
            return []
        return [] if event is None else self._pass(self._counted, [event])

    def _pass(self, links: tuple[Link, ...], events: list[EventDict]) -> list[EventDict]:
        passed: list[EventDict] = []
        for given in events:
            event, level = given, given.get("level", "info")
            for stage, processor, required, _ in links:
                try:
                    event = processor(None, level, event)
                except DropEvent:
                    break  # as a processor wanted: nothing is lost
                except Exception as error:
                    failed(stage, error)
                    if required:
                        self.dropped[stage] += 1
                        break
            else:
                passed.append(event)
        return passed

    def _leave(self, batch: Batch) -> None:
        count = batch.count
        for output in self.outputs:
            name = output.name
            counter = self.counters[name]
            try:
                output.write(batch)
            except Exception as error:
                failed(name, error)
                taken: int = getattr(error, "lines_written", 0)
                self.dropped[name] += count - taken
                counter.lines += taken
                counter.failures += 1
                counter.error = f"{type(error).__name__}: {error}"
            else:
                counter.lines += count
                counter.error = ""
        if self._recent is not None:
            try:
                self._recent.write(batch.lines(json_lines))
            except Exception as error:
                failed("recent", error)


def _bound(link: Link) -> Link:
    """Return the link with a bound method in place of a callable object, which takes twice as long to call."""
    processor: Any = link.processor
    return link if isinstance(processor, FunctionType | MethodType) else link._replace(processor=processor.__call__)
