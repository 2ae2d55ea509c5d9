"""The buffers that calls leave their records in, and how each finds the runtime that drains it.

Emitters know this room only. Records wait in a bounded buffer until a reader, a full buffer or `configure` calls for
the runtime. The front door has installed a factory for it, so that nothing below the runtime has to import it.

A caller never waits for long: while another thread holds the records the buffer grows, up to `_MOST` records. Those
beyond that, and those that cannot be folded, are dropped and counted.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs._exclusive import BusyError
from pepperpy_obs._guard import failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_obs._record import Record

__all__ = ["RECORDS", "RecordBuffer", "buffers", "install", "runtime"]

LIMIT: Final = 4096
SOME: Final = 512
"""How many records a caller folds that finds the buffer full: about a millisecond's worth."""
_MOST: Final = 8 * LIMIT
"""How many records may wait, or eight times as many as the buffer takes, while another thread holds them."""

buffers: weakref.WeakSet[RecordBuffer]
_making = threading.RLock()


class RecordList(list["Record"]):
    """The list of the default buffer; a wrapper that was pickled by value finds that of its new process."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        return getattr, (RECORDS, "records")


class RecordBuffer:
    """One buffer of records and the runtime that drains it.

    Any number of threads may append: that is a single operation on a list, so it needs no lock. Records are taken away
    from the front only, under `take_lock`.
    """

    __slots__ = (
        "__weakref__",
        "_first",
        "append",
        "capacity",
        "lost",
        "off",
        "records",
        "runtime",
        "take_lock",
        "threshold",
    )

    def __init__(self) -> None:
        self.records: list[Record] = RecordList()
        self.append = self.records.append
        self.take_lock = threading.RLock()
        self.capacity = LIMIT
        """How many records the buffer takes."""
        self.threshold = LIMIT
        """How many there are when a caller calls `drain_some`: `capacity`, or fewer if the runtime wants to be called
        earlier, or 0 while recording is off. So one comparison decides all three."""
        self.lost = 0
        """Calls that were dropped, and so neither counted nor logged."""
        self.off = False
        self.runtime: Any = None
        self._first: Callable[[], None] | None = None
        buffers.add(self)

    def __del__(self) -> None:
        """Write what a collector has left that is no longer referred to."""
        if self.runtime is not None:
            try:
                self.runtime.shutdown()
            except Exception as error:
                failed("shutdown", error)

    def __reduce__(self) -> str:
        """Name the default buffer, which each process has; a collector's own stays where it is."""
        if self is not RECORDS:
            msg = "a collector's own buffer cannot be pickled; make a MetricsCollector in each process"
            raise TypeError(msg)
        return "RECORDS"

    def set_capacity(self, limit: int | None) -> int | None:
        """Take up to `limit` records, or none at all; return what was in force before."""
        before = None if self.off else self.capacity
        self.capacity = limit or 0
        self.off, self.threshold = limit is None, self.capacity
        return before

    def set_threshold(self, count: int | None) -> None:
        """Have a caller call `drain_some` when there are `count` records; None: only when the buffer is full."""
        self.threshold = self.capacity if count is None else min(count, self.capacity)
        if self.off:  # since now
            self.threshold = 0

    def on_first_call(self, step: Callable[[], None]) -> None:
        """Have the next observed call take a step first, once."""
        self._first = step
        self.set_threshold(0)

    def _take_first(self) -> None:
        step, self._first = self._first, None
        self.set_threshold(None)
        if step is not None:
            step()

    def drain_some(self) -> None:
        """Fold a part of a full buffer, in a caller that found the threshold reached; never raises."""
        full = len(self.records) >= self.capacity
        try:
            if self._first is not None:
                self._take_first()
            if full:
                runtime(self).drain_some(SOME)
                if self.threshold > self.capacity:
                    self.set_threshold(None)
            elif self.runtime is not None:
                self.runtime.on_threshold()
        except RecursionError:
            return  # too deep a stack: the next caller, a reader or the thread will do it
        except BusyError:
            self._put_off()
        except Exception as error:
            failed("drain", error)
            if full:
                self._drop()

    def _put_off(self) -> None:
        """Let calls go on without room; a later one tries again."""
        if len(self.records) + SOME > max(_MOST, 8 * self.capacity):
            self._drop()
        self.threshold = 0 if self.off else len(self.records) + SOME

    def _drop(self) -> None:
        with self.take_lock:
            before = len(self.records)
            del self.records[:SOME]
            self.lost += before - len(self.records)


buffers = weakref.WeakSet()
RECORDS: Final = RecordBuffer()
"""The buffer of the default runtime, which all decorators feed."""

_factory: Callable[[RecordBuffer], Any] | None = None


def install(factory: Callable[[RecordBuffer], Any]) -> None:
    """Set how a runtime is made for a buffer; it is called when one is first needed."""
    global _factory
    _factory = factory


def runtime(buffer: RecordBuffer = RECORDS) -> Any:
    """Return the runtime of `buffer`, made on first use."""
    if buffer.runtime is None:
        with _making:
            if buffer.runtime is None:
                if _factory is None:
                    msg = "no runtime can be made before the front door, pepperpy_obs, has been imported"
                    raise RuntimeError(msg)
                buffer.runtime = _factory(buffer)
    return buffer.runtime


def after_fork() -> None:
    """In a forked child: forget the parent's records, which the parent will fold."""
    global _making
    _making = threading.RLock()
    for buffer in list(buffers):
        buffer.take_lock = threading.RLock()
        buffer.records.clear()
        buffer.lost = 0
