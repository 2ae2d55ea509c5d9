"""No memory, no thread: the call runs, and what is lost is counted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pepperpy_obs import Config, SetupError, configure, current_call, measure, measured, stats, tracked_usage
from pepperpy_obs import _clock as clock
from pepperpy_obs._dispatch import RECORDS, runtime
from pepperpy_obs._guard import failures, forget
from pepperpy_obs.testing import captured

pytestmark = pytest.mark.hostile


def _out_of_memory(*_: object) -> Any:
    raise MemoryError


class _BoomError(Exception):
    """The user's own."""


@measured
def _function(number: int) -> int:
    if number < 0:
        raise _BoomError
    return number


@tracked_usage
async def _coroutine(number: int) -> int:
    return _function(number)


@measured
def _stream(number: int) -> Iterator[int]:
    yield _function(number)


def _block(number: int) -> int:
    with measure("block"):
        return _function(number)


CALLS: dict[str, Any] = {
    "function": _function,
    "coroutine": lambda number: asyncio.run(_coroutine(number)),
    "stream": lambda number: next(_stream(number)),
    "block": _block,
}


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Let the failures of a test be its own."""
    forget()
    yield
    forget()


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("tool", ["_pp_append", "_pp_enter"])
@pytest.mark.parametrize("name", CALLS)
def test_a_call_runs_without_memory_for_its_record(name: str, tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its value and its exception are the user's own, nothing stays current, and what is lost is counted."""
    call = CALLS[name]
    with captured() as seen:
        monkeypatch.setitem(clock.__dict__, tool, _out_of_memory)
        if tool == "_pp_append":
            monkeypatch.setattr(RECORDS, "append", _out_of_memory)
        assert call(3) == 3
        with pytest.raises(_BoomError) as raised:
            call(-1)
        assert raised.value.__context__ is None
        assert not current_call()
        monkeypatch.undo()
        call(3)

    whole = 1 if name == "function" else 2
    lost = failures().get("call", 0)
    assert lost + len(seen.events) == 3 * whole
    assert lost >= 2
    assert not runtime().reading().live.active


@pytest.mark.usefixtures("forgotten")
def test_the_clock_may_find_no_memory_for_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call whose end cannot be read ends where it began."""

    @measured
    def call(number: int) -> int:
        monkeypatch.setattr(clock, "perf_counter_ns", _out_of_memory)
        if number < 0:
            raise _BoomError
        return number

    with captured() as seen:
        assert call(3) == 3
        monkeypatch.undo()
        with pytest.raises(_BoomError):
            call(-1)
        monkeypatch.undo()

    assert [(event["outcome"], event["duration_seconds"]) for event in seen.events] == [("ok", 0.0), ("error", 0.0)]


@pytest.mark.usefixtures("forgotten")
def test_configure_says_that_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Set-up fails with advice and changes nothing; calls run and are counted, and the process ends as ever."""
    ours = configure(Config(config_file=None, log_format="none"))
    ours.shutdown()  # the thread has ended
    log = tmp_path / "app.jsonl"

    def refuse(*_: object, **__: object) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(SetupError, match=r"no thread can be started .*ulimit -u"):
        configure(Config(config_file=None, log_file=str(log), log_format="json"))
    before = stats().performance.calls
    assert _function(3) == 3
    assert stats().performance.calls == before + 1
    ours.shutdown()
    assert not log.exists() or log.read_text() == ""
