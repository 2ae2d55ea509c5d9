"""What comes from outside in the middle of things loses no call: a stack that overflows, Ctrl-C, an odd clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from freezegun import freeze_time

from pepperpy_obs import Config, _dispatch, configure, measure, measured, stats
from pepperpy_obs._dispatch import runtime
from pepperpy_obs._guard import failures
from pepperpy_obs.testing import captured
from pepperpy_obs.typing import EventDict


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    """Count and write nothing, and set nothing of it in stone."""
    yield
    configure(Config(config_file=None, log_format="none"))
    _dispatch.runtime().shutdown()


def calls(operation: str) -> int:
    """Return how many calls of an operation are counted."""
    found = stats().performance.operations.get(operation)
    return found.calls if found else 0


@pytest.mark.parametrize("limit", [64, 8192])
def test_a_stack_that_overflows(limit: int) -> None:
    """Every call up to the limit of recursion has an end and is counted, though there was no room to do so then."""
    begun = 0

    @measured(operation=f"dig {limit}")
    def dig() -> None:
        nonlocal begun
        begun += 1
        dig()

    with captured():
        _dispatch.HUB.accept(limit)
        for _ in range(3):
            with pytest.raises(RecursionError):
                dig()

        # The call that did not get into `dig` is one, too, unless there was no stack even for its record.
        assert begun <= calls(f"dig {limit}") <= begun + 3
        assert not runtime().live().active
        assert failures() == {}


def test_reading_at_the_bottom_of_the_stack() -> None:
    """Who has no stack left to read with is told so, and nothing is lost."""

    @measured(operation="leaf")
    def leaf() -> None:
        pass

    def down() -> None:
        try:
            down()
        except RecursionError:
            leaf()
            stats()
            raise

    with captured():
        for _ in range(5):
            with pytest.raises(RecursionError):
                down()

        assert calls("leaf") >= 5


@pytest.mark.parametrize("at", [0, 1, 7, 63, 64, 100])
def test_ctrl_c_while_reading(at: int) -> None:
    """A KeyboardInterrupt in the middle of a batch reaches who reads, and the calls are there at the next read."""
    seen = 0

    def interrupt(logger: Any, method: str, event: EventDict) -> EventDict:
        nonlocal seen
        seen += 1
        if seen == at + 1:
            raise KeyboardInterrupt
        return event

    configure(Config(config_file=None, log_format="none", drain_interval=60), processors=[interrupt])
    before = calls("step")
    seen = 0
    with measure("around"):
        for _ in range(120):
            with measure("step"):
                pass
    with pytest.raises(KeyboardInterrupt):
        stats()

    assert calls("step") - before == 120


def test_a_clock_that_stands_at_zero() -> None:
    """A call that begins and ends at 0 of the clock has ended."""
    with captured() as seen, freeze_time(datetime.fromtimestamp(0, UTC)):

        @measured(operation="at the beginning")
        def begin() -> None:
            pass

        begin()
        assert calls("at the beginning") == 1
    assert seen.event["duration_seconds"] == 0.0
