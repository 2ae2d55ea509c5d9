"""Where calls leave their records, and the way from there to whoever collects them.

Emitters know this room only. Records wait in a bounded buffer until a reader, a full buffer
or `configure` calls for the runtime, which is made by the factory that the front door has
installed: so nothing below the runtime has to import it.

A caller never waits for long: where another thread holds the records, the buffer grows meanwhile, up to `_MOST`
records. What goes beyond that, or cannot be folded, is dropped and counted.
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

__all__ = ["HUB", "Hub", "hubs", "install", "runtime"]

LIMIT: Final = 4096
RELIEF: Final = 512
"""How many records a caller that finds the buffer full has to fold: about a millisecond's worth."""
_MOST: Final = 8 * LIMIT
"""How many records may wait, or eight times as many as the buffer takes, while another thread holds them."""

hubs: weakref.WeakSet[Hub]
_making = threading.RLock()


class Buffer(list["Record"]):
    """The buffer of the default hub, where a wrapper that was pickled by value finds that of its new process."""

    __slots__ = ()

    def __reduce__(self) -> Any:
        return getattr, (HUB, "buffer")


class Hub:
    """One buffer of records and the runtime that drains it.

    Any number of threads may append. Only who holds `taking` takes away, and only from the front: to append is a single
    operation on a list, so it needs no lock.
    """

    __slots__ = ("__weakref__", "_first", "append", "buffer", "limit", "lost", "most", "off", "runtime", "taking")

    def __init__(self) -> None:
        self.buffer: list[Record] = Buffer()
        self.append = self.buffer.append
        self.taking = threading.RLock()
        self.most = LIMIT
        """How many records the buffer takes."""
        self.limit = LIMIT
        """How many there are when a caller is to come by: `most`, or fewer if somebody wants it so, and 0 while
        recording is off, so that one comparison tells of all."""
        self.lost = 0
        """Calls that were dropped, and so neither counted nor logged."""
        self.off = False
        self.runtime: Any = None
        self._first: Callable[[], None] | None = None
        hubs.add(self)

    def __del__(self) -> None:
        """Write what a collector of one's own has left, when nobody can record or read through it any more."""
        if self.runtime is not None:
            try:
                self.runtime.shutdown()
            except Exception as error:
                failed("shutdown", error)

    def __reduce__(self) -> str:
        """Name the default hub, which each process has; a collector's own stays where it is."""
        if self is not HUB:
            msg = "a collector's own buffer cannot be pickled; make a MetricsCollector in each process"
            raise TypeError(msg)
        return "HUB"

    def accept(self, limit: int | None) -> int | None:
        """Take up to `limit` records, or none at all; return what was in force before."""
        before = None if self.off else self.most
        self.most = limit or 0
        self.off, self.limit = limit is None, self.most
        return before

    def expect(self, count: int | None) -> None:
        """Have a caller come by when there are `count` records, or only when the buffer is full."""
        self.limit = self.most if count is None else min(count, self.most)
        if self.off:  # since now
            self.limit = 0

    def on_first_call(self, step: Callable[[], None]) -> None:
        """Have the next observed call take a step first, once."""
        self._first = step
        self.expect(0)

    def _take_first(self) -> None:
        step, self._first = self._first, None
        self.expect(None)
        if step is not None:
            step()

    def relieve(self) -> None:
        """Come by, in a caller that found the limit reached: fold a part of a full buffer; never raises."""
        full = len(self.buffer) >= self.most
        try:
            if self._first is not None:
                self._take_first()
            if full:
                runtime(self).relieve(RELIEF)
                if self.limit > self.most:
                    self.expect(None)
            elif self.runtime is not None:
                self.runtime.come_by()
        except RecursionError:
            return  # too deep a stack: the next caller, a reader or the thread will do it
        except BusyError:
            self._put_off()
        except Exception as error:
            failed("drain", error)
            if full:
                self._drop()

    def _put_off(self) -> None:
        """Let calls go on without room: a later one is to try again."""
        if len(self.buffer) + RELIEF > max(_MOST, 8 * self.most):
            self._drop()
        self.limit = 0 if self.off else len(self.buffer) + RELIEF

    def _drop(self) -> None:
        with self.taking:
            before = len(self.buffer)
            del self.buffer[:RELIEF]
            self.lost += before - len(self.buffer)


hubs = weakref.WeakSet()
HUB: Final = Hub()
"""The hub of the default runtime, which all decorators feed."""

_factory: Callable[[Hub], Any] | None = None


def install(factory: Callable[[Hub], Any]) -> None:
    """Say how a runtime is made for a hub; it is called when one is first needed."""
    global _factory
    _factory = factory


def runtime(hub: Hub = HUB) -> Any:
    """Return the runtime of `hub`, made on first use."""
    if hub.runtime is None:
        with _making:
            if hub.runtime is None:
                if _factory is None:
                    msg = "no runtime can be made before the front door, pepperpy_obs, has been imported"
                    raise RuntimeError(msg)
                hub.runtime = _factory(hub)
    return hub.runtime


def after_fork() -> None:
    """In a forked child: forget the parent's records, which the parent will fold."""
    global _making
    _making = threading.RLock()
    for hub in list(hubs):
        hub.taking = threading.RLock()
        hub.buffer.clear()
        hub.lost = 0
