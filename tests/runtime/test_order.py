"""Children are folded before their parents, whoever drains, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from pepperpy_obs import Config, _clock, _dispatch, configure, costed, flush, measured, stats
from pepperpy_obs.testing import Captured, captured

ANSWER = {
    "object": "chat.completion",
    "model": "gpt-4o",
    "choices": [],
    "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
}


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Stop the thread and take the default bound again."""
    yield
    configure(Config(config_file=None, log_format="none"))
    _dispatch.runtime().shutdown()


@measured
def step() -> None:
    """Do a little."""


@costed
def ask() -> dict[str, Any]:
    """Return an answer without an id, which only its place in the tree tells from another."""
    return dict(ANSWER)


def position(seen: Captured, operation: str) -> int:
    """Return the place of the one event of an operation."""
    (place,) = [place for place, event in enumerate(seen.events) if event["operation"] == operation]
    return place


@pytest.mark.parametrize("steps", [3, 63, 64, 200, 3000])
@pytest.mark.parametrize("limit", [16, 600, 8192])
def test_a_parent_with_many_calls_below_it(steps: int, limit: int) -> None:
    """It comes after all of them, its answer is counted once, and its budget has seen what they cost."""

    @costed(operation="parent", budget=Decimal("0.0001"))
    def parent() -> dict[str, Any]:
        for _ in range(steps):
            step()
        return ask()

    with captured(Config(config_file=None, log_format="none", buffer_limit=limit)) as seen:
        parent()
        for _ in range(5):
            step()

        assert seen.stats.usage.total_tokens == 110
        place = position(seen, "parent")
        assert seen.events[place]["over_budget"] is True
        assert seen.events[place]["usage_duplicate"] is True
        assert place == steps + 1


def test_one_that_was_in_flight_when_the_thread_came_by() -> None:
    """Calls that go on for longer than the thread's pause are folded after what they have called since."""
    with captured() as seen:
        configure(Config(config_file=None, log_format="none", drain_interval=0.005))

        @costed(operation="long")
        def long() -> dict[str, Any]:
            time.sleep(0.03)
            step()
            return ask()

        before = stats().usage.total_tokens
        for _ in range(10):
            long()
        assert stats().usage.total_tokens - before == 10 * 110
    assert seen.events is not None


def test_who_drains_between_two_batches_of_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another drainer has folded meanwhile does not make the thread fold what has to wait."""

    @costed(operation="parent")
    def parent() -> dict[str, Any]:
        for _ in range(600):
            step()
        return ask()

    with captured(Config(config_file=None, log_format="none", buffer_limit=100_000, drain_interval=600)) as seen:
        for _ in range(250):
            step()
        parent()
        drain = _dispatch.runtime()._drain
        _dispatch.RECORDS.set_capacity(1)
        others = iter([lambda: drain.drain_some(512)])  # what a call that finds the buffer full does
        monkeypatch.setattr(_clock, "sleep", lambda _: next(others, lambda: None)())
        _dispatch.runtime()._background.drain_idle()
        monkeypatch.undo()

        assert seen.stats.usage.total_tokens == 110
        assert seen.events[position(seen, "parent")]["usage_duplicate"] is True


@pytest.mark.parametrize("steps", [0, 300])
@pytest.mark.parametrize("tick", [0, 15_000_000], ids=["still", "coarse"])
def test_where_a_clock_stands_still(steps: int, tick: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of calls that ended at the same time, as in a test that freezes it, the one that began later is the child."""

    @costed(operation="parent")
    def parent() -> dict[str, Any]:
        for _ in range(steps):
            step()
        return ask()

    with captured(Config(config_file=None, log_format="none", buffer_limit=100_000, drain_interval=600)) as seen:
        real = time.perf_counter_ns
        frozen = real()
        monkeypatch.setattr(_clock, "perf_counter_ns", lambda: real() // tick * tick if tick else frozen)
        for _ in range(3):
            parent()
        _dispatch.runtime()._background.drain_idle()

        assert seen.stats.usage.total_tokens == 3 * 110


def test_a_clock_that_is_set_back_ends_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was recorded under a clock that ran ahead allows nothing of what comes after."""
    with captured(Config(config_file=None, log_format="none", buffer_limit=100_000, drain_interval=600)) as seen:
        ahead = time.perf_counter_ns() + 10**15
        monkeypatch.setattr(_clock, "perf_counter_ns", lambda: ahead)
        step()
        _dispatch.runtime()._background.drain_idle()
        monkeypatch.undo()

        @costed(operation="parent")
        def parent() -> dict[str, Any]:
            for _ in range(300):
                step()
            return ask()

        parent()
        _dispatch.runtime()._background.drain_idle()
        assert seen.stats.usage.total_tokens == 110


@pytest.mark.parametrize("limit, interval, most", [(50, 0.001, 7), (4096, 0.05, 400), (1_000_000, 0.005, 400)])
def test_while_many_threads_call_and_read(limit: int, interval: float, most: int) -> None:
    """However calls, readers, the thread and callers that relieve a full buffer take turns, no answer counts twice."""
    trees, threads = 300, 4
    configure(Config(config_file=None, log_format="none", buffer_limit=limit, drain_interval=interval))

    @costed(operation="tree")
    def tree(number: int) -> dict[str, Any]:
        for _ in range(number % most):
            step()
        return ask()

    def work() -> None:
        for number in range(trees):
            tree(number)
            if number % 10 == 0:
                flush()

    before = stats().usage.total_tokens
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert stats().usage.total_tokens - before == trees * threads * 110
