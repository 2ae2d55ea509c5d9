"""Closed intervals are given to subscribers: each event in one part, late ones too, and the rest at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from freezegun import freeze_time

from pepperpy_obs import Config
from pepperpy_obs.aggregate.closed import ClosedInterval
from pepperpy_obs.aggregate.series_table import SeriesTable
from pepperpy_obs.metrics import MetricsCollector

TEN = 10_000_000_000


@pytest.fixture
def collector(no_thread_left: None) -> Iterator[MetricsCollector]:
    """Return a collector of its own, shut down after the test."""
    made = MetricsCollector(Config(config_file=None, log_format="none"))
    yield made
    made.shutdown()


def calls(parts: list[ClosedInterval]) -> dict[int, int]:
    """Return how many calls each interval has, by its start."""
    counted: dict[int, int] = {}
    for part in parts:
        counted[part.start] = counted.get(part.start, 0) + part.counted.events["operation.finished"]
    return counted


def call(collector: MetricsCollector) -> None:
    """Make one call."""
    with collector.record_call("openai"):
        pass


def test_every_call_is_in_one_part(collector: MetricsCollector) -> None:
    """An interval comes once it has ended, the last one at the end, and all parts add up to what was counted."""
    parts: list[ClosedInterval] = []
    collector.runtime.subscribe(parts.append)
    with freeze_time("2026-12-01 12:00:03") as clock:
        for _ in range(5):
            call(collector)
            call(collector)
            clock.tick(6)
        call(collector)
        collector.runtime._intervals.tell()
        assert list(calls(parts).values()) == [4, 2, 4]
        assert [part.stop - part.start for part in parts] == [TEN] * 3
        collector.shutdown()
    assert list(calls(parts).values()) == [4, 2, 4, 1]
    assert not any(part.is_reopened for part in parts)
    whole = SeriesTable()
    whole.absorb(*[part.counted for part in parts])
    snapshot = collector.runtime.reading().snapshot
    assert (whole.series, whole.start, dict(whole.events)) == (snapshot.series, snapshot.start, snapshot.events)


def test_an_interval_ends_without_an_event_after_it(collector: MetricsCollector) -> None:
    """A service that falls silent tells of its last calls all the same, a second after their interval."""
    parts: list[ClosedInterval] = []
    collector.runtime.subscribe(parts.append)
    with freeze_time("2026-12-01 12:00:05") as clock:
        call(collector)
        clock.tick(5.5)
        collector.runtime._intervals.tell()
        assert parts == []
        clock.tick(0.5)
        collector.runtime._intervals.tell()
        assert list(calls(parts).values()) == [1]


def test_a_late_event_opens_its_interval_again(collector: MetricsCollector) -> None:
    """The part that it makes bears the interval's start, and says that it was closed before."""
    parts: list[ClosedInterval] = []
    collector.runtime.subscribe(parts.append)
    with freeze_time("2026-12-01 12:00:05") as clock:
        for at in ("12:00:05", "12:00:15", "12:00:06", "12:00:25"):
            clock.move_to(f"2026-12-01 {at}")
            call(collector)
            collector.runtime.flush()
        collector.shutdown()
    base = parts[0].start
    assert [((part.start - base) // TEN, part.is_reopened) for part in parts] == [
        (0, False),
        (1, False),
        (0, True),
        (2, False),
    ]
    assert list(calls(parts).values()) == [2, 1, 1]


def test_a_subscriber_that_raises_or_leaves_disturbs_no_other(collector: MetricsCollector) -> None:
    """What it raises is counted, the others are told; one that has left is not told any more."""
    parts: list[ClosedInterval] = []
    left: list[ClosedInterval] = []

    def raising(_: ClosedInterval) -> None:
        message = "full"
        raise OSError(message)

    collector.runtime.subscribe(raising)
    leave = collector.runtime.subscribe(left.append)
    collector.runtime.subscribe(parts.append)
    leave()
    call(collector)
    collector.shutdown()
    assert (list(calls(parts).values()), left) == ([1], [])
    assert collector.runtime.reading().own.errors["intervals"] == 1


def test_nothing_is_kept_for_those_who_have_left(collector: MetricsCollector) -> None:
    """Without a subscriber no interval waits in memory, and no job but that of the rules is there."""
    leave = collector.runtime.subscribe(lambda _: None)
    leave()
    with freeze_time("2026-12-01 12:00:05") as clock:
        for _ in range(3):
            call(collector)
            clock.tick(10)
        collector.runtime.flush()
    assert not collector.runtime._intervals._closed
    assert [job.name for job in collector.runtime.jobs._jobs] == ["rules"]


@pytest.mark.slow
def test_the_job_tells_by_itself() -> None:
    """Where the runtime runs, a subscriber hears of an interval without anything that is called for it."""
    heard = threading.Event()
    collector = MetricsCollector(Config(config_file=None, log_format="none"))
    try:
        collector.runtime.configure(collector.runtime.config)
        collector.runtime.subscribe(lambda _: heard.set())
        assert {thread.name for thread in threading.enumerate()} >= {"pepperpy_obs-intervals"}
        call(collector)
        assert heard.wait(30)
    finally:
        collector.shutdown()
