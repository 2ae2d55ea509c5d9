"""For the tests of those who use us: the events that were made, and a clock that only moves when told."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from pepperpy_obs import _clock, _dispatch
from pepperpy_obs._dispatch import HUB
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.chain import Exit, build_chain
from pepperpy_obs.config import Config
from pepperpy_obs.processors.redact import label_redaction
from pepperpy_obs.runtime.exits import close_exits

if TYPE_CHECKING:
    from pepperpy_obs.reports.stats import Stats
    from pepperpy_obs.runtime import Runtime
    from pepperpy_obs.typing import EventDict, Processor

__all__ = ["Captured", "ManualClock", "captured"]


class Captured:
    """The events of a `captured()` block; asking for them first folds every call that has returned."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._events: list[dict[str, Any]] = []

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events so far, in the order in which their calls ended, as they would be logged."""
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
        return self._runtime.stats()

    def write(self, lines: list[bytes]) -> None:
        """Take nothing: the events were kept before they became lines."""

    def close(self) -> None:
        """Hold nothing."""

    def keep(self, events: Sequence[EventDict]) -> list[bytes]:
        """Keep a batch of events in place of rendering it."""
        self._events += [dict(event) for event in events]
        return []


@contextmanager
def captured(config: Config | None = None, *, processors: Sequence[Processor] = ()) -> Generator[Captured]:
    """Collect the events of the calls made inside, and count these apart from all others.

    What was configured is out of force inside, and in force again afterwards. Unlike
    `structlog.testing.capture_logs`, it sees our private chain. Not for two threads at once.

    >>> from pepperpy_obs import measured
    >>> with captured() as seen:
    ...     answer = measured(operation="answer")(lambda: 42)()
    >>> seen.event["operation"], seen.event["outcome"]
    ('answer', 'ok')
    """
    runtime: Runtime = _dispatch.runtime()
    config = config or Config(config_file=None, log_level="debug")
    seen = Captured(runtime)
    store = Store(config.max_series, config.cost_attributes, label_redaction(config))
    chain = build_chain(config, store, processors, exits=[Exit("captured", seen.keep, seen)])
    before, in_force = runtime.exchange(store, chain), runtime.config
    accepted = HUB.accept(config.buffer_limit if config.metrics_enabled else None)
    try:
        yield seen
        runtime.flush()
    finally:
        HUB.accept(accepted)
        _, last = runtime.exchange(*before)
        if last is not chain:  # somebody has configured inside
            close_exits(last.exits, runtime.config.shutdown_timeout)
        runtime.config = in_force


class ManualClock:
    """A clock for `_clock` that stands still until it is advanced; the whole process sees it.

    >>> from pepperpy_obs import measure
    >>> with ManualClock() as clock, captured() as seen:
    ...     with measure("wait"):
    ...         clock.advance(1.5)
    >>> seen.event["duration_seconds"]
    1.5
    """

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._wall = round(wall * 1e9)
        self._ticks = 0
        self._real = (_clock.perf_counter_ns, _clock.time_ns)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._ticks += round(seconds * 1e9)

    def __enter__(self) -> Self:
        _clock.perf_counter_ns = lambda: self._ticks
        _clock.time_ns = lambda: self._wall + self._ticks
        return self

    def __exit__(self, *_: object) -> None:
        _clock.perf_counter_ns, _clock.time_ns = self._real
