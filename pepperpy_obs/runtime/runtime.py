"""Owns and wires every moving part behind one buffer: drain, chain, store, threads, jobs, outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Unpack

from pepperpy_obs import _clock, _dispatch
from pepperpy_obs._dispatch import RECORDS, RecordBuffer
from pepperpy_obs._exclusive import BusyError, Exclusive
from pepperpy_obs._guard import failed, failures, note
from pepperpy_obs.aggregate.lazy_snapshot import LazySnapshot
from pepperpy_obs.aggregate.store import Store, StoreState
from pepperpy_obs.aggregate.window import LONGEST
from pepperpy_obs.chain import build_chain
from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError
from pepperpy_obs.http.start import missing_pages
from pepperpy_obs.readings import LiveState, OutputStats, Reading, SelfStats
from pepperpy_obs.readings.windows import Window, seconds_of, steps_of
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.runtime import children, process
from pepperpy_obs.runtime.alerting import Alerting
from pepperpy_obs.runtime.background import Background
from pepperpy_obs.runtime.drain import Drain
from pepperpy_obs.runtime.intervals import Intervals
from pepperpy_obs.runtime.jobs import Jobs
from pepperpy_obs.runtime.outputs import Ships, close_outputs, open_outputs, shipper_of
from pepperpy_obs.runtime.pushing import Pushing
from pepperpy_obs.runtime.recent import Recent
from pepperpy_obs.runtime.running import live_state
from pepperpy_obs.runtime.sharing import Moment, Sharing
from pepperpy_obs.runtime.storing import Storing
from pepperpy_obs.sanitize.redact import label_redaction

if TYPE_CHECKING:
    from pepperpy_obs._record import Record
    from pepperpy_obs.aggregate.closed import ClosedInterval
    from pepperpy_obs.aggregate.series import Clean
    from pepperpy_obs.chain import Chain
    from pepperpy_obs.fleet.publisher import Publisher
    from pepperpy_obs.readings.source import EventFilter, Source
    from pepperpy_obs.shipping.shipper import Shipper
    from pepperpy_obs.storage.writer import StoreWriter
    from pepperpy_obs.typing import Processor

    _Opened = tuple[StoreWriter | None, Publisher | None, Shipper | None]

__all__ = ["Runtime", "configure", "default_runtime"]


_LAST_STATE: Final = 0.5
"""Seconds that the last state may take in any case, though less is left of the time to shut down."""


class Runtime:
    """Drains one buffer, and answers all that is asked of its calls.

    Every read first folds the calls that have returned, so it shows them. All methods may be
    called by any thread. Until `configure`, events are counted and go nowhere.
    """

    def __init__(self, buffer: RecordBuffer, config: Config) -> None:
        self._buffer = buffer
        self._setting_up = Exclusive()
        self.config = config
        self.processors: Sequence[Processor] = ()
        """Those of the application, in force."""
        self._store = Store(self.config.max_series, self.config.cost_attributes, label_redaction(self.config))
        self._dropped: Counter[str] = Counter()
        self._started_at = _clock.time_ns()
        chain = build_chain(self.config, self._store)
        self._drain = Drain(buffer, chain, process.notice_fork, process.after_batch)
        self._background = Background(buffer, self._drain, self.config.drain_interval)
        self.jobs = Jobs()
        """What is done every so often while this runs, beside the drain."""
        self._intervals = Intervals(self._drain, self.jobs)
        self._storing = Storing(self._intervals, self.jobs)
        self.recent = Recent(self._drain)
        self.newest = self.recent.newest
        self._sharing = Sharing(self.jobs, self._look, lambda: self._drain.is_draining)
        self._pushing = Pushing(self.jobs, self.reading)
        self._alerting = Alerting(self.jobs, buffer, lambda: self.machine)
        self._obey()
        if not config.metrics_enabled:
            buffer.records.clear()  # what was recorded before anybody could know
        process.register(self)

    def _obey(self) -> None:
        self._buffer.set_capacity(self.config.buffer_limit if self.config.metrics_enabled else None)

    def configure(self, config: Config, processors: Sequence[Processor] = ()) -> Runtime:
        """Put `config` in force: what was recorded before leaves the old way, counts go on.

        Raises SetupError, with the old settings still in force, when something
        cannot be set up.
        """
        clean = label_redaction(config)
        outputs = open_outputs(config)
        try:
            chain = build_chain(config, self._store, processors, outputs=outputs)
            opened = self._storing.opened(config), self._sharing.opened(config), self._pushing.opened(config)
            if config.metrics_enabled:
                self._background.start(config.drain_interval)
        except SetupError:
            close_outputs(outputs, config.shutdown_timeout)
            raise
        self._setting_up.run(lambda: self._switch(config, chain, clean, opened))
        self.processors = tuple(processors)
        if self._buffer is RECORDS:
            children.mark_parent(logs=bool(outputs) and config.metrics_enabled, as_configured=not processors)
        return self

    @property
    def started(self) -> bool:
        """Whether it was configured, and not shut down since."""
        return self._background.started

    def _switch(self, config: Config, chain: Chain, clean: Clean, opened: _Opened) -> None:
        if self.config.metrics_enabled:
            self._drain.run()
        self._drain.after_batch(lambda: self._put_in_force(config, chain, clean, opened))

    def _put_in_force(self, config: Config, chain: Chain, clean: Clean, opened: _Opened) -> None:
        old = self._drain.exclusively(lambda: self._change_chain(config, chain, clean))
        close_outputs(old.outputs, self.config.shutdown_timeout)
        self._storing.put_in_force(opened[0], config, self._store)
        self._sharing.put_in_force(opened[1])
        self._pushing.put_in_force(opened[2], config)
        self._alerting.put_in_force(config)
        self.config = config
        self._background.interval = config.drain_interval
        self._obey()
        if config.handle_sigterm:
            process.handle_sigterm()
        if config.metrics_enabled:
            self._background.start(config.drain_interval)
            self.jobs.start()

    def _change_chain(self, config: Config, chain: Chain, clean: Clean) -> Chain:
        self.recent.follow(chain, config)
        old = self._drain.exchange(chain)
        self._dropped.update(old.dropped)
        self._store.max_series = config.max_series
        self._store.attributes = config.cost_attributes
        self._store.clean = clean
        return old

    def exchange(self, store: Store, chain: Chain) -> tuple[Store, Chain]:
        """Fold what there is, then count into another store through another chain; return the ones before."""
        self._drain.run()
        return self._drain.exclusively(lambda: self._exchange(store, chain))

    def _exchange(self, store: Store, chain: Chain) -> tuple[Store, Chain]:
        before, self._store = self._store, store
        return before, self._drain.exchange(chain)

    def on_threshold(self) -> None:
        """Take notice of a caller, as the buffer holds as much as was waited for."""
        if not process.notice_fork():
            self._background.on_threshold()

    def drain_some(self, most: int) -> None:
        """Fold the oldest `most` of the calls that have returned, as the buffer is full."""
        self._drain.drain_some(most)

    @property
    def draining(self) -> bool:
        """Whether the calling thread is in the middle of a batch."""
        return self._drain.is_draining

    def reading(self, window: Window | None = None) -> Reading:
        """Return all that is known at this moment: counts in all or of the last `window` (300 or "5m").

        One drain and one claim of the records, so that each call is in the counts or among those that run. Shows
        every call that has returned before. A window of more than a day takes a store (`Config.store_url`), and shows
        all processes of the service that write to it.
        """
        seconds = None if window is None else seconds_of(window)
        if seconds is not None and seconds > LONGEST and self._storing.is_open:
            return self._storing.reading(seconds, self._own, self._live)
        return self._read(self._store, seconds)

    def history(self, window: Window, step: Window) -> list[Reading]:
        """Return the readings of the window's steps, the oldest first and the step under way last.

        Windows keep steps of 10 s for 5 minutes, of 150 s for an hour and of an hour for a day: `step` has to be a
        multiple of these. SetupError says so. Longer windows are those of the store, if there is one.
        """
        if self._storing.is_open and seconds_of(window) > LONGEST:
            return self._storing.history(window, step)

        def take(_: Sequence[Record]) -> tuple[int, list[tuple[range, LazySnapshot]]]:
            now = _clock.time_ns()
            steps = steps_of(window, step, now, self._store.first)
            return now, list(zip(steps, self._store.lazy_steps(steps, now), strict=True))

        now, lazy_steps = self._drain.read(take)
        return [Reading(min(each.stop, now), cut) for each, cut in lazy_steps]

    def subscribe(self, take: Callable[[ClosedInterval], object]) -> Callable[[], None]:
        """Have `take` called with each interval of 10 seconds that is closed from now on; return what ends that.

        The parts that come, those of intervals that late events have opened again among them, add up to all that is
        counted. `take` is called by one thread at a time, within about two seconds after an interval's end and at
        `shutdown`. It has to be quick; what it raises is counted.
        """
        return self._intervals.subscribe(self._store, take)

    def events(self, **wanted: Unpack[EventFilter]) -> Sequence[dict[str, Any]]:
        """Return the newest events that have all that is given, from `log_file` and its backups.

        Without one in JSON or ECS, from memory if pages are served; else SetupError.
        """
        return self.recent.events(self.config, wanted)

    def read(self, store: Store, mine: Callable[[Record], bool]) -> Reading:
        """Return the same of another store that calls are counted in, and of the running ones that are `mine`."""
        return self._read(store, None, mine)

    def _read(self, store: Store, window: float | None, mine: Callable[[Record], bool] | None = None) -> Reading:
        def step(running: Sequence[Record]) -> tuple[int, LazySnapshot, Sequence[Record], SelfStats]:
            now = _clock.time_ns()
            return now, store.lazy_snapshot(window, now), running, self._own()

        at, cut, running, own = self._drain.read(step)
        # The caches are the application's own code, which may wait for a thread that waits for us.
        return Reading(at, cut, self._live(running if mine is None else [one for one in running if mine(one)]), own)

    def stats(self, window: Window | None = None) -> Stats:
        """Return the statistics: performance, usage, cost, cache, agents."""
        return Stats.of(self.reading(window))

    def _live(self, running: Sequence[Record]) -> LiveState:
        return live_state(running, self._store.label)

    def _look(self, known: int) -> Moment:
        """Return all that there is at this moment, for the processes that share a directory with this one."""

        def step(running: Sequence[Record]) -> tuple[int, StoreState, Sequence[Record], SelfStats]:
            return _clock.time_ns(), self._store.state(known), running, self._own()

        at, state, running, own = self._drain.read(step)
        return Moment(at, state, self._live(running), own)

    @property
    def machine(self) -> Source:
        """All processes that share a directory with this one as a source; this one where it shares none."""
        return self._sharing.source(self)

    def _own(self) -> SelfStats:
        chain = self._drain.chain
        outputs = {name: OutputStats(one.lines, one.failures, one.error) for name, one in chain.counters.items()}
        if missing := missing_pages():
            outputs["pages"] = OutputStats(failures=len(missing), error=missing[0])
        return SelfStats(
            dropped=dict(self._dropped + chain.dropped + Counter(uncounted=self._buffer.lost)),
            errors=failures(),
            outputs=outputs | self._alerting.outputs(),
            deliveries={name: books for way in _shippers(chain) for name, books in way.ledgers().items()}
            | self._pushing.ledgers(),
            store=self._storing.stats(),
            started_at=self._started_at,
            alerts=self._alerting.stats(),
        )

    def flush(self, timeout: float = -1) -> None:
        """Return when every call that had returned is folded, handed to its outputs and shown in a shared directory.

        With a `timeout` in seconds, not -1, it raises BusyError if others fold for longer, and drops and counts what
        it cannot fold in that time or half a second.
        """
        if timeout < 0:
            self._drain.run()
        else:
            self._finish(_clock.countdown(timeout))
        self._sharing.publish()

    def deliver(self, timeout: float) -> bool:
        """Fold what there is and wait for receivers to take it, `timeout` seconds at most; return whether all have."""
        left = _clock.countdown(timeout)
        self.flush(timeout)
        self._pushing.run()
        sent = [way.flush(left()) for way in (*_shippers(self._drain.chain), *self._pushing.shippers)]
        return all(sent)

    def shutdown(self, *, at_exit: bool = False) -> None:
        """Fold what there is, close the outputs and stop the thread, within `shutdown_timeout`.

        Idempotent. Reads go on working, and so does `configure`. At the interpreter's exit, files and streams stay
        usable for calls in exit handlers that run later (see `process`).
        """
        process.notice_fork()
        self._drain.after_batch(partial(self._shut_down, at_exit=at_exit))

    def _shut_down(self, *, at_exit: bool) -> None:
        left = _clock.countdown(self.config.shutdown_timeout)
        try:
            self._setting_up.run(lambda: self._end(left, at_exit=at_exit), left())
        except BusyError as error:
            failed("shutdown", error)

    def _end(self, left: Callable[[], float], *, at_exit: bool) -> None:
        self._background.stop(left())
        try:
            self._finish(left)
        except Exception as error:
            failed("shutdown", error)
        self._intervals.finish(left())
        for wing in (self._storing, self._sharing, self._alerting):
            wing.announce_end()
        self.jobs.stop(left())
        self._sharing.publish(max(left(), _LAST_STATE))  # the job may be amid what a dead process has left
        self._storing.say_lost()
        self._pushing.close(left())
        if at_exit:
            close_outputs([one for one in self._drain.chain.outputs if shipper_of(one) is not None], left())
            return
        old = self._drain.exclusively(self._drop_exits, left())
        close_outputs(old.outputs, left())

    def _finish(self, left: Callable[[], float]) -> None:
        if dropped := self._drain.finish(left):
            note(
                "shutdown",
                f"{dropped} calls were neither counted nor written, for the time to shut down was over;"
                f" a longer shutdown_timeout than {self.config.shutdown_timeout} s would have helped",
            )

    def _drop_exits(self) -> Chain:
        old = self._drain.exchange(build_chain(self.config, self._store))
        self._dropped.update(old.dropped)
        return old

    def before_fork(self) -> None:
        """Let nothing be under way that a child must not have."""
        self._storing.before_fork()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._storing.after_fork_in_parent()

    def after_fork(self) -> None:
        """In a forked child: count from zero (the parent counts its own), with fresh locks and a thread of its own."""
        was_started = self._background.started
        self._setting_up = Exclusive()
        self._drain.renew()
        self._background.renew()
        self.jobs.renew()
        self._store.clear()
        for part in (self._intervals, self._storing, self._sharing, self._pushing, self._alerting, self.recent):
            part.renew()
        self._dropped.clear()
        self._started_at = _clock.time_ns()
        self._drain.chain.dropped.clear()
        self._drain.chain.forget()
        for way in _shippers(self._drain.chain):
            way.after_fork()
        if was_started:
            try:
                self._background.start(self.config.drain_interval)
                self.jobs.start()
            except SetupError as error:  # the child counts all the same, and folds when it is asked or full
                failed("thread", error)


def _shippers(chain: Chain) -> Iterator[Ships]:
    return (shipper for output in chain.outputs if (shipper := shipper_of(output)) is not None)


def default_runtime(buffer: RecordBuffer) -> Runtime:
    """Return a new runtime as the front door installs it: silent until it is configured.

    It may be a full buffer, in the middle of an observed call, that asks for it. So settings in the
    environment that are not acceptable are reported here and left aside; `configure` raises them.
    """
    try:
        return Runtime(buffer, Config())
    except SetupError as error:
        failed("config", error)
        return Runtime(buffer, Config.defaults())


def configure(config: Config | None = None, *, processors: Sequence[Processor] = ()) -> Runtime:
    """Put settings in force for everything that is decorated, and return the runtime; may be called again.

    Without a `Config` the environment and the settings file decide. `processors` are structlog
    processors that see each event first, before it is priced and counted. Raises ConfigError.
    """
    _check(config)
    runtime: Runtime = _dispatch.runtime(RECORDS)
    return runtime.configure(Config() if config is None else config, processors)


def _check(config: object) -> None:
    if config is not None and not isinstance(config, Config):
        msg = f"configure: a {type(config).__name__} is no Config; give one: configure(Config(log_file='app.log'))"
        raise SetupError(msg)
