"""Who drains has the drain for itself: to hand it to and fro would cost more than what is folded in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pepperpy_obs import Config, _dispatch, measured, stats
from pepperpy_obs.testing import captured
from tests.runtime.held import held

PATIENCE = 30


@pytest.fixture
def drain() -> Iterator[Any]:
    """Return the drain of a runtime whose thread does not come by, and whose buffer is full with ten records."""
    with captured(Config(config_file=None, log_format="none", buffer_limit=10, drain_interval=600)):
        yield _dispatch.runtime()._drain


@measured
def step() -> None:
    """Do a little."""


def counted() -> int:
    """Return how many calls are folded, those included that are by this."""
    return stats().performance.calls


def test_the_thread_leaves_it_to_a_reader(drain: Any) -> None:
    """While another thread drains it folds nothing and does not wait either; afterwards it goes on."""
    step()
    drain_idle = _dispatch.runtime()._background.drain_idle
    found: list[int] = []
    with held(drain._write_lock), held(drain._exclusive):
        thread = threading.Thread(target=lambda: found.append(drain_idle()))
        thread.start()
        thread.join(PATIENCE)
        assert found == [0]
    assert drain_idle() == 1
    assert counted() == 1


def test_a_reader_lets_nobody_in_until_it_is_done(drain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one that comes in the middle waits for the last batch of the first."""
    order: list[str] = []
    take, second = drain.chain.take, threading.Thread(target=lambda: order.append(f"second: {drain.run()}"))

    def slowly(records: Any, *_: Any) -> None:
        if not second.is_alive() and not order:
            second.start()
        second.join(0.05)
        take(records)
        order.append("batch")

    _dispatch.RECORDS.set_capacity(1000)
    for _ in range(300):
        step()
    monkeypatch.setattr(drain.chain, "take", slowly)
    assert drain.run() == 300
    second.join(PATIENCE)
    monkeypatch.undo()
    assert order == ["batch", "batch", "batch", "second: 0"]


@pytest.mark.parametrize("emptied", [True, False])
def test_a_caller_that_waited_while_room_was_made(drain: Any, *, emptied: bool) -> None:
    """It goes on with its call, and folds only if the buffer is as full as before."""
    for _ in range(10):
        step()
    waiting = threading.Thread(target=step)
    with held(drain._write_lock):
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
        if emptied:
            drain.with_exclusive(lambda: drain.partition(None))
    waiting.join(PATIENCE)
    assert len(drain._ended) == (10 if emptied else 0)
    assert counted() == 11
