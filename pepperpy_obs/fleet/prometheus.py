"""A fleet as a source, by the Prometheus that scrapes it: `source('prometheus+http://host:9090?match=job="shop"')`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NoReturn, Unpack

from pepperpy_obs import _clock
from pepperpy_obs.aggregate.snapshot import Snapshot
from pepperpy_obs.config import Config
from pepperpy_obs.errors import SetupError, SourceError
from pepperpy_obs.export import families
from pepperpy_obs.export.families import STARTED, Family
from pepperpy_obs.fleet.lives import Figures, Lives
from pepperpy_obs.fleet.promql import Prometheus
from pepperpy_obs.fleet.refold import UNKNOWN, rows, table_of
from pepperpy_obs.readings import LiveState, OutputStats, Reading, SelfStats
from pepperpy_obs.readings.source import EventFilter
from pepperpy_obs.readings.windows import Window, seconds_of, steps_of

__all__ = ["PrometheusSource"]

_NANO: Final = 1_000_000_000


class PrometheusSource:
    """All that was scraped of a fleet. May be asked from any thread; SourceError says why it does not answer.

    Calls, tokens and money are exact up to the last scrape of each life of a process, also where one was killed and
    another took its place. Windows end now, and begin at the last scrape before they do. Quantiles may be off by as
    much as `quantile_error` says, for buckets double from one to the next. What our families do not tell is None: see
    `Reading.unknown`.
    """

    def __init__(self, url: str, config: Config) -> None:
        self.config = config
        self._server = Prometheus(url, config)

    def check(self) -> None:
        """Raise SetupError where the server has nothing of ours; one that is away may come back."""
        now = _clock.time_ns() / _NANO
        with suppress(SourceError):
            # Whether there is one sample would do: their number is less to send than all of them.
            asked = f"count_over_time({self._server.selector(STARTED.name)}[{round(self._server.range)}s])"
            if not self._server.at(asked, now):
                msg = (
                    f"{self._server.shown} has no {self._server.selector(STARTED.name)} of the last"
                    f" {self._server.range / 86_400:g} days: let it scrape /metrics of a service (of this version), or"
                    ' give another selection, such as ?match=job="shop"'
                )
                raise SetupError(msg)

    def reading(self, window: Window | None = None) -> Reading:
        """Return what was counted in all that `range` goes back to, or in the latest window, and what is true now."""
        now = _clock.time_ns()
        moment = now / _NANO
        begin = None if window is None else moment - seconds_of(window)
        lives = Lives(self._server, moment - self._server.range if begin is None else begin, moment)
        counted = _snapshot(lives, begin, moment, window)
        current = lives.current()
        return Reading(now, counted, _live(current), _own(current, lives.first), UNKNOWN)

    def history(self, window: Window, step: Window) -> list[Reading]:
        """Return the readings of the window's steps, the oldest first and the step under way last."""
        now = _clock.time_ns()
        moment = now / _NANO
        lives = Lives(self._server, moment - seconds_of(window) - seconds_of(step, "step"), moment)
        first = None if lives.first is None else round(lives.first * _NANO)
        found: list[Reading] = []
        for one in steps_of(window, step, now, first):
            end = min(one.stop, now)
            counted = _snapshot(lives, one.start / _NANO, end / _NANO, len(one) / _NANO)
            found.append(Reading(end, counted, unknown=UNKNOWN))
        return found

    def events(self, **_: Unpack[EventFilter]) -> NoReturn:
        """Raise SetupError: a Prometheus keeps numbers and no events."""
        msg = "a Prometheus keeps numbers and no events: give log files or a receiver to have events to look at"
        raise SetupError(msg)


def _snapshot(lives: Lives, begin: float | None, end: float, window: Window | None) -> Snapshot:
    table = table_of(lives.counted(begin, end))
    first = lives.first
    if first is not None:
        table.span(round(max(first, begin or 0.0) * _NANO), round(end * _NANO))
    return Snapshot.of(table, None if window is None else seconds_of(window))


def _live(current: Sequence[Figures]) -> LiveState:
    active: Counter[tuple[str, str]] = Counter()
    agents: Counter[str] = Counter()
    for figures in current:
        for (operation, agent), _, value in rows(figures, families.ACTIVE):
            active[operation, agent] += int(value)
        for (agent,), _, value in rows(figures, families.AGENTS):
            agents[agent] += int(value)
    return LiveState(active, agents)


def _own(current: Sequence[Figures], first: float | None) -> SelfStats:
    lines, failures = _sum(current, families.SHIPPED), _sum(current, families.SHIP_FAILURES)
    outputs = {name: OutputStats(lines[name], failures[name]) for name in lines | failures}
    started = None if first is None else round(first * _NANO)
    return SelfStats(_sum(current, families.DROPPED), _sum(current, families.ERRORS), outputs, started_at=started)


def _sum(current: Sequence[Figures], family: Family) -> Counter[str]:
    total: Counter[str] = Counter()
    for figures in current:
        for (name,), _, value in rows(figures, family):
            total[name] += int(value)
    return total
