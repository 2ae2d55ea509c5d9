"""`captured()`: the events of the calls in a block, apart from all others and from those of other blocks."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs import _dispatch
from pepperpy_obs._dispatch import RECORDS
from pepperpy_obs._record import CALLER, NOTES, Around, blank
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.chain import build_chain
from pepperpy_obs.config import Config
from pepperpy_obs.context import CURRENT, ONLY_FIELDS, call_of, reset
from pepperpy_obs.outputs.line_output import LineOutput
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.runtime.outputs import close_outputs
from pepperpy_obs.sanitize.redact import label_redaction
from pepperpy_obs.testing.routes import OPEN, Router, StoreHere, belongs_to

if TYPE_CHECKING:
    from pepperpy_obs.chain import Chain
    from pepperpy_obs.runtime import Runtime
    from pepperpy_obs.typing import EventDict, Processor

__all__ = ["Captured", "captured"]


class Captured:
    """The events of a `captured()` block, and what they add up to: its own for ever, also behind its end.

    While the block is open, asking for them first folds every call that has returned.
    """

    def __init__(self, runtime: Runtime, config: Config, processors: Sequence[Processor]) -> None:
        self._runtime = runtime
        self._events: list[dict[str, Any]] = []
        self._last: Stats | None = None
        self.config = config
        self.store = Store(config.max_series, config.cost_attributes, label_redaction(config))
        self.chain = build_chain(config, self.store, processors, outputs=[LineOutput("captured", self.keep, self)])

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events so far, in the order in which their calls ended, as they would be logged."""
        if self._last is None:
            self._runtime.flush()
        return self._events

    @property
    def event(self) -> dict[str, Any]:
        """The one event; AssertionError if there are none or several."""
        events = self.events
        if len(events) != 1:
            msg = f"expected one event, found {len(events)}: {[e.get('operation') for e in events]}"
            raise AssertionError(msg)
        return events[0]

    @property
    def stats(self) -> Stats:
        """What the block's calls add up to."""
        if self._last is not None:
            return self._last
        return Stats.of(self._runtime.read(self.store, lambda record: belongs_to(record, self)))

    def end(self) -> None:
        """Keep what there is; calls that end from now on are others'."""
        self._last = self.stats

    def write(self, lines: list[bytes]) -> None:
        """Take nothing: the events were kept before they became lines."""

    def close(self) -> None:
        """Hold nothing."""

    def keep(self, events: Sequence[EventDict]) -> list[bytes]:
        """Keep a batch of events in place of rendering it."""
        self._events += [dict(event) for event in events]
        return []


class _Outside:
    """What was in force before the first block, and is again behind the last."""

    def __init__(self, runtime: Runtime, first: Captured) -> None:
        self.config = runtime.config
        self.router = Router()
        OPEN.append(first)
        self.store, self.chain = runtime.exchange(_STORE, self.router)
        self.router.outside = self.chain
        self.accepted = _accept(first.config)

    def share(self, runtime: Runtime, another: Captured) -> None:
        """Have one more block beside those that are open."""
        runtime.flush()
        OPEN.append(another)
        self.close(runtime, runtime.exchange(_STORE, self.router)[1])
        _accept(another.config)

    def restore(self, runtime: Runtime) -> None:
        """Put it in force again."""
        RECORDS.set_capacity(self.accepted)
        self.close(runtime, runtime.exchange(self.store, self.chain)[1])
        runtime.config = self.config

    def close(self, runtime: Runtime, last: Chain) -> None:
        """Close what was configured inside."""
        if last is not self.router:
            close_outputs(last.outputs, runtime.config.shutdown_timeout)


_STORE: Final = StoreHere()
_changing = threading.RLock()
_outside: _Outside | None = None


def _after_fork() -> None:
    global _changing
    _changing = threading.RLock()


os.register_at_fork(after_in_child=_after_fork)


def _open(runtime: Runtime, block: Captured) -> None:
    global _outside
    with _changing:
        if _outside is None:
            _outside = _Outside(runtime, block)
        else:
            _outside.share(runtime, block)


def _close(runtime: Runtime, block: Captured) -> None:
    global _outside
    with _changing:
        runtime.flush()
        block.end()
        OPEN.remove(block)
        if OPEN:
            _accept(OPEN[-1].config)
        elif _outside is not None:
            _outside.restore(runtime)
            _outside = None


def _accept(config: Config) -> int | None:
    return RECORDS.set_capacity(config.buffer_limit if config.metrics_enabled else None)


@contextmanager
def captured(config: Config | None = None, *, processors: Sequence[Processor] = ()) -> Generator[Captured]:
    """Collect the events of the calls made inside, and count these apart from all others.

    A call belongs to the innermost block of its context, so blocks may be open at once in tasks and in threads. A
    thread without a context of its caller belongs to the block that was opened last. What was configured is out of
    force inside, and in force again afterwards. Unlike `structlog.testing.capture_logs`, it sees our private chain.

    >>> from pepperpy_obs import measured
    >>> with captured() as seen:
    ...     answer = measured(operation="answer")(lambda: 42)()
    >>> seen.event["operation"], seen.event["outcome"]
    ('answer', 'ok')
    """
    runtime: Runtime = _dispatch.runtime()
    block = Captured(runtime, config or Config(config_file=None, log_level="debug"), processors)
    place = blank(ONLY_FIELDS, CURRENT.get())
    place[NOTES] = Around(call_of(CURRENT.get()), {}, block)
    _open(runtime, block)
    token = CURRENT.set(place)
    try:
        yield block
    finally:
        if CURRENT.get() is place:  # unless a block that was opened later is still open
            reset(token)
        _close(runtime, block)
        _leave_closed()


def _leave_closed() -> None:
    """Make current what was before blocks that are closed: they may be closed in any order."""
    record = here = CURRENT.get()
    while record is not None and type(record[NOTES]) is Around and record[NOTES].block not in {None, *OPEN}:
        record = None if type(record[CALLER]) is tuple else record[CALLER]
    if record is not here:
        CURRENT.set(record)
