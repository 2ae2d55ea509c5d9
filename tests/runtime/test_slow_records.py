"""Records that take long to fold: those who wait for them look at the clock between two of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pepperpy_obs import Config, _dispatch, configure, measured, stats
from pepperpy_obs._dispatch import RECORDS
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.runtime.runtime import Runtime
from pepperpy_obs.testing import ManualClock

pytestmark = pytest.mark.hostile

SLOW = 0.02
"""Seconds that each event takes in the processor of these tests."""


@measured
def step() -> None:
    """Do a little."""


@pytest.fixture
def clock() -> Iterator[ManualClock]:
    """Return a clock that moves only while events are folded."""
    with ManualClock() as clock:
        yield clock


@pytest.fixture
def slow(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """Return the default runtime with a link that takes its time, no thread, and room for ten records."""
    monkeypatch.setattr("pepperpy_obs.runtime.background.Background.start", lambda *_: None)
    monkeypatch.setattr(RECORDS, "lost", 0)
    runtime: Runtime = _dispatch.runtime()

    def dawdle(_logger: Any, _name: str, event: Any) -> Any:
        clock.advance(SLOW)
        return event

    config = Config(config_file=None, log_format="none", buffer_limit=10, shutdown_timeout=2.0)
    monkeypatch.setattr(runtime, "_store", Store())
    yield runtime.configure(config, [dawdle])
    stats()
    monkeypatch.undo()
    configure(Config(config_file=None, log_format="none"))
    runtime.shutdown()


def counted() -> int:
    """Return how many calls are counted by now."""
    return stats().performance.calls


def test_a_caller_with_a_full_buffer_helps_for_a_moment(slow: Runtime, clock: ManualClock) -> None:
    """No call folds for longer than 0.05 s and the record that it is at, and all calls are counted in the end."""
    longest = 0
    for _ in range(300):
        before = clock._ticks
        step()
        longest = max(longest, clock._ticks - before)
    assert 0 < longest <= (0.05 + 2 * SLOW) * 1e9
    assert counted() == 300
    assert slow.reading().own.dropped == {}


def test_what_is_left_to_others_is_bounded(slow: Runtime) -> None:
    """Where nobody has the time to fold them, calls beyond 32,768 are dropped: counted and lost are all."""
    for _ in range(45_000):
        step()
    waiting = len(RECORDS.records) + len(slow._drain._ended)
    assert waiting <= 34_000
    lost = slow.reading().own.dropped["uncounted"]
    assert counted() + lost == 45_000


def test_a_shutdown_keeps_to_its_time(slow: Runtime, clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    """What it cannot fold in `shutdown_timeout` is dropped, counted and said."""
    RECORDS.set_capacity(1000)
    for _ in range(500):
        step()
    before = clock._ticks
    slow.shutdown()
    assert (clock._ticks - before) / 1e9 == pytest.approx(2.0, abs=2 * SLOW)
    lost = slow.reading().own.dropped["uncounted"]
    assert counted() + lost == 500
    assert lost == pytest.approx(400, abs=2)
    assert f"{lost} calls were neither counted nor written" in caplog.text


def test_a_batch_ends_with_the_record_at_which_its_time_is_over(slow: Runtime) -> None:
    """Others are let in between; none is folded twice, and their order stays."""
    RECORDS.set_capacity(1000)
    for _ in range(3):
        step()
    drain = slow._drain
    assert drain.with_exclusive(lambda: drain.partition(None)) == 3
    assert [drain.with_exclusive(lambda: drain.batch(3)) for _ in range(4)] == [1, 1, 1, 0]
    assert counted() == 3
