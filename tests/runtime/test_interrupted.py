"""What comes from outside in the middle of things loses no call: a stack that overflows, Ctrl-C, an odd clock."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from pepperpy_obs import Config, MetricsCollector, _dispatch, configure, measure, measured, stats
from pepperpy_obs._dispatch import runtime
from pepperpy_obs._guard import failures
from pepperpy_obs.outputs.file import File
from pepperpy_obs.testing import captured
from pepperpy_obs.typing import EventDict

pytestmark = pytest.mark.hostile


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
    gc.collect()  # as below
    begun = 0

    @measured(operation=f"dig {limit}")
    def dig() -> None:
        nonlocal begun
        begun += 1
        dig()

    with captured():
        _dispatch.RECORDS.set_capacity(limit)
        for _ in range(3):
            with pytest.raises(RecursionError):
                dig()

        # The call that did not get into `dig` is one, too, unless there was no stack even for its record.
        assert begun <= calls(f"dig {limit}") <= begun + 3
        assert not runtime().reading().live.active
        assert failures() == {}


def test_reading_at_the_bottom_of_the_stack() -> None:
    """Who has no stack left to read with is told so, and nothing is lost."""
    gc.collect()  # what other tests have left is not to be finalized at the bottom of the stack

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


INTERRUPTED = """
import json, os, signal, sys
import pepperpy_obs as obs
from pepperpy_obs import _dispatch
from pepperpy_obs.aggregate.accumulator import SeriesAccumulator

log = sys.argv[1]
settings = {"config_file": None, "log_format": "json", "log_max_bytes": 0, "drain_interval": 300}
obs.configure(obs.Config(log_file=log, **settings))


@obs.measured
def call():
    pass


for _ in range(3):
    call()
    obs.flush()
for _ in range(200):
    call()
counted = SeriesAccumulator.finish_many


def finish_many(self, *given):
    SeriesAccumulator.finish_many = counted
    os.kill(os.getpid(), signal.SIGUSR1)
    counted(self, *given)


def handle(*_):
    HANDLER


signal.signal(signal.SIGUSR1, handle)
SeriesAccumulator.finish_many = finish_many
try:
    obs.stats()
except SystemExit:
    pass
runtime = _dispatch.runtime()
runtime.flush()
print(sum(cell.calls for cell in runtime.reading().snapshot.series.values()), dict(runtime.reading().own.dropped))
"""


@pytest.mark.parametrize(
    "handler",
    [
        "obs.shutdown(); sys.exit(0)",
        "obs.shutdown()",
        "obs.configure(obs.Config(log_file=log + '.new', **settings))",
        "obs.stats()",
        "sys.exit(0)",
    ],
)
def test_a_signal_handler_that_uses_us_amid_a_batch(handler: str, tmp_path: Path) -> None:
    """Whether it shuts down, configures, reads or leaves: every call is counted once, and its line is written once."""
    log = tmp_path / "app.log"
    source = INTERRUPTED.replace("HANDLER", handler)
    done = subprocess.run(
        [sys.executable, "-c", source, str(log)], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.split(maxsplit=1) == ["203", "{}\n"], done.stderr
    lines = [line for path in tmp_path.iterdir() for line in path.read_bytes().splitlines()]
    assert len({json.loads(line)["event_id"] for line in lines}) == len(lines) == 203


def test_a_write_that_is_interrupted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of lines that a Ctrl-C may have kept from the file it is told how many they are; counts are right."""
    collector = MetricsCollector(
        Config(config_file=None, log_format="json", log_file=tmp_path / "app.log", drain_interval=300)
    )
    write = File.write

    def interrupt(self: File, lines: list[bytes]) -> None:
        monkeypatch.setattr(File, "write", write)
        raise KeyboardInterrupt

    monkeypatch.setattr(File, "write", interrupt)
    for _ in range(5):
        with collector.record_call("openai"):
            pass
    with pytest.raises(KeyboardInterrupt):
        collector.stats()

    assert collector.stats().usage.total_calls == 5
    assert collector.runtime.reading().own.dropped == {"interrupted": 5}
    collector.shutdown()


def test_names_of_a_call_are_asked_for_while_a_batch_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal handler that drains while its thread makes ids does not wait for ever on a drain that waits for it."""
    with captured():
        urandom = os.urandom
        seconds = time.perf_counter()

        def slowly(size: int) -> bytes:
            monkeypatch.setattr(os, "urandom", urandom)
            other = threading.Thread(target=_dispatch.runtime().flush)
            other.start()
            time.sleep(0.1)
            _dispatch.runtime().flush()
            other.join()
            return urandom(size)

        with measure("first"):
            pass
        with measure("second") as call:
            monkeypatch.setattr(os, "urandom", slowly)
            assert call.trace_id
        assert time.perf_counter() - seconds < 10
        assert [calls("first"), calls("second")] == [1, 1]
