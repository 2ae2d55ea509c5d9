"""`HealthChecker`: asks the built-in checks and the user's own, and reports."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

from pepperpy_obs import _clock
from pepperpy_obs.errors import SetupError
from pepperpy_obs.judgement.checks import BUILT_IN, HealthInput, run_checks
from pepperpy_obs.judgement.report import CheckResult, HealthReport
from pepperpy_obs.metrics.probe import Check, Probe
from pepperpy_obs.readings.source import Collects, Source, machine_of, source_of

__all__ = ["CheckResult", "HealthChecker", "HealthReport"]

_ON_PURPOSE: Final = ("level", "sample", "processor ")
"""What these links keep back is not lost: the settings or the user's own processor asked for it."""


class HealthChecker:
    """Judges a collector's runtime, or the default one, by its `Config`, and runs checks of the user's own.

    May be asked from any thread. It remembers what was lost when it was last asked, so one that lives
    for long says what was lost of late, and a new one what was lost since the start.

    >>> checker = HealthChecker()
    >>> checker.register("disk", lambda: "2 % left")
    >>> checker.check().issues[-1]
    'disk: 2 % left'
    """

    def __init__(self, collector: Collects | Source | None = None) -> None:
        self._source = source_of(collector)
        self._probes: dict[str, Probe] = {}
        self._losses: deque[tuple[int, Mapping[str, int]]] = deque()
        self._made = _clock.time_ns()

    def register(self, name: str, check: Check, *, timeout: float | None = None, critical: bool = True) -> None:
        """Add a check of your own; one that is not `critical` warns where others fail.

        The check, a function or a coroutine function, returns None or True if all is well; False, a sentence
        that says what is wrong, or an exception mean that it is not. It has `timeout` seconds (by default
        `Config.health_check_timeout`); after that it is reported as failed and waited for no longer. Plain
        functions run in a daemon thread. Raises SetupError for a name that is taken.
        """
        if name in BUILT_IN or name in self._probes:
            taken = ", ".join((*BUILT_IN, *self._probes))
            msg = f"a health check named {name!r} exists already; taken are {taken}"
            raise SetupError(msg)
        given: object = check
        if not callable(given):
            msg = f"health check {name!r} is {check!r}; give a function or a coroutine function without arguments"
            raise SetupError(msg)
        if timeout is not None and not timeout > 0:
            msg = f"timeout={timeout!r} of health check {name!r}; give seconds above 0, or None for the default"
            raise SetupError(msg)
        self._probes[name] = Probe(name, check, timeout, critical=critical)

    async def check_health(self) -> HealthReport:
        """Run all checks at once and report. Coroutine functions run in this event loop."""
        limit = self._source.config.health_check_timeout
        runs = [probe.begin_here(limit) for probe in self._probes.values()]
        return self._report([*self._built_in(), *[await run.result_async() for run in runs]])

    def check(self) -> HealthReport:
        """Do the same without awaiting; a coroutine function runs in an event loop of its own, in a thread."""
        limit = self._source.config.health_check_timeout
        runs = [probe.begin(limit) for probe in self._probes.values()]
        return self._report([*self._built_in(), *[run.result() for run in runs]])

    def _built_in(self) -> list[CheckResult]:
        return list(run_checks(self._input(machine_of(self._source), _clock.time_ns())))

    def _input(self, source: Source, now: int) -> HealthInput:
        limits = source.config
        recent = source.reading(limits.health_window)
        latest = self._made
        if limits.health_max_event_age_seconds is not None:
            latest = max((data.last for data in source.reading().snapshot.series.values()), default=latest)
        own = recent.own
        dropped = {name: lost for name, lost in own.dropped.items() if not name.startswith(_ON_PURPOSE)}
        for name, books in own.deliveries.items():
            for reason, lost in (*books.rejected.items(), *books.dropped.items()):
                dropped[f"{name} ({reason})"] = lost
        return HealthInput(
            limits,
            recent.snapshot,
            max(0.0, (now - latest) / 1e9),
            self._lost_lately(dropped, now, now - round(limits.health_window * 1e9)) if own.known else None,
            own.outputs if own.known else None,
            own.deliveries,
            now,
            own.store,
            own.alerts,
        )

    def _lost_lately(self, dropped: Mapping[str, int], now: int, since: int) -> Mapping[str, int]:
        """Return what was lost since the last check before `since`."""
        losses = self._losses
        losses.append((now, dropped))
        while len(losses) > 1 and losses[1][0] <= since:
            losses.popleft()
        at, before = losses[0]
        return Counter(dropped) - Counter(before) if at <= since else dropped

    def _report(self, found: list[CheckResult]) -> HealthReport:
        unready = frozenset((*self._source.config.ready_checks, *self._probes))
        return HealthReport(_clock.time_ns(), {result.name: result for result in found}, unready)
